resource "google_service_account" "push" {
  project      = var.project
  account_id   = "benchkeeper-push"
  display_name = "Benchkeeper: Pub/Sub delivers as this account"

  depends_on = [google_project_service.this]
}

resource "google_service_account" "build" {
  project      = var.project
  account_id   = "benchkeeper-build"
  display_name = "Benchkeeper: builds the functions"

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "build_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

resource "google_artifact_registry_repository_iam_member" "build" {
  project    = var.project
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

resource "google_storage_bucket_iam_member" "build_source" {
  bucket = google_storage_bucket.this["source"].name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}

# Cloud Functions copies the archive to a bucket of its own, which no Terraform resource names, and builds from there.
resource "google_project_iam_member" "build_copied_source" {
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title      = "benchkeeper-copied-source"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${data.google_project.this.number}-${var.region}\")"
  }
}

# To deploy what acts as an account takes iam.serviceAccounts.actAs on it; of the functions' own accounts this is in
# modules/worker.
resource "google_service_account_iam_member" "deployer" {
  for_each = var.deployer == null ? {} : { build = google_service_account.build.name, push = google_service_account.push.name }

  service_account_id = each.value
  role               = "roles/iam.serviceAccountUser"
  member             = var.deployer
}
