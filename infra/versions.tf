terraform {
  required_version = ">= 1.9" # validation rules that look at other variables

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 9"
    }
  }

  # The bucket is made by bootstrap/ and named at `terraform init -backend-config=bucket=…`.
  backend "gcs" {
    prefix = "benchkeeper"
  }
}

provider "google" {
  project = var.project
  region  = var.region

  default_labels = {
    app = "benchkeeper"
  }

  # Changes of the project's bindings go out one by one. The provider would send those of a few seconds as one, and who
  # applies in a pipeline may change only roles of the same ten in one request (bootstrap/project_roles.tf).
  batching {
    enable_batching = false
  }
}
