# What infra/grants.yaml says, as custom roles and their bindings: each on the one resource it is for.
locals {
  # Settings that a grant may depend on (`only_with`).
  switches = { older_kinds = var.older_kinds }

  grants = {
    for name, grant in yamldecode(file("${path.module}/grants.yaml")) :
    name => grant if can(grant.only_with) ? local.switches[grant.only_with] : true
  }

  # To publish takes no role of our own: this predefined one is that permission and no other.
  publish = jsonencode(["pubsub.topics.publish"])
  role = {
    for name, grant in local.grants : name =>
    jsonencode(grant.permissions) == local.publish ? "roles/pubsub.publisher" : google_project_iam_custom_role.grant[name].id
  }

  bindings = merge([
    for name, grant in local.grants : {
      for function in grant.functions : "${name}/${function}" => {
        grant     = name
        member    = module.worker[function].account.member
        place     = grant.place
        condition = grant.place == "database" ? local.database_only : null
      }
    }
  ]...)

  # Accounts have no rights below the project in Firestore, but conditions on the database's name are checked.
  # https://cloud.google.com/iam/docs/conditions-resource-attributes
  database_only = "resource.name == \"projects/${var.project}/databases/${var.database}\""
}

resource "google_project_iam_custom_role" "grant" {
  for_each = { for name, grant in local.grants : name => grant if jsonencode(grant.permissions) != local.publish }

  project     = var.project
  role_id     = "benchkeeper_${each.key}" # never renamed: the id of a deleted role stays taken for weeks
  title       = "Benchkeeper: ${each.value.title}"
  permissions = each.value.permissions

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "grant" {
  for_each = { for key, b in local.bindings : key => b if contains(["project", "database"], b.place) }

  project = var.project
  role    = local.role[each.value.grant]
  member  = each.value.member

  dynamic "condition" {
    for_each = each.value.condition[*]
    content {
      title      = "benchkeeper-${each.value.grant}"
      expression = condition.value
    }
  }
}

resource "google_storage_bucket_iam_member" "grant" {
  for_each = { for key, b in local.bindings : key => b if contains(["profiles", "templates"], b.place) }

  bucket = google_storage_bucket.this[each.value.place].name
  role   = local.role[each.value.grant]
  member = each.value.member
}

resource "google_pubsub_topic_iam_member" "grant" {
  for_each = { for key, b in local.bindings : key => b if !contains(["project", "database", "profiles", "templates"], b.place) }

  project = var.project
  topic   = google_pubsub_topic.this[each.value.place].name
  role    = local.role[each.value.grant]
  member  = each.value.member
}
