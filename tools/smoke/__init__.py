"""Boots what is deployed, from the archive alone, and sends every entry point one real push."""
