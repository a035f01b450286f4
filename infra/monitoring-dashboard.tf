locals {
  # Sixteen of the dashboard's 48 columns each. A position of 0 is left out, as the API does when it is read again: it
  # would be a change in every plan.
  _tiles = [
    for i, chart in local.monitoring.charts : merge(
      i % 3 == 0 ? {} : { xPos = i % 3 * 16 },
      i < 3 ? {} : { yPos = floor(i / 3) * 16 },
      {
        width  = 16
        height = 16
        widget = {
          title = chart.title
          xyChart = {
            dataSets = [for legend, query in chart.lines : {
              legendTemplate  = legend
              plotType        = "LINE"
              targetAxis      = "Y1"
              timeSeriesQuery = { prometheusQuery = query }
            }]
          }
        }
      }
    )
  ]
}

resource "google_monitoring_dashboard" "this" {
  project = var.project

  dashboard_json = jsonencode({
    displayName  = "Benchkeeper"
    mosaicLayout = { columns = 48, tiles = local._tiles }
  })

  depends_on = [google_logging_metric.this]
}
