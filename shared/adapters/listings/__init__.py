"""Lists everything of ours in the cloud, page by page: one module for each API."""
