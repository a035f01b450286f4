"""What events (joins, leaves) and admin commands do to a record."""
