"""Mints tokens, good and bad.

Owns signing keys, default claims, encoding, and the table of malformed tokens. May import only the layers
below `testing`, and nothing else of `testing`.
"""
