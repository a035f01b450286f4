# Wrong values are refused before anything is planned.
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789" }
  }
}

variables {
  project         = "demo-project"
  region          = "us-central1"
  allowed_domains = ["example.com"]
  archive         = "functions.yaml"
  profiles        = "profiles/profiles.yaml"
}

run "a_zone_is_no_region" {
  command         = plan
  expect_failures = [var.region]

  variables {
    region = "us-central1-a"
  }
}

run "a_number_is_no_project" {
  command         = plan
  expect_failures = [var.project]

  variables {
    project = "123456789012"
  }
}

run "no_domain" {
  command         = plan
  expect_failures = [var.allowed_domains]

  variables {
    allowed_domains = []
  }
}

run "an_address_is_no_domain" {
  command         = plan
  expect_failures = [var.allowed_domains]

  variables {
    allowed_domains = ["example.com", "ana@example.com"]
  }
}

run "fleet_is_not_for_the_public" {
  command         = plan
  expect_failures = [var.fleet_readers]

  variables {
    fleet_readers = ["allUsers"]
  }
}

run "nor_for_everybody_with_an_account" {
  command         = plan
  expect_failures = [var.fleet_readers]

  variables {
    fleet_readers = ["group:operators@example.com", "allAuthenticatedUsers"]
  }
}

run "the_public_publishes_nothing" {
  command         = plan
  expect_failures = [var.publishers]

  variables {
    publishers = { offboarding = ["allUsers"] }
  }
}

run "internal_topics_have_no_publishers" {
  command         = plan
  expect_failures = [var.publishers]

  variables {
    publishers = { converge = ["group:operators@example.com"] }
  }
}

run "announcements_are_not_for_a_whole_domain" {
  command         = plan
  expect_failures = [var.subscribers]

  variables {
    subscribers = ["domain:example.com"]
  }
}

run "a_half_notebook" {
  command         = plan
  expect_failures = [var.creations_limit]

  variables {
    creations_limit = 0.5
  }
}

run "a_key_by_its_short_name" {
  command         = plan
  expect_failures = [var.kms_key]

  variables {
    kms_key = "my-key"
  }
}

run "a_person_is_no_pipeline" {
  command         = plan
  expect_failures = [var.deployer]

  variables {
    deployer = "user:ana@example.com"
  }
}

run "metrics_need_info" {
  command         = plan
  expect_failures = [var.log_level]

  variables {
    log_level = "ERROR"
  }
}

run "an_unknown_runtime" {
  command         = plan
  expect_failures = [var.runtime]

  variables {
    runtime = "python310"
  }
}

run "a_database_name_with_capitals" {
  command         = plan
  expect_failures = [var.database]

  variables {
    database = "State"
  }
}

run "a_network_is_no_connector" {
  command         = plan
  expect_failures = [var.vpc_connector]

  variables {
    vpc_connector = "default"
  }
}

run "an_unknown_ingress" {
  command         = plan
  expect_failures = [var.fleet_ingress]

  variables {
    fleet_ingress = "all"
  }
}

run "no_archive_yet" {
  command         = plan
  expect_failures = [var.archive]

  variables {
    archive = "missing.zip"
  }
}

run "no_profiles_yet" {
  command         = plan
  expect_failures = [var.profiles]

  variables {
    profiles = "missing.json"
  }
}

run "a_zone_holds_no_database" {
  command         = plan
  expect_failures = [var.database_location]

  variables {
    database_location = "us-central1-a"
  }
}

run "a_key_of_another_region" {
  command         = plan
  expect_failures = [var.kms_key]

  variables {
    kms_key = "projects/keys/locations/us/keyRings/r/cryptoKeys/k"
  }
}

run "one_key_for_two_locations" {
  command         = plan
  expect_failures = [var.database_location]

  variables {
    kms_key           = "projects/keys/locations/us-central1/keyRings/r/cryptoKeys/k"
    database_location = "nam5"
  }
}

run "a_key_with_the_database_named_in_the_region" {
  command = plan

  variables {
    kms_key           = "projects/keys/locations/us-central1/keyRings/r/cryptoKeys/k"
    database_location = "us-central1"
  }

  assert {
    condition     = google_firestore_database.state.location_id == "us-central1"
    error_message = "the database is where the key is"
  }
}

run "a_connector_of_another_region" {
  command         = plan
  expect_failures = [var.vpc_connector]

  variables {
    vpc_connector = "projects/demo-project/locations/europe-west4/connectors/c"
  }
}
