"""Resources: what a profile asks for, what is there, and what the record knows of it."""
