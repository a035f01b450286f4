"""The messages that come in and go out, and the reasons for which an event is rejected."""
