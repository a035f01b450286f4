# Everything is mocked: these tests say what is planned, not what Google would accept.
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789" }
  }
  mock_resource "google_cloudfunctions2_function" {
    defaults = { service_config = { uri = "https://function.example.com" } }
  }
}

variables {
  project         = "demo-project"
  region          = "us-central1"
  allowed_domains = ["example.com", "example.org"]
  archive         = "functions.yaml" # any file will do
  profiles        = "profiles/profiles.yaml"
  fleet_readers   = ["group:operators@example.com"]
  publishers      = { onboarding = ["serviceAccount:hr@example.iam.gserviceaccount.com"], admin-events = ["group:operators@example.com"] }
  subscribers     = ["group:chat@example.com"]
}

run "every_entry_point_is_deployed" {
  command = apply

  assert {
    condition     = toset(keys(module.worker)) == toset(keys(local.functions)) && length(module.worker) >= 6
    error_message = "an entry point of functions.yaml has no function"
  }

  assert {
    condition     = alltrue([for name, w in module.worker : w.function.build_config[0].entry_point == name && w.function.build_config[0].runtime == "python313"])
    error_message = "a function starts something else than its entry point"
  }

  assert {
    condition     = length(distinct([for w in module.worker : w.account.name])) == length(module.worker)
    error_message = "two functions share an account"
  }

  assert {
    condition     = alltrue([for w in module.worker : w.function.service_config[0].service_account_email == w.account.email])
    error_message = "a function does not run as its own account"
  }

  assert {
    condition     = alltrue([for w in module.worker : w.function.build_config[0].service_account == google_service_account.build.id])
    error_message = "a function is not built by the build account"
  }

  assert {
    condition     = alltrue([for w in module.worker : w.function.build_config[0].environment_variables["SOURCE_DATE_EPOCH"] == "315532801"])
    error_message = "byte code would be compiled again at every cold start"
  }

  assert {
    condition     = alltrue([for w in module.worker : w.function.service_config[0].environment_variables["THREADS"] == tostring(w.function.service_config[0].max_instance_request_concurrency)])
    error_message = "requests would wait inside an instance"
  }

  assert {
    condition     = alltrue([for w in module.worker : length(w.function.event_trigger) == 0])
    error_message = "an Eventarc trigger would deliver each message a second time"
  }
}

run "every_topic_is_delivered" {
  command = apply

  assert {
    condition     = toset([for name, w in module.worker : name if w.subscription == null]) == toset(["fleet"])
    error_message = "only fleet is without a topic"
  }

  assert {
    condition = alltrue([
      for name, w in module.worker : w.subscription.subscription.topic == google_pubsub_topic.this[local.functions[name].topic].id
      if local.functions[name].topic != null
    ])
    error_message = "a subscription is of another topic than functions.yaml says"
  }

  assert {
    condition = alltrue([
      for name, w in module.worker : (
        w.subscription.subscription.push_config[0].push_endpoint == "${w.uri}/${google_pubsub_topic.this[local.functions[name].topic].id}"
        && w.subscription.subscription.push_config[0].oidc_token[0].audience == w.uri
        && w.subscription.subscription.push_config[0].oidc_token[0].service_account_email == google_service_account.push.email
      ) if local.functions[name].topic != null
    ])
    error_message = "the path of the endpoint must be the topic, the audience the service, the caller the push account"
  }

  assert {
    condition = alltrue([
      for name, w in module.worker : (
        w.subscription.subscription.ack_deadline_seconds == 600
        && w.function.service_config[0].timeout_seconds < 600
        && w.subscription.subscription.message_retention_duration == "604800s"
        && w.subscription.subscription.expiration_policy[0].ttl == ""
        && w.subscription.subscription.retry_policy[0].minimum_backoff == "10s"
        && w.subscription.subscription.retry_policy[0].maximum_backoff == "600s"
      ) if local.functions[name].topic != null
    ])
    error_message = "deadline 600 s and longer than the function's timeout, 7 days, never expires, back-off 10 to 600 s"
  }

  assert {
    condition = alltrue([
      for name, w in module.worker : (
        w.subscription.subscription.dead_letter_policy[0].dead_letter_topic == google_pubsub_topic.dead_letters.id
        && w.subscription.subscription.dead_letter_policy[0].max_delivery_attempts == 50
        && w.subscription.dead_letters_agent == "serviceAccount:service-123456789@gcp-sa-pubsub.iam.gserviceaccount.com"
      ) if local.functions[name].topic != null
    ])
    error_message = "a subscription without dead letters, or without the agent's right to move them"
  }

  assert {
    condition = (
      google_pubsub_subscription.dead_letters.topic == google_pubsub_topic.dead_letters.id
      && google_pubsub_subscription.dead_letters.expiration_policy[0].ttl == ""
      && google_pubsub_subscription.dead_letters.message_retention_duration == "2678400s"
      && google_pubsub_topic_iam_member.dead_letters.member == "serviceAccount:service-123456789@gcp-sa-pubsub.iam.gserviceaccount.com"
    )
    error_message = "dead letters must be kept for 31 days in a subscription that never expires"
  }

  assert {
    condition     = base64decode(google_cloud_scheduler_job.tick.pubsub_target[0].data) == "{\"scope\":\"due\"}" && google_cloud_scheduler_job.tick.pubsub_target[0].topic_name == google_pubsub_topic.this["reconcile"].id
    error_message = "the tick is {\"scope\":\"due\"} on topic reconcile"
  }
}

