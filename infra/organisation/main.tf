# What happens to people in Google Workspace or Cloud Identity, as log entries on a topic. Entries are those of the
# organisation itself and arrive only if a super administrator shares them with Google Cloud (README.md).
#
# No function reads this topic yet: entries wait 31 days on it, so that one that is added later can begin with them.
locals {
  methods = join(" OR ", formatlist("\"google.admin.AdminService.%s\"", var.methods))
}

resource "google_pubsub_topic" "identity_events" {
  project                    = var.project
  name                       = "identity-events"
  kms_key_name               = var.kms_key
  message_retention_duration = "2678400s" # 31 days, the longest there is

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}

resource "google_logging_organization_sink" "identity_events" {
  name             = "benchkeeper-identity-events"
  description      = "Benchkeeper: changes of people and groups"
  org_id           = var.organization_id
  destination      = "pubsub.googleapis.com/${google_pubsub_topic.identity_events.id}"
  include_children = false # projects and folders have no such entries

  filter = join(" AND ", [
    "logName=\"organizations/${var.organization_id}/logs/cloudaudit.googleapis.com%2Factivity\"",
    "protoPayload.serviceName=\"admin.googleapis.com\"",
    "protoPayload.methodName=(${local.methods})",
  ])
}

resource "google_pubsub_topic_iam_member" "sink" {
  project = var.project
  topic   = google_pubsub_topic.identity_events.name
  role    = "roles/pubsub.publisher"
  member  = google_logging_organization_sink.identity_events.writer_identity
}
