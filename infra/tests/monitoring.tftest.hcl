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
  archive         = "functions.yaml" # any file will do
  profiles        = "profiles/profiles.yaml"
}

run "all_that_the_data_says_is_made" {
  command = apply

  assert {
    condition     = toset([for m in google_logging_metric.this : m.name]) == toset([for name in keys(local.monitoring.metrics) : "benchkeeper_${name}"])
    error_message = "a metric of monitoring.yaml is not made, or another is"
  }

  assert {
    condition = alltrue([
      for name, m in google_logging_metric.this :
      m.metric_descriptor[0].value_type == (can(local.monitoring.metrics[name].value) ? "DISTRIBUTION" : "INT64") && length(m.bucket_options) == (can(local.monitoring.metrics[name].value) ? 1 : 0)
    ])
    error_message = "what has a value is a distribution with bounds, what has none is a counter"
  }

  assert {
    condition     = toset(google_logging_metric.this["phases"].metric_descriptor[0].labels[*].key) == toset(keys(google_logging_metric.this["phases"].label_extractors))
    error_message = "a label is described but not extracted, or the other way round"
  }

  assert {
    condition     = alltrue([for a in google_monitoring_alert_policy.this : a.conditions[0].condition_prometheus_query_language[0].disable_metric_validation])
    error_message = "the first apply would fail: its metrics are not known to Monitoring yet"
  }

  assert {
    condition     = alltrue([for a in concat(values(google_monitoring_alert_policy.this), values(google_monitoring_alert_policy.objective)) : startswith(a.documentation[0].content, "# ")])
    error_message = "an alert comes without its page of the runbook"
  }

  assert {
    condition     = alltrue([for name, a in google_monitoring_alert_policy.objective : length(a.conditions) == 2 && a.combiner == "AND"])
    error_message = "an objective alerts when both windows say so"
  }

  assert {
    condition     = alltrue([for a in google_monitoring_alert_policy.this : length(coalesce(a.notification_channels, [])) == 0]) && length(google_monitoring_notification_channel.email) == 0
    error_message = "without channels and an address nobody is told"
  }

  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles) == length(local.monitoring.charts)
    error_message = "a chart is missing on the dashboard"
  }

  assert {
    condition     = length(distinct([for t in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : "${try(t.xPos, 0)} ${try(t.yPos, 0)}"])) == length(local.monitoring.charts)
    error_message = "two charts are in the same place"
  }

  assert {
    condition     = alltrue([for t in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : try(t.xPos, 1) != 0 && try(t.yPos, 1) != 0])
    error_message = "a position of 0 comes back as none: every plan would change the dashboard"
  }
}

run "alerts_go_to_whom_they_should" {
  command = apply

  variables {
    alert_channels  = ["projects/demo-project/notificationChannels/1"]
    alert_email     = "data-platform@example.com"
    objective_goals = { ready = 0.8 }
  }

  assert {
    condition     = alltrue([for a in concat(values(google_monitoring_alert_policy.this), values(google_monitoring_alert_policy.objective)) : length(a.notification_channels) == 2])
    error_message = "an alert goes to the channel and to the address"
  }

  assert {
    condition     = google_monitoring_slo.this["ready"].goal == 0.8 && google_monitoring_slo.this["event-stored"].goal == 0.99
    error_message = "another goal for one objective leaves the others as they are"
  }
}

run "a_channel_by_its_short_name" {
  command = plan

  variables {
    alert_channels = ["1234567"]
  }

  expect_failures = [var.alert_channels]
}

run "a_name_is_no_address" {
  command = plan

  variables {
    alert_email = "data-platform"
  }

  expect_failures = [var.alert_email]
}

run "a_goal_of_an_unknown_objective" {
  command = plan

  variables {
    objective_goals = { stored = 0.9 }
  }

  expect_failures = [var.objective_goals]
}

run "a_goal_that_nothing_can_meet" {
  command = plan

  variables {
    objective_goals = { ready = 1 }
  }

  expect_failures = [var.objective_goals]
}
