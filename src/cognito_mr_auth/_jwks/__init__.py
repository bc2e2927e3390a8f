"""The keys of one pool: documents, stored responses and their union, and when to ask endpoints again.

Pure: each moment and random number comes in as an argument. May import `_base`, and of the modules at
the root only `principal`, `errors` and `events`.
"""
