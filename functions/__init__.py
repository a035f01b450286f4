"""The entry points of the Cloud Functions: read the request, call a service, make the response."""