run "nobody_else_may_call" {
  command = apply

  assert {
    condition = alltrue([
      for name, w in module.worker : values(w.invokers)[*].member == [google_service_account.push.member]
      if local.functions[name].topic != null
    ])
    error_message = "a function behind a topic may be called by the push account only"
  }

  assert {
    condition     = values(module.worker["fleet"].invokers)[*].member == ["group:operators@example.com"]
    error_message = "fleet may be called by fleet_readers only"
  }

  assert {
    condition     = alltrue(flatten([for w in module.worker : [for i in values(w.invokers) : i.role == "roles/run.servicesInvoker"]]))
    error_message = "the role to call must be no wider"
  }

  assert {
    condition     = alltrue([for name, w in module.worker : w.function.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY" if local.functions[name].topic != null])
    error_message = "a function behind a topic can be reached from outside"
  }

  assert {
    condition     = { for k, m in google_pubsub_topic_iam_member.publisher : m.topic => m.member... } == { onboarding = ["serviceAccount:hr@example.iam.gserviceaccount.com"], admin-events = ["group:operators@example.com"] }
    error_message = "publishers are not those of the variable"
  }

  assert {
    condition     = alltrue([for b in google_storage_bucket.this : b.uniform_bucket_level_access && b.public_access_prevention == "enforced" && b.versioning[0].enabled && !b.force_destroy])
    error_message = "a bucket could be public, lose versions, or be deleted with what it holds"
  }
}

run "state_outlives_everything" {
  command = apply

  assert {
    condition = (
      google_firestore_database.state.delete_protection_state == "DELETE_PROTECTION_ENABLED"
      && google_firestore_database.state.deletion_policy == "ABANDON"
      && google_firestore_database.state.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED"
      && google_firestore_backup_schedule.daily.database == google_firestore_database.state.name
    )
    error_message = "the database must be protected, recoverable and backed up"
  }

  assert {
    condition     = alltrue([for f in google_firestore_field.exempt : length(f.index_config) == 1 && length(f.index_config[0].indexes) == 0 && length(f.ttl_config) == 0])
    error_message = "an exempt field has an index or a time to live"
  }

  assert {
    condition     = alltrue([for s in google_project_service.this : s.disable_on_destroy == false])
    error_message = "destroying would switch off an API that notebooks need"
  }
}
