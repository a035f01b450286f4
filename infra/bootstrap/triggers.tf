locals {
  substitutions = merge(var.substitutions, {
    _PLANS_BUCKET = google_storage_bucket.plans.name
    _STATE_BUCKET = google_storage_bucket.state.name
  })
}

# A build has no step that waits for a person, so the approval stands before a second build, which applies the plan that
# the first has stored under the same commit.
resource "google_cloudbuild_trigger" "this" {
  for_each = var.repository == null ? {} : { plan = "cloudbuild.yaml", apply = "cloudbuild-apply.yaml" }

  project         = var.project
  location        = var.region
  name            = "benchkeeper-${each.key}"
  filename        = each.value
  service_account = google_service_account.this[each.key].id
  substitutions   = local.substitutions

  repository_event_config {
    repository = var.repository
    push {
      branch = var.branch
    }
  }

  approval_config {
    approval_required = each.key == "apply"
  }

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "approver" {
  for_each = var.approvers

  project = var.project
  role    = "roles/cloudbuild.builds.approver"
  member  = each.key

  depends_on = [google_project_service.this]
}
