"""Pure leaves: strict base64url and JSON, SHA-256, moments and intervals, AWS partitions.

Nothing here does I/O or reads a clock. The modules here import no other folder of ours, and of the modules
at the root only `errors` and `events`.
"""
