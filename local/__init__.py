"""A small Google Cloud for a laptop and the tests.

It knows Google's public API descriptions and nothing of this project's own code: if it shared
``shared/``, it would share its mistakes.
"""
