locals {
  functions = yamldecode(file("${path.module}/functions.yaml"))

  # The agents of Google's services in this project. Their addresses are formulas: the provider can't look them up.
  # https://cloud.google.com/iam/docs/service-agents
  agent = {
    for name, domain in {
      artifactregistry = "gcp-sa-artifactregistry"
      firestore        = "gcp-sa-firestore"
      functions        = "gcf-admin-robot"
      pubsub           = "gcp-sa-pubsub"
      run              = "serverless-robot-prod"
      storage          = "gs-project-accounts"
    } : name => "serviceAccount:service-${data.google_project.this.number}@${domain}.iam.gserviceaccount.com"
  }
}

data "google_project" "this" {
  project_id = var.project

  # Read after its API is on, so that an empty project needs no first step by hand. Nothing else may be named here:
  # whatever is about to change in it would make the number, and all that is made of it, unknown.
  depends_on = [google_project_service.resource_manager]
}
