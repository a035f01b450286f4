output "account" {
  description = "The account that the function runs as: its short name, email, member, and name (projects/P/serviceAccounts/EMAIL)."
  value = {
    account_id = google_service_account.this.account_id
    email      = google_service_account.this.email
    member     = google_service_account.this.member
    name       = google_service_account.this.name
  }
}

output "deployers" {
  description = "Who besides owners may deploy what runs as the account."
  value       = google_service_account_iam_member.deployer[*].member
}

output "function" {
  description = "The function, as made."
  value       = google_cloudfunctions2_function.this
}

output "invokers" {
  description = "Who may call it, by which role, and the id of the binding."
  value       = { for key, binding in google_cloud_run_v2_service_iam_member.invoker : key => { id = binding.id, member = binding.member, role = binding.role } }
}

output "subscription" {
  description = "The push subscription, as made, and who may move its dead letters; null without a topic."
  value = var.delivery == null ? null : {
    subscription       = google_pubsub_subscription.push[0]
    dead_letters_agent = google_pubsub_subscription_iam_member.dead_letters[0].member
  }
}

output "uri" {
  description = "The URL of the service."
  value       = google_cloudfunctions2_function.this.service_config[0].uri
}
