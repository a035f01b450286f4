"""Compute Engine v1: snapshots, and disks that outlived their notebook."""
