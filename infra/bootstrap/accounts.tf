# Who plans may read; who applies may write, after an approval. A plan runs whatever was pushed, so it must not be able
# to change anything, nor read what people have stored.
locals {
  permissions = yamldecode(file("${path.module}/permissions.yaml"))

  accounts = {
    plan  = { title = "plans", permissions = local.permissions.read }
    apply = { title = "applies a plan", permissions = concat(local.permissions.read, local.permissions.write) }
  }

  bucket_prefix = "projects/_/buckets/${var.project}-benchkeeper"
  plans_objects = "projects/_/buckets/${google_storage_bucket.plans.name}/objects"
}

resource "google_service_account" "this" {
  for_each = local.accounts

  project      = var.project
  account_id   = "benchkeeper-${each.key}"
  display_name = "Benchkeeper: ${each.value.title} in the pipeline"

  depends_on = [google_project_service.this]
}

resource "google_project_iam_custom_role" "this" {
  for_each = local.accounts

  project     = var.project
  role_id     = "benchkeeper_pipeline_${each.key}"
  title       = "Benchkeeper: ${each.value.title}"
  permissions = each.value.permissions

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "this" {
  for_each = local.accounts

  project = var.project
  role    = google_project_iam_custom_role.this[each.key].id
  member  = google_service_account.this[each.key].member
}

resource "google_project_iam_member" "logs" {
  for_each = local.accounts

  project = var.project
  role    = "roles/logging.logWriter" # of their builds
  member  = google_service_account.this[each.key].member
}

# The archives and the profiles, which Terraform uploads; not people's templates.
resource "google_project_iam_member" "objects" {
  for_each = { plan = "roles/storage.objectViewer", apply = "roles/storage.objectUser" }

  project = var.project
  role    = each.value
  member  = google_service_account.this[each.key].member

  condition {
    title      = "benchkeeper-source-and-profiles"
    expression = "resource.name.startsWith(\"${local.bucket_prefix}-source\") || resource.name.startsWith(\"${local.bucket_prefix}-profiles\")"
  }
}

resource "google_storage_bucket_iam_member" "state" {
  for_each = { plan = "roles/storage.objectViewer", apply = "roles/storage.objectUser" }

  bucket = google_storage_bucket.state.name
  role   = each.value
  member = google_service_account.this[each.key].member
}

# Also to plan takes the lock of the state, an object of its own.
resource "google_storage_bucket_iam_member" "lock" {
  bucket = google_storage_bucket.state.name
  role   = "roles/storage.objectUser"
  member = google_service_account.this["plan"].member

  condition {
    title      = "benchkeeper-state-lock"
    expression = "resource.name.endsWith(\".tflock\")"
  }
}

# Approvers read what they approve.
resource "google_storage_bucket_iam_member" "plans_read" {
  for_each = merge(
    { for name, account in google_service_account.this : name => account.member },
    { for member in var.approvers : member => member },
  )

  bucket = google_storage_bucket.plans.name
  role   = "roles/storage.objectViewer"
  member = each.value
}

# Who plans adds plans and replaces none: to replace an object takes storage.objects.delete, which objectCreator lacks.
# So what was pushed later can't change the plan that somebody approves, nor the release to go back to.
# https://cloud.google.com/storage/docs/access-control/iam-permissions
resource "google_storage_bucket_iam_member" "plans_add" {
  bucket = google_storage_bucket.plans.name
  role   = "roles/storage.objectCreator"
  member = google_service_account.this["plan"].member

  condition {
    title      = "benchkeeper-plans"
    expression = "resource.name.startsWith(\"${local.plans_objects}/plans/\")"
  }
}

# Who applies notes in `applied/commit` which commit is in force.
resource "google_storage_bucket_iam_member" "applied" {
  bucket = google_storage_bucket.plans.name
  role   = "roles/storage.objectUser"
  member = google_service_account.this["apply"].member

  condition {
    title      = "benchkeeper-applied"
    expression = "resource.name.startsWith(\"${local.plans_objects}/applied/\")"
  }
}

# The canary asks `fleet` with an identity token, which a build has to make for itself.
resource "google_service_account_iam_member" "identity_token" {
  service_account_id = google_service_account.this["apply"].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = google_service_account.this["apply"].member
}
