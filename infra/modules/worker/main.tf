# One entry point of main.py: a function with an account of its own and, if it is behind a topic, a push subscription
# with dead letters. Deployed as an HTTP function: an Eventarc trigger would make a subscription without dead letters,
# with a retention of a day (docs/decisions/2026-11-27-push-subscriptions-of-our-own.md).
locals {
  full_name = "benchkeeper-${var.name}"
}

resource "google_service_account" "this" {
  project      = var.project
  account_id   = local.full_name
  display_name = "Benchkeeper: ${var.name}"
}

resource "google_service_account_iam_member" "deployer" {
  count = var.deployer == null ? 0 : 1

  service_account_id = google_service_account.this.name
  role               = "roles/iam.serviceAccountUser"
  member             = var.deployer
}

resource "google_cloudfunctions2_function" "this" {
  project      = var.project
  location     = var.region
  name         = local.full_name
  kms_key_name = var.kms_key

  build_config {
    runtime           = var.runtime
    entry_point       = var.name
    service_account   = var.build_account
    docker_repository = var.docker_repository

    environment_variables = {
      # The build resets the times of all files. With this, compileall writes byte code that is checked by the source's
      # hash instead of its time; otherwise every cold start would compile our files again.
      SOURCE_DATE_EPOCH = "315532801"
    }

    source {
      storage_source {
        bucket = var.source_archive.bucket
        object = var.source_archive.object
      }
    }
  }

  service_config {
    available_cpu                    = tostring(var.function.cpu)
    available_memory                 = var.function.memory
    max_instance_count               = var.function.max_instances
    max_instance_request_concurrency = var.function.concurrency
    timeout_seconds                  = var.function.timeout
    ingress_settings                 = var.ingress
    service_account_email            = google_service_account.this.email
    vpc_connector                    = var.vpc_connector
    vpc_connector_egress_settings    = var.vpc_connector == null ? null : "ALL_TRAFFIC"

    # functions-framework starts THREADS threads; with fewer than the concurrency, requests would wait inside.
    environment_variables = merge(var.environment, { THREADS = tostring(var.function.concurrency) })
  }

  depends_on = [google_service_account_iam_member.deployer]
}

# A function is a Cloud Run service of the same name, and that is where the right to call it is granted.
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = var.invokers

  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.this.name
  role     = "roles/run.servicesInvoker" # run.routes.invoke and nothing else
  member   = each.value

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.this.id] # a new function has lost it
  }
}

resource "google_pubsub_subscription" "push" {
  count = var.delivery == null ? 0 : 1

  project                    = var.project
  name                       = local.full_name
  topic                      = var.delivery.topic
  ack_deadline_seconds       = 600       # how long a push may take; the default, 10 s, would repeat it meanwhile
  message_retention_duration = "604800s" # 7 days

  expiration_policy {
    ttl = "" # never; the default deletes a subscription after 31 quiet days
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = var.delivery.dead_letters
    max_delivery_attempts = 50 # about seven hours: an outage of Firestore should not fill the dead letters
  }

  push_config {
    # functions-framework reads the topic from the path; Cloud Run wants its own URL as the audience.
    push_endpoint = "${google_cloudfunctions2_function.this.service_config[0].uri}/${var.delivery.topic}"

    oidc_token {
      service_account_email = var.delivery.push_account
      audience              = google_cloudfunctions2_function.this.service_config[0].uri
    }
  }

  depends_on = [google_cloud_run_v2_service_iam_member.invoker]
}

# Without this Pub/Sub's agent can't acknowledge what it moves to the dead letters, and says so nowhere.
resource "google_pubsub_subscription_iam_member" "dead_letters" {
  count = var.delivery == null ? 0 : 1

  project      = var.project
  subscription = google_pubsub_subscription.push[0].name
  role         = "roles/pubsub.subscriber"
  member       = var.delivery.pubsub_agent

  lifecycle {
    replace_triggered_by = [google_pubsub_subscription.push[count.index].id] # a new subscription has lost it
  }
}
