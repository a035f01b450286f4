variable "approvers" {
  description = "Who may approve that a plan is applied: group:, user: or principalSet: each."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for m in var.approvers : can(regex("^(group|user|principal|principalSet):[^:].*$", m))])
    error_message = "Each begins with group:, user:, principal: or principalSet:. No service account approves its own work."
  }
}

variable "branch" {
  description = "The branch that is deployed, as a regular expression."
  type        = string
  default     = "^main$"
}

variable "project" {
  description = "The project's id."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's id: 6 to 30 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "region" {
  description = "The region of the buckets and of the pipeline; that of the repository's connection."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region such as us-central1."
  }
}

variable "repository" {
  description = "The Git repository, connected to Cloud Build by hand because that takes a sign-in: projects/P/locations/R/connections/C/repositories/X. Null: no triggers."
  type        = string
  default     = null

  validation {
    condition     = var.repository == null || can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", var.repository))
    error_message = "The full name: projects/P/locations/R/connections/C/repositories/X."
  }

  validation {
    condition     = try(split("/", var.repository)[3] == var.region, true) # no repository, or no repository's name: said above
    error_message = "The repository's connection must be in the region of the pipeline: a trigger is where its repository is."
  }
}

variable "substitutions" {
  description = "Values of both triggers in place of those in cloudbuild*.yaml: images by digest, and _CANARY_EMAIL, nobody's address in an allowed domain."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.substitutions) : can(regex("^_[A-Z0-9_]+$", name))])
    error_message = "Names begin with an underscore, in capitals: _CANARY_EMAIL."
  }
}
