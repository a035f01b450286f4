"""Small changes to the domain and the services, one at a time, that a test must notice."""
