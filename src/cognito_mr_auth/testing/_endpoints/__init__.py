"""Loopback JWKS endpoints that fail on request."""
