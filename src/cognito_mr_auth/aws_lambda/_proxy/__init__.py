"""Functions that are the API themselves."""
