"""Lambda authorizers: events in, policies and contexts out."""
