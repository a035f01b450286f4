mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789" }
  }
  mock_resource "google_cloudfunctions2_function" {
    defaults = { service_config = { uri = "https://function.example.com" } }
  }
}

variables {
  project         = "demo-project"
  region          = "us-central1"
  allowed_domains = ["example.com"]
  archive         = "functions.yaml"
  profiles        = "profiles/profiles.yaml"
}

run "every_grant_is_a_role_and_a_binding" {
  command = apply

  assert {
    condition = alltrue([
      for name, grant in local.grants : (
        jsonencode(grant.permissions) == local.publish
        ? !contains(keys(google_project_iam_custom_role.grant), name)
        : google_project_iam_custom_role.grant[name].role_id == "benchkeeper_${name}" && google_project_iam_custom_role.grant[name].permissions == toset(grant.permissions)
      )
    ])
    error_message = "a custom role is not what grants.yaml says"
  }

  assert {
    condition     = toset(flatten([for name, grant in local.grants : [for f in grant.functions : "${name}/${f}"]])) == toset(concat(keys(google_project_iam_member.grant), keys(google_storage_bucket_iam_member.grant), keys(google_pubsub_topic_iam_member.grant)))
    error_message = "grants and bindings are not the same"
  }

  assert {
    condition     = alltrue([for key, m in merge(google_project_iam_member.grant, google_storage_bucket_iam_member.grant, google_pubsub_topic_iam_member.grant) : m.member == module.worker[split("/", key)[1]].account.member])
    error_message = "a grant went to the account of another function"
  }

  assert {
    condition     = alltrue([for key, m in google_storage_bucket_iam_member.grant : m.bucket == "demo-project-benchkeeper-${local.grants[split("/", key)[0]].place}" && m.role == google_project_iam_custom_role.grant[split("/", key)[0]].id])
    error_message = "a grant on a bucket is on another bucket, or another role"
  }

  assert {
    condition     = alltrue([for key, m in google_pubsub_topic_iam_member.grant : m.topic == local.grants[split("/", key)[0]].place && m.role == "roles/pubsub.publisher"])
    error_message = "a grant on a topic is on another topic, or more than to publish"
  }

  assert {
    condition     = alltrue([for key, m in google_project_iam_member.grant : m.condition[0].expression == "resource.name == \"projects/demo-project/databases/(default)\"" if local.grants[split("/", key)[0]].place == "database"])
    error_message = "a grant on the database holds for all databases"
  }

  assert {
    condition     = length([for key, m in google_project_iam_member.grant : key if local.grants[split("/", key)[0]].place == "database"]) >= 6
    error_message = "every function reads the state"
  }
}

run "older_kinds_are_off" {
  command = plan

  assert {
    condition     = !contains(keys(google_project_iam_custom_role.grant), "older_notebooks") && local.settings.OLDER_KINDS == "off"
    error_message = "the older kinds are off: nobody may touch them"
  }
}

run "older_kinds_are_on" {
  command = plan

  variables {
    older_kinds = true
  }

  assert {
    condition     = contains(keys(google_project_iam_member.grant), "older_notebooks/converge") && local.settings.OLDER_KINDS == "on"
    error_message = "older_kinds gives the setting and the permissions"
  }
}
