# The minute tick. Scheduler publishes as its own agent, whose role in the project lets it.
resource "google_cloud_scheduler_job" "tick" {
  project     = var.project
  region      = var.region
  name        = "benchkeeper-tick"
  description = "Benchkeeper: continue with whoever is due"
  schedule    = "* * * * *"
  time_zone   = "Etc/UTC"

  pubsub_target {
    topic_name = google_pubsub_topic.this["reconcile"].id
    data       = base64encode(jsonencode({ scope = "due" }))
  }

  depends_on = [google_project_service.this]
}
