locals {
  exemptions = merge([
    for collection, fields in yamldecode(file("${path.module}/firestore.yaml")) :
    { for field in fields.exempt : "${collection}/${field}" => { collection = collection, field = field } }
  ]...)
}

resource "google_firestore_database" "state" {
  project                           = var.project
  name                              = var.database
  location_id                       = coalesce(var.database_location, var.region)
  type                              = "FIRESTORE_NATIVE"
  delete_protection_state           = "DELETE_PROTECTION_ENABLED"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED" # any minute of the last 7 days
  deletion_policy                   = "ABANDON"                        # `terraform destroy` only forgets it

  dynamic "cmek_config" {
    for_each = var.kms_key[*]
    content {
      kms_key_name = cmek_config.value
    }
  }

  depends_on = [google_project_service.this, google_kms_crypto_key_iam_member.agents]
}

resource "google_firestore_backup_schedule" "daily" {
  project   = var.project
  database  = google_firestore_database.state.name
  retention = "2419200s" # 28 days

  daily_recurrence {}
}

resource "google_firestore_field" "exempt" {
  for_each = local.exemptions

  project    = var.project
  database   = google_firestore_database.state.name
  collection = each.value.collection # a collection group: `history` is all of them
  field      = each.value.field

  index_config {} # empty: no index at all
}
