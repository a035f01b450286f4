output "accounts" {
  description = "The account of each function."
  value       = { for name, worker in module.worker : name => worker.account.email }
}

output "dead_letters" {
  description = "The subscription that keeps what no function took."
  value       = google_pubsub_subscription.dead_letters.id
}

output "fleet_url" {
  description = "The fleet API. It answers fleet_readers only."
  value       = module.worker["fleet"].uri
}

output "made" {
  description = "What must outlive every new release, each by the name we give and the identity it got: accounts, buckets, callers, the database, functions, subscriptions, topics."
  value = {
    accounts      = { for name, worker in module.worker : name => [worker.account.account_id, worker.account.name] }
    buckets       = { for bucket in google_storage_bucket.this : bucket.name => bucket.id }
    callers       = { for name, worker in module.worker : name => values(worker.invokers)[*].id }
    database      = { (google_firestore_database.state.name) = google_firestore_database.state.id }
    functions     = { for worker in values(module.worker) : worker.function.name => worker.function.id }
    subscriptions = { for worker in values(module.worker)[*].subscription : worker.subscription.name => worker.subscription.id if worker != null }
    topics        = { for topic in google_pubsub_topic.this : topic.name => topic.id }
  }
}

output "settings" {
  description = "The settings of the functions."
  value       = local.settings
}

output "topics" {
  description = "Full names of the topics, by name."
  value       = { for name, topic in google_pubsub_topic.this : name => topic.id }
}

output "try" {
  description = "Commands to see that it works; EMAIL is somebody of an allowed domain."
  value       = <<-EOT
    gcloud pubsub topics publish onboarding --project=${var.project} --message='{"email":"EMAIL"}'
    curl -sS -H "Authorization: Bearer $(gcloud auth print-identity-token)" ${module.worker["fleet"].uri}/environments/EMAIL
    gcloud workbench instances list --project=${var.project} --location=-
    gcloud pubsub topics publish offboarding --project=${var.project} --message='{"email":"EMAIL","immediate":true}'
    curl -sS -H "Authorization: Bearer $(gcloud auth print-identity-token)" ${module.worker["fleet"].uri}/parked
    gcloud pubsub subscriptions pull ${google_pubsub_subscription.dead_letters.name} --project=${var.project} --limit=5
    gcloud logging read 'resource.type="cloud_run_revision" AND jsonPayload.action:*' --project=${var.project} --limit=20
  EOT
}
