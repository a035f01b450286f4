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
  region          = "europe-west4"
  allowed_domains = ["example.com"]
  archive         = "functions.yaml"
  profiles        = "profiles/profiles.yaml"
}

run "without_options" {
  command = apply

  assert {
    condition     = length(google_kms_crypto_key_iam_member.agents) == 0 && length(google_service_account_iam_member.deployer) == 0 && alltrue([for w in module.worker : length(w.deployers) == 0])
    error_message = "without a key and a pipeline nobody needs these rights"
  }

  assert {
    condition     = alltrue([for w in module.worker : w.function.service_config[0].vpc_connector == null && length(w.invokers) == (w.subscription == null ? 0 : 1)])
    error_message = "by default no connector, and nobody may ask fleet"
  }

  assert {
    condition     = google_firestore_database.state.location_id == "europe-west4" && local.settings.REGION == "europe-west4"
    error_message = "the database is in the region unless it is said otherwise"
  }
}

run "own_key" {
  command = apply

  variables {
    kms_key = "projects/keys/locations/europe-west4/keyRings/r/cryptoKeys/k"
  }

  assert {
    condition = alltrue(concat(
      [for t in google_pubsub_topic.this : t.kms_key_name == var.kms_key],
      [for b in google_storage_bucket.this : b.encryption[0].default_kms_key_name == var.kms_key],
      [for w in module.worker : w.function.kms_key_name == var.kms_key],
      [google_pubsub_topic.dead_letters.kms_key_name == var.kms_key],
      [google_artifact_registry_repository.images.kms_key_name == var.kms_key],
      [google_firestore_database.state.cmek_config[0].kms_key_name == var.kms_key],
    ))
    error_message = "something that stores data is not encrypted with the key"
  }

  assert {
    condition     = contains(keys(google_project_service.this), "cloudkms.googleapis.com")
    error_message = "who may use the key is asked of an API that is off"
  }

  assert {
    condition     = contains(values(google_kms_crypto_key_iam_member.agents)[*].member, "serviceAccount:service-123456789@gcp-sa-firestore.iam.gserviceaccount.com") && length(google_kms_crypto_key_iam_member.agents) == 6
    error_message = "each agent that stores data must be able to use the key"
  }
}

run "own_network_and_pipeline" {
  command = apply

  # That somebody lists the deployer among the readers and publishers, too, makes no second binding.
  variables {
    fleet_readers = ["serviceAccount:benchkeeper-apply@demo-project.iam.gserviceaccount.com"]
    publishers    = { onboarding = ["serviceAccount:benchkeeper-apply@demo-project.iam.gserviceaccount.com"] }
    vpc_connector = "projects/demo-project/locations/europe-west4/connectors/c"
    deployer      = "serviceAccount:benchkeeper-apply@demo-project.iam.gserviceaccount.com"
  }

  assert {
    condition     = alltrue([for w in module.worker : w.function.service_config[0].vpc_connector == var.vpc_connector && w.function.service_config[0].vpc_connector_egress_settings == "ALL_TRAFFIC"])
    error_message = "all calls must leave through the connector"
  }

  assert {
    condition     = alltrue([for w in module.worker : w.deployers == [var.deployer]]) && values(google_service_account_iam_member.deployer)[*].member == [var.deployer, var.deployer]
    error_message = "the pipeline must be able to deploy as each account"
  }

  assert {
    condition     = module.worker["fleet"].invokers[var.deployer].role == "roles/run.servicesInvoker" && sort([for p in google_pubsub_topic_iam_member.publisher : p.topic if p.member == var.deployer]) == tolist(["offboarding", "onboarding"]) && length(module.worker["fleet"].invokers) == 1
    error_message = "the pipeline's canary joins, asks fleet and leaves, and may send no orders of an admin"
  }
}
