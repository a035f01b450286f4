locals {
  # Days for which a replaced or deleted object can be brought back.
  buckets = {
    source    = 90 # archives of earlier releases, to go back to
    profiles  = 90
    templates = 30 # people's cluster templates; they go when their person leaves
  }
}

resource "google_storage_bucket" "this" {
  #checkov:skip=CKV_GCP_62:Cloud Audit Logs tell who read and wrote; bucket usage logs are best effort
  for_each = local.buckets

  project                     = var.project
  name                        = "${var.project}-benchkeeper-${each.key}"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false # a bucket that holds something is not deleted

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = each.value
      with_state                 = "ARCHIVED"
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key[*]
    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.this, google_kms_crypto_key_iam_member.agents]
}

# The name changes with the content: that is what makes Cloud Functions build anew, and nothing else does.
resource "google_storage_bucket_object" "source" {
  bucket = google_storage_bucket.this["source"].name
  name   = "benchkeeper-${filesha256(var.archive)}.zip"
  source = var.archive

  lifecycle {
    create_before_destroy = true # the functions still name the former one while they are updated
  }
}

# One object, so that a set of profiles changes as a whole or not at all.
resource "google_storage_bucket_object" "profiles" {
  bucket       = google_storage_bucket.this["profiles"].name
  name         = "profiles.json"
  source       = var.profiles
  content_type = "application/json"
}
