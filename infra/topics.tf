locals {
  topics = toset(concat(compact([for f in local.functions : f.topic]), ["environment-events"]))

  publishers = merge(concat(
    [for topic, members in var.publishers : { for m in members : "${topic} ${m}" => { topic = topic, member = m } }],
    # Who deploys also verifies: a canary joins and leaves.
    [for topic in ["onboarding", "offboarding"] : { for m in var.deployer[*] : "${topic} ${m}" => { topic = topic, member = m } }],
  )...)
}

resource "google_pubsub_topic" "this" {
  for_each = local.topics

  project                    = var.project
  name                       = each.key
  kms_key_name               = var.kms_key
  message_retention_duration = "604800s" # 7 days, to send events again after the database was restored to an earlier time

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.this, google_kms_crypto_key_iam_member.agents]
}

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = local.publishers

  project = var.project
  topic   = google_pubsub_topic.this[each.value.topic].name
  role    = "roles/pubsub.publisher"
  member  = each.value.member
}

# To attach a subscription takes this role on the topic; the subscription itself is its owner's.
resource "google_pubsub_topic_iam_member" "subscriber" {
  for_each = var.subscribers

  project = var.project
  topic   = google_pubsub_topic.this["environment-events"].name
  role    = "roles/pubsub.subscriber"
  member  = each.key
}

# What no function took in 50 tries. Nothing reads it: an alert tells a person (docs/operations.md).
resource "google_pubsub_topic" "dead_letters" {
  project      = var.project
  name         = "benchkeeper-dead-letters"
  kms_key_name = var.kms_key

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.this, google_kms_crypto_key_iam_member.agents]
}

resource "google_pubsub_subscription" "dead_letters" {
  project                    = var.project
  name                       = "benchkeeper-dead-letters"
  topic                      = google_pubsub_topic.dead_letters.id
  ack_deadline_seconds       = 60
  message_retention_duration = "2678400s" # 31 days, the longest there is

  expiration_policy {
    ttl = "" # never; the default is 31 days without a reader
  }
}

# Pub/Sub's agent moves messages here; the grant on each source subscription is in modules/worker.
resource "google_pubsub_topic_iam_member" "dead_letters" {
  project = var.project
  topic   = google_pubsub_topic.dead_letters.name
  role    = "roles/pubsub.publisher"
  member  = local.agent.pubsub
}
