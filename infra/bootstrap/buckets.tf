resource "google_storage_bucket" "state" {
  #checkov:skip=CKV_GCP_62:Cloud Audit Logs tell who read and wrote; bucket usage logs are best effort
  project                     = var.project
  name                        = "${var.project}-benchkeeper-state"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  versioning {
    enabled = true
  }

  lifecycle {
    prevent_destroy = true # without the state Terraform knows nothing of what it has made
  }

  depends_on = [google_project_service.this]
}

# Plans, and the archives they were made with, by commit below plans/: what the pipeline applies and goes back to. Which
# commit is in force is in applied/commit.
resource "google_storage_bucket" "plans" {
  #checkov:skip=CKV_GCP_62:Cloud Audit Logs tell who read and wrote; bucket usage logs are best effort
  project                     = var.project
  name                        = "${var.project}-benchkeeper-plans"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 90
      with_state                 = "ARCHIVED"
    }
  }

  depends_on = [google_project_service.this]
}
