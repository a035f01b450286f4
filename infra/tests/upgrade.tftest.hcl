# What changes between two applies. A mocked provider replaces nothing by itself, so this sees what our own
# references do: names, keys of for_each, replace_triggered_by.
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
  allowed_domains = ["example.com"]
  archive         = "functions.yaml"
  profiles        = "profiles/profiles.yaml"
  fleet_readers   = ["group:operators@example.com"]
}

run "release" {
  command = apply
}

run "next_release" {
  command = apply

  variables {
    archive = "grants.yaml"
  }

  assert {
    condition     = google_storage_bucket_object.source.name == "benchkeeper-${filesha256("grants.yaml")}.zip"
    error_message = "the object's name must follow the content"
  }

  assert {
    condition     = alltrue([for w in module.worker : w.function.build_config[0].source[0].storage_source[0].object == google_storage_bucket_object.source.name])
    error_message = "a function was not built anew"
  }

  assert {
    condition     = output.made == run.release.made
    error_message = "something else than the archive was made anew"
  }
}

run "next_profiles" {
  command = apply

  variables {
    archive  = "grants.yaml"
    profiles = "firestore.yaml"
  }

  assert {
    condition     = google_storage_bucket_object.profiles.source == "firestore.yaml" && output.settings == run.next_release.settings && output.made == run.next_release.made
    error_message = "new profiles must not touch the functions"
  }
}
