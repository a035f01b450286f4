mock_provider "google" {
  mock_resource "google_logging_organization_sink" {
    defaults = { writer_identity = "serviceAccount:service-org-1@gcp-sa-logging.iam.gserviceaccount.com" }
  }
}

variables {
  project         = "demo-project"
  region          = "us-central1"
  organization_id = "1234567890"
}

run "entries_reach_the_topic" {
  command = apply

  assert {
    condition     = google_logging_organization_sink.identity_events.destination == "pubsub.googleapis.com/${google_pubsub_topic.identity_events.id}"
    error_message = "the sink writes somewhere else"
  }

  assert {
    condition     = google_pubsub_topic_iam_member.sink.member == google_logging_organization_sink.identity_events.writer_identity && google_pubsub_topic_iam_member.sink.topic == "identity-events"
    error_message = "the sink may not publish: its entries would be lost"
  }

  assert {
    condition     = strcontains(output.filter, "(\"google.admin.AdminService.addGroupMember\" OR ") && strcontains(output.filter, "organizations/1234567890/logs/")
    error_message = "the filter is not that of the organisation's audit log"
  }
}

run "a_name_is_no_organisation" {
  command         = plan
  expect_failures = [var.organization_id]

  variables {
    organization_id = "example.com"
  }
}
