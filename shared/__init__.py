"""The library under the entry points: domain, ports, services, adapters."""
