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
}
