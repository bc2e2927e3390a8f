"""A verifier's settings: checked options, environment variables."""
