variable "alert_channels" {
  description = "Notification channels that alerts go to, as projects/P/notificationChannels/N each: Slack, PagerDuty, a webhook. `gcloud beta monitoring channels list` shows them."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for c in var.alert_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", c))])
    error_message = "Each is a channel's full name: projects/P/notificationChannels/N."
  }
}

variable "alert_email" {
  description = "An e-mail address that alerts go to as well. Without it and alert_channels, alerts are only to be seen in the console."
  type        = string
  default     = null

  validation {
    condition     = var.alert_email == null || can(regex("^[^@ ]+@[^@ ]+$", var.alert_email))
    error_message = "An e-mail address, such as data-platform@example.com."
  }
}

variable "objective_goals" {
  description = "Other goals for the service level objectives access-ended, event-stored and ready: the share of events, below 1."
  type        = map(number)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.objective_goals), ["access-ended", "event-stored", "ready"])) == 0
    error_message = "The objectives are access-ended, event-stored and ready."
  }

  validation {
    condition     = alltrue([for goal in values(var.objective_goals) : goal > 0 && goal <= 0.9999])
    error_message = "A goal is above 0 and at most 0.9999."
  }
}
