variable "kms_key" {
  description = "The deployment's key, if it has one: its agents' right to use it is granted there."
  type        = string
  default     = null
}

variable "methods" {
  description = "The changes in Google Workspace or Cloud Identity that are passed on: methods of google.admin.AdminService."
  type        = list(string)
  default = [
    "addGroupMember",
    "archiveUser",
    "createUser",
    "deleteUser",
    "removeGroupMember",
    "renameUser",
    "suspendUser",
    "undeleteUser",
    "unsuspendUser",
  ]

  validation {
    condition     = length(var.methods) > 0 && alltrue([for m in var.methods : can(regex("^[a-z][A-Za-z]+$", m))])
    error_message = "Names of methods such as suspendUser."
  }
}

variable "organization_id" {
  description = "The organisation's number."
  type        = string

  validation {
    condition     = can(regex("^[0-9]+$", var.organization_id))
    error_message = "The number that `gcloud organizations list` shows."
  }
}

variable "project" {
  description = "The project of the deployment."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's id: 6 to 30 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "region" {
  description = "The region of the deployment."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region such as us-central1."
  }
}
