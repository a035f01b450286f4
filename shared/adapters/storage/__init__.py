"""Cloud Storage: its client, and the cluster templates kept there."""
