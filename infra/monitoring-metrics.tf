locals {
  monitoring = yamldecode(file("${path.module}/monitoring.yaml"))

  # A 2nd gen function writes its log as the Cloud Run service of the same name.
  _ours = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=~\"^benchkeeper-\""
}

resource "google_logging_metric" "this" {
  for_each = local.monitoring.metrics

  project     = var.project
  name        = "benchkeeper_${each.key}"
  description = each.value.description
  filter      = "${local._ours} AND (${each.value.filter})"

  value_extractor  = can(each.value.value) ? "EXTRACT(${each.value.value})" : null
  label_extractors = { for label, field in try(each.value.labels, {}) : label => "EXTRACT(${field})" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = can(each.value.value) ? "DISTRIBUTION" : "INT64"
    unit        = try(each.value.unit, "1")

    dynamic "labels" {
      for_each = try(each.value.labels, {})

      content {
        key         = labels.key
        value_type  = "STRING"
        description = labels.value
      }
    }
  }

  dynamic "bucket_options" {
    for_each = can(each.value.value) ? [each.value.bounds] : []

    content {
      explicit_buckets {
        bounds = bucket_options.value
      }
    }
  }

  depends_on = [google_project_service.this]
}
