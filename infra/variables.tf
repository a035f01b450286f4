variable "allowed_domains" {
  description = "E-mail domains whose people may join, such as example.com. Who is here already can leave all the same."
  type        = list(string)

  validation {
    condition     = length(var.allowed_domains) > 0 && alltrue([for d in var.allowed_domains : can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", d))])
    error_message = "Give at least one domain, in lower case and without @, such as example.com."
  }
}

variable "archive" {
  description = "The source archive that `make package` builds. The functions are built anew when its bytes change."
  type        = string
  default     = "../dist/benchkeeper.zip"

  validation {
    condition     = fileexists(var.archive)
    error_message = "There is no such file. Run `make package` first."
  }
}

variable "creations_limit" {
  description = "How many notebooks may be made at once. Keep it a tenth below the project's quota of operations under way."
  type        = number
  default     = 200

  validation {
    condition     = var.creations_limit >= 1 && var.creations_limit <= 999999 && floor(var.creations_limit) == var.creations_limit
    error_message = "A whole number from 1 to 999999."
  }
}

variable "database" {
  description = "The Firestore database. It can't be renamed or moved later."
  type        = string
  default     = "(default)"

  validation {
    condition     = can(regex("^(\\(default\\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$", var.database))
    error_message = "(default), or 4 to 63 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "database_location" {
  description = "Where the Firestore database is, if not in the region: a multi-region such as nam5 or eur3. It can't be moved later."
  type        = string
  default     = null

  validation {
    condition     = var.database_location == null || can(regex("^[a-z]+(-[a-z]+)?[0-9]+$", var.database_location))
    error_message = "A multi-region of Firestore such as nam5 or eur3, or a region."
  }

  validation {
    condition     = var.kms_key == null || var.database_location == null || var.database_location == var.region
    error_message = "With a kms_key the database must be in the region: a key encrypts only what is in its own location."
  }
}

variable "deployer" {
  description = "The account that applies this in a pipeline (output `apply_account` of bootstrap/). It may then deploy functions that run as the accounts made here, and send a canary through. Not needed by an owner of the project."
  type        = string
  default     = null

  validation {
    condition     = var.deployer == null || can(regex("^serviceAccount:[^@]+@[^@]+$", var.deployer))
    error_message = "A service account, as serviceAccount:NAME@PROJECT.iam.gserviceaccount.com."
  }
}

variable "fleet_ingress" {
  description = "From where `fleet` can be reached. Whoever asks must be one of fleet_readers in any case; ALLOW_INTERNAL_AND_GCLB also shuts out laptops and Cloud Build."
  type        = string
  default     = "ALLOW_ALL"

  validation {
    condition     = contains(["ALLOW_ALL", "ALLOW_INTERNAL_AND_GCLB", "ALLOW_INTERNAL_ONLY"], var.fleet_ingress)
    error_message = "ALLOW_ALL, ALLOW_INTERNAL_AND_GCLB or ALLOW_INTERNAL_ONLY."
  }
}

variable "fleet_readers" {
  description = "Who may ask `fleet`: group:, user:, serviceAccount:, principal: or principalSet: each. Never the public."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for m in var.fleet_readers : can(regex("^(group|user|serviceAccount|principal|principalSet):[^:].*$", m))])
    error_message = "Each begins with group:, user:, serviceAccount:, principal: or principalSet:. fleet shows people's records, so it is not for allUsers, allAuthenticatedUsers or a whole domain."
  }
}

variable "kms_key" {
  description = "A Cloud KMS key of the same region, as projects/P/locations/R/keyRings/K/cryptoKeys/C, for topics, buckets, images, functions and the database. Must be decided before the first apply: a database keeps its encryption."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "The key's full name: projects/P/locations/R/keyRings/K/cryptoKeys/C."
  }

  validation {
    condition     = try(split("/", var.kms_key)[3] == var.region, true) # no key, or no key's name: said above
    error_message = "The key must be in the region of the deployment: a key encrypts only what is in its own location."
  }
}

variable "log_level" {
  description = "The lowest severity of our own log lines. Metrics and alerts need INFO."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO"], var.log_level)
    error_message = "INFO or DEBUG: above INFO the metrics would count nothing."
  }
}

variable "older_kinds" {
  description = "Look for leavers' notebooks of the two older kinds (Notebooks v1), to stop and remove them."
  type        = bool
  default     = false
}

variable "profiles" {
  description = "The set of profiles as one file, which `make profiles-bundle` checks and builds. A new one takes effect within a minute, without a new deployment of the functions."
  type        = string
  default     = "../dist/profiles.json"

  validation {
    condition     = fileexists(var.profiles)
    error_message = "There is no such file. Run `make profiles-bundle` first."
  }
}

variable "project" {
  description = "The project of the notebooks, where everything else is made, too: its id, not its number."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's id: 6 to 30 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "publishers" {
  description = "Who may publish on which topic: onboarding, offboarding, admin-events. Who may publish on admin-events may lift a legal hold."
  type        = map(set(string))
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.publishers), ["onboarding", "offboarding", "admin-events"])) == 0
    error_message = "The topics to publish on are onboarding, offboarding and admin-events; the others are internal."
  }

  validation {
    condition     = alltrue([for m in flatten([for members in values(var.publishers) : tolist(members)]) : can(regex("^(group|user|serviceAccount|principal|principalSet):[^:].*$", m))])
    error_message = "Each begins with group:, user:, serviceAccount:, principal: or principalSet:. An event makes and removes notebooks, so it is not for allUsers, allAuthenticatedUsers or a whole domain."
  }
}

variable "region" {
  description = "Where everything is: functions, topics, buckets, session templates. Zones and subnets of profiles must lie in it."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region such as us-central1, not a zone (us-central1-a) or a multi-region (us)."
  }
}

variable "runtime" {
  description = "The Python of the functions. Google ends support of python312 in 2028-10 and of python313 in 2029-10."
  type        = string
  default     = "python313"

  validation {
    condition     = contains(["python311", "python312", "python313"], var.runtime)
    error_message = "python311, python312 or python313: these are the versions that the tests know."
  }
}

variable "subscribers" {
  description = "Who may subscribe to the announcements (topic environment-events): mail, chat and ticket systems."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for m in var.subscribers : can(regex("^(group|user|serviceAccount|principal|principalSet):[^:].*$", m))])
    error_message = "Each begins with group:, user:, serviceAccount:, principal: or principalSet:. Announcements name people, so they are not for allUsers, allAuthenticatedUsers or a whole domain."
  }
}

variable "vpc_connector" {
  description = "A Serverless VPC Access connector, as projects/P/locations/R/connectors/C, for functions whose calls must leave through a network of yours (VPC Service Controls, a firewall)."
  type        = string
  default     = null

  validation {
    condition     = var.vpc_connector == null || can(regex("^projects/[^/]+/locations/[^/]+/connectors/[^/]+$", var.vpc_connector))
    error_message = "The connector's full name: projects/P/locations/R/connectors/C."
  }

  validation {
    condition     = try(split("/", var.vpc_connector)[3] == var.region, true) # no connector, or no connector's name: said above
    error_message = "The connector must be in the region of the deployment: functions use only a connector of their own."
  }
}
