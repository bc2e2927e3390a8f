"""One token: its parts, its signature, its claims. Pure."""
