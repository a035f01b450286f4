# Applied once by an owner of the project, before the rest. Its state is on the owner's machine at first; README.md says
# how to move it into the bucket that it makes.
terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 9"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region

  default_labels = {
    app = "benchkeeper"
  }
}
