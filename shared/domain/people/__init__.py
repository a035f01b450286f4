"""People: which person an event is about, and their addresses."""
