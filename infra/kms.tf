# With a key of your own (kms_key) the agents of the services that store something must be able to use it. An agent that
# has never worked in this project may not exist yet: infra/README.md says how to make it.
resource "google_kms_crypto_key_iam_member" "agents" {
  for_each = var.kms_key == null ? {} : local.agent

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value

  depends_on = [google_project_service.this]
}
