# Who applies binds roles in the project, but only these: else it could make itself an owner. What remains: it can give
# its own roles more permissions. That is what the approval is for.
locals {
  grants = yamldecode(file("${path.module}/../grants.yaml"))

  may_bind = concat(
    ["roles/logging.logWriter", "roles/storage.objectViewer"],
    [
      for name, grant in local.grants : "projects/${var.project}/roles/benchkeeper_${name}"
      if contains(["project", "database"], grant.place)
    ],
  )
}

resource "google_project_iam_member" "bind" {
  project = var.project
  role    = "roles/resourcemanager.projectIamAdmin"
  member  = google_service_account.this["apply"].member

  condition {
    title = "benchkeeper-roles-only"
    # Ten roles are the most that one hasOnly takes. A request that changes roles of two of these lists is refused, so
    # infra/versions.tf has each binding changed in a request of its own.
    # https://cloud.google.com/iam/docs/setting-limits-on-granting-roles
    expression = join(" || ", [
      for ten in chunklist(local.may_bind, 10) :
      "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([${join(", ", formatlist("'%s'", ten))}])"
    ])
  }

  lifecycle {
    precondition {
      condition     = length(local.may_bind) <= 130
      error_message = "A condition has at most 12 operators, which is enough for 130 roles: put grants of grants.yaml on the project together."
    }
  }
}
