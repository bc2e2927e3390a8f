"""The keys of one pool: documents, stored responses and their union, and when to ask endpoints again.

Pure: each moment and each random number is an argument. It may import `_base`, and of the modules at the root
only `principal`, `errors` and `events`.
"""
