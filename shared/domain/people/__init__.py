"""People: who somebody is, whatever their addresses."""
