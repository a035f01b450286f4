"""A small Google Cloud for a laptop and the tests.

It knows Google's public API descriptions and none of this project's own code: with code of
``shared/`` it would repeat the mistakes of ``shared/``. From bottom to top:

- ``errors``, ``clock``
- ``iam``: accounts and permissions
- ``cloud``: what the services share, and the checks on every call
- ``api``: HTTP, gRPC, schema checks, operations, admin routes
- the services: ``compute``, ``dataproc``, ``notebooks_v1``, ``notebooks_v2``, ``pubsub``,
  ``storage``
- ``server``: all services in one process
- ``stack``: that server with the product's functions; ``up``: the command ``make up``
"""
