"""What every emulated API has in common: HTTP and gRPC, schema checks, listings, operations.

It must not know any service.
"""
