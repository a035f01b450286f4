# Optional, and applied by somebody who may configure logs of the organisation (roles/logging.configWriter there).
terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 9"
    }
  }

  backend "gcs" {
    prefix = "benchkeeper-organisation"
  }
}

provider "google" {
  project = var.project
}
