"""The order of I/O: which port is called when, and what is saved before and after."""
