"""The keys of one pool: documents, their union, and when to ask for them again. Pure."""
