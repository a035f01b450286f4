locals {
  alert_channels = concat(tolist(var.alert_channels), google_monitoring_notification_channel.email[*].id)
}

resource "google_monitoring_notification_channel" "email" {
  count = var.alert_email == null ? 0 : 1

  project      = var.project
  display_name = "Benchkeeper alerts"
  type         = "email"

  labels = {
    email_address = var.alert_email
  }

  lifecycle {
    create_before_destroy = true # Monitoring deletes no channel that an alert still names
  }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local.monitoring.alerts

  project               = var.project
  display_name          = "Benchkeeper: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.alert_channels

  conditions {
    display_name = each.value.title

    condition_prometheus_query_language {
      query               = each.value.query
      duration            = each.value.for
      evaluation_interval = "60s"

      # A metric made in the same apply, or one that has counted nothing yet, isn't known to Monitoring.
      disable_metric_validation = true
    }
  }

  # The page of the runbook goes with the alert: whoever is woken up needs no checkout.
  documentation {
    content   = file("${path.module}/../docs/runbook/${each.key}.md")
    mime_type = "text/markdown"
  }

  depends_on = [google_logging_metric.this]
}
