"""The entry points: translate in, call a service, translate out."""
