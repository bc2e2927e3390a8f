"""One token: its parts, its RS256 signature, its claims.

Pure: each moment is an argument. It may import `_base`, and of the modules at the root only `principal`,
`errors` and `events`.
"""
