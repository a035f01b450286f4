resource "google_monitoring_custom_service" "this" {
  project      = var.project
  service_id   = "benchkeeper"
  display_name = "Benchkeeper"

  depends_on = [google_project_service.this]
}

resource "google_monitoring_slo" "this" {
  for_each = local.monitoring.objectives

  project             = var.project
  service             = google_monitoring_custom_service.this.service_id
  slo_id              = each.key
  display_name        = each.value.title
  goal                = lookup(var.objective_goals, each.key, each.value.goal)
  rolling_period_days = 28

  request_based_sli {
    distribution_cut {
      distribution_filter = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.this[each.value.metric].name}\" AND resource.type=\"cloud_run_revision\""

      range {
        max = each.value.within
      }
    }
  }
}

# Three times faster than the goal allows, over a day and still so in the last two hours. PromQL can't ask for this.
resource "google_monitoring_alert_policy" "objective" {
  for_each = local.monitoring.objectives

  project               = var.project
  display_name          = "Benchkeeper: missed too often: ${each.value.title}"
  combiner              = "AND"
  severity              = "WARNING"
  notification_channels = local.alert_channels

  dynamic "conditions" {
    for_each = { day = "86400s", hours = "7200s" }

    content {
      display_name = "Over ${conditions.value}"

      condition_threshold {
        filter          = "select_slo_burn_rate(\"${google_monitoring_slo.this[each.key].name}\", \"${conditions.value}\")"
        comparison      = "COMPARISON_GT"
        threshold_value = 3
        duration        = "0s"
      }
    }
  }

  documentation {
    content   = file("${path.module}/../docs/runbook/objective-${each.key}.md")
    mime_type = "text/markdown"
  }
}
