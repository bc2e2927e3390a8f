"""Pure leaves: strict base64url and JSON, SHA-256, moments and intervals, AWS partitions.

Nothing here does I/O or reads a clock. May import no folder of ours, and of the modules at the root
only `errors` and `events`.
"""
