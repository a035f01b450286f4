"""Verifies a deployment: a person who doesn't exist joins and leaves, and nothing may be left.

The canary knows a deployment as any other system does: it publishes events, reads announcements
and asks ``fleet``. It imports nothing of the product, so it checks what is deployed and not itself.
"""
