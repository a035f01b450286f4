resource "google_project_service" "resource_manager" {
  project            = var.project
  service            = "cloudresourcemanager.googleapis.com"
  disable_on_destroy = false
}

resource "google_project_service" "this" {
  for_each = toset(concat(var.kms_key == null ? [] : ["cloudkms.googleapis.com"], [
    "aiplatform.googleapis.com", # agents of notebooks on managed end-user credentials
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudscheduler.googleapis.com",
    "compute.googleapis.com",
    "dataproc.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "notebooks.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "storage.googleapis.com",
  ]))

  project            = var.project
  service            = each.key
  disable_on_destroy = false # notebooks and what else is in the project go on needing them

  depends_on = [google_project_service.resource_manager]
}
