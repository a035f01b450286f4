# What the functions read from their environment: docs/operations.md, "Settings". Every name is a field of
# shared/settings.py, which a test compares.
locals {
  settings = {
    ALLOWED_DOMAINS     = join(",", var.allowed_domains)
    ANNOUNCEMENTS_TOPIC = google_pubsub_topic.this["environment-events"].name
    CONVERGE_TOPIC      = google_pubsub_topic.this["converge"].name
    CREATIONS_LIMIT     = tostring(var.creations_limit)
    LOG_LEVEL           = var.log_level
    OLDER_KINDS         = var.older_kinds ? "on" : "off"
    PROFILES            = "gs://${google_storage_bucket.this["profiles"].name}/${google_storage_bucket_object.profiles.name}"
    PROJECT             = var.project
    REGION              = var.region
    STATE               = "firestore:${google_firestore_database.state.name}"
    TEMPLATES_BUCKET    = google_storage_bucket.this["templates"].name
  }
}
