output "apply_account" {
  description = "The value of `deployer` in the deployment's terraform.tfvars."
  value       = google_service_account.this["apply"].member
}

output "init" {
  description = "How to initialise the deployment in infra/."
  value       = "terraform init -backend-config=bucket=${google_storage_bucket.state.name}"
}

output "plans_bucket" {
  description = "Where the pipeline stores plans."
  value       = google_storage_bucket.plans.name
}

output "state_bucket" {
  description = "Where the state of the deployment is."
  value       = google_storage_bucket.state.name
}
