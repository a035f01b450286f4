resource "google_artifact_registry_repository" "images" {
  project       = var.project
  location      = var.region
  repository_id = "benchkeeper"
  description   = "Benchkeeper: what Cloud Functions builds"
  format        = "DOCKER"
  kms_key_name  = var.kms_key

  # What runs is the newest image of its function, and always among the ten.
  cleanup_policies {
    id     = "keep-the-newest"
    action = "KEEP"

    most_recent_versions {
      keep_count = 10
    }
  }

  cleanup_policies {
    id     = "delete-the-old"
    action = "DELETE"

    condition {
      older_than = "7776000s" # 90 days
    }
  }

  depends_on = [google_project_service.this, google_kms_crypto_key_iam_member.agents]
}

locals {
  # Who deploys also verifies: a canary joins, is looked up, and leaves.
  fleet_callers = { for m in setunion(var.fleet_readers, compact([var.deployer])) : m => m }
}

module "worker" {
  source   = "./modules/worker"
  for_each = local.functions

  name    = each.key
  project = var.project
  region  = var.region

  function          = each.value
  runtime           = var.runtime
  source_archive    = { bucket = google_storage_bucket_object.source.bucket, object = google_storage_bucket_object.source.name }
  build_account     = google_service_account.build.id
  docker_repository = google_artifact_registry_repository.images.id
  environment       = local.settings
  deployer          = var.deployer
  ingress           = each.value.topic == null ? var.fleet_ingress : "ALLOW_INTERNAL_ONLY"
  invokers          = each.value.topic == null ? local.fleet_callers : { push = google_service_account.push.member }
  kms_key           = var.kms_key
  vpc_connector     = var.vpc_connector

  delivery = each.value.topic == null ? null : {
    topic        = google_pubsub_topic.this[each.value.topic].id
    dead_letters = google_pubsub_topic.dead_letters.id
    push_account = google_service_account.push.email
    pubsub_agent = local.agent.pubsub
  }

  # A function is built while it is made: what the build needs must be there before.
  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_kms_crypto_key_iam_member.agents,
    google_project_iam_member.build_copied_source,
    google_project_iam_member.build_logs,
    google_project_service.this,
    google_pubsub_topic_iam_member.dead_letters,
    google_service_account_iam_member.deployer,
    google_storage_bucket_iam_member.build_source,
  ]
}
