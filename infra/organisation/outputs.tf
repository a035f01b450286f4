output "filter" {
  description = "Which log entries are passed on; to try in the Logs Explorer of the organisation."
  value       = google_logging_organization_sink.identity_events.filter
}

output "topic" {
  description = "The topic of the entries."
  value       = google_pubsub_topic.identity_events.id
}
