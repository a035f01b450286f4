"""Commands: what joins, leaves and admin's commands do to a record."""
