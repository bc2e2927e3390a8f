"""Minting tokens, good and bad."""
