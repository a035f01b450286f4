mock_provider "google" {}

variables {
  project    = "demo-project"
  region     = "us-central1"
  repository = "projects/demo-project/locations/us-central1/connections/git/repositories/benchkeeper"
  approvers  = ["group:operators@example.com"]
}

run "two_triggers_and_one_approval" {
  command = apply

  assert {
    condition     = !google_cloudbuild_trigger.this["plan"].approval_config[0].approval_required && google_cloudbuild_trigger.this["apply"].approval_config[0].approval_required
    error_message = "a plan needs no approval, applying it does"
  }

  assert {
    condition     = alltrue([for name, t in google_cloudbuild_trigger.this : t.service_account == google_service_account.this[name].id])
    error_message = "each trigger runs as its own account"
  }
}

run "a_plan_changes_nothing" {
  command = apply

  assert {
    condition     = alltrue([for p in google_project_iam_custom_role.this["plan"].permissions : can(regex("\\.(get|list|use|getIamPolicy|getMetadata)$", p))])
    error_message = "the account that plans may do more than read"
  }

  assert {
    condition     = length(setintersection(google_project_iam_custom_role.this["apply"].permissions, ["datastore.entities.get", "datastore.databases.delete", "storage.buckets.delete", "iam.serviceAccounts.actAs", "iam.serviceAccounts.getAccessToken", "resourcemanager.projects.setIamPolicy"])) == 0
    error_message = "who applies may read records, delete what must stay, or act as anybody"
  }

  assert {
    condition     = google_storage_bucket_iam_member.state["plan"].role == "roles/storage.objectViewer" && google_storage_bucket_iam_member.lock.condition[0].expression == "resource.name.endsWith(\".tflock\")"
    error_message = "who plans may write nothing but the lock"
  }
}

run "a_plan_that_is_stored_stays_as_it_is" {
  command = apply

  assert {
    condition = (
      google_storage_bucket_iam_member.plans_add.role == "roles/storage.objectCreator"
      && google_storage_bucket_iam_member.plans_add.member == google_service_account.this["plan"].member
      && google_storage_bucket_iam_member.plans_add.condition[0].expression == "resource.name.startsWith(\"projects/_/buckets/demo-project-benchkeeper-plans/objects/plans/\")"
    )
    error_message = "who plans may replace a plan, or write elsewhere than below plans/"
  }

  assert {
    condition = (
      google_storage_bucket_iam_member.applied.role == "roles/storage.objectUser"
      && google_storage_bucket_iam_member.applied.member == google_service_account.this["apply"].member
      && google_storage_bucket_iam_member.applied.condition[0].expression == "resource.name.startsWith(\"projects/_/buckets/demo-project-benchkeeper-plans/objects/applied/\")"
    )
    error_message = "who applies may change more than which commit is in force"
  }

  assert {
    condition     = { for reader, binding in google_storage_bucket_iam_member.plans_read : reader => binding.role } == { plan = "roles/storage.objectViewer", apply = "roles/storage.objectViewer", "group:operators@example.com" = "roles/storage.objectViewer" }
    error_message = "both accounts and the approvers read plans"
  }
}

run "only_our_roles_may_be_bound" {
  command = apply

  assert {
    condition     = strcontains(google_project_iam_member.bind.condition[0].expression, "'projects/demo-project/roles/benchkeeper_state'") && !strcontains(google_project_iam_member.bind.condition[0].expression, "roles/owner")
    error_message = "the roles of grants.yaml may be bound, and no others"
  }

  assert {
    condition     = alltrue([for part in split(" || ", google_project_iam_member.bind.condition[0].expression) : length(split(", '", part)) <= 10])
    error_message = "more than ten roles in one hasOnly"
  }
}

run "without_a_repository_there_are_no_triggers" {
  command = plan

  variables {
    repository = null
  }

  assert {
    condition     = length(google_cloudbuild_trigger.this) == 0
    error_message = "a trigger without a repository"
  }
}

run "a_repository_of_another_region" {
  command         = plan
  expect_failures = [var.repository]

  variables {
    repository = "projects/demo-project/locations/europe-west4/connections/git/repositories/benchkeeper"
  }
}

run "no_account_approves_itself" {
  command         = plan
  expect_failures = [var.approvers]

  variables {
    approvers = ["serviceAccount:benchkeeper-apply@demo-project.iam.gserviceaccount.com"]
  }
}
