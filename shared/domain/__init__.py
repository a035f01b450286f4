"""The rules, pure: no Google, no I/O, no clock, no environment variables."""
