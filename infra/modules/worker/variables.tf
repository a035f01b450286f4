variable "build_account" {
  description = "The account that builds the function: projects/P/serviceAccounts/EMAIL."
  type        = string
}

variable "delivery" {
  description = "For a function behind a topic: the topic and the dead-letter topic (full names), the address of the account that Pub/Sub delivers as, and Pub/Sub's agent (as a member). Null for one that is asked over HTTP."
  type = object({
    topic        = string
    dead_letters = string
    push_account = string
    pubsub_agent = string
  })
  default = null
}

variable "deployer" {
  description = "The account that deploys in a pipeline, as a member; null if an owner of the project does."
  type        = string
  default     = null
}

variable "docker_repository" {
  description = "The Artifact Registry repository of the images: projects/P/locations/R/repositories/X."
  type        = string
}

variable "environment" {
  description = "The settings: environment variables that every function gets."
  type        = map(string)
}

variable "function" {
  description = "How the entry point is run; one line of functions.yaml. `timeout` in seconds, below the 600 s that Pub/Sub waits."
  type = object({
    concurrency   = number
    cpu           = number
    max_instances = number
    memory        = string
    timeout       = number
  })

  validation {
    condition     = var.function.timeout >= 1 && var.function.timeout <= 540
    error_message = "A timeout from 1 to 540 seconds: at 600 Pub/Sub sends the message again."
  }

  validation {
    condition     = var.function.concurrency == 1 || var.function.cpu >= 1
    error_message = "Cloud Run gives less than one CPU only to a concurrency of 1."
  }
}

variable "ingress" {
  description = "From where the function can be reached: ALLOW_INTERNAL_ONLY, ALLOW_INTERNAL_AND_GCLB or ALLOW_ALL."
  type        = string
}

variable "invokers" {
  description = "Who may call the function, by a name that is known before anything is made."
  type        = map(string)

  validation {
    condition     = length(setintersection(values(var.invokers), ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "No function is public."
  }
}

variable "kms_key" {
  description = "The key that the function and its source are encrypted with; null for Google's."
  type        = string
  default     = null
}

variable "name" {
  description = "The entry point in main.py. The function, its account and its subscription are benchkeeper-NAME."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{0,17}$", var.name))
    error_message = "At most 18 lower-case letters and digits: an account's name has 30, and 12 are taken."
  }
}

variable "project" {
  description = "The id of the project."
  type        = string
}

variable "region" {
  description = "The region of the function."
  type        = string
}

variable "runtime" {
  description = "The runtime, such as python313."
  type        = string
}

variable "source_archive" {
  description = "The source: bucket and object. An object with another name is what makes the function be built anew."
  type        = object({ bucket = string, object = string })
}

variable "vpc_connector" {
  description = "The connector through which all calls leave; null for none."
  type        = string
  default     = null
}
