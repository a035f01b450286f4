"""Accounts and permissions: who calls, what a method needs, and what an account was granted."""
