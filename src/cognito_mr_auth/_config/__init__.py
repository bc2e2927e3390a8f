"""A verifier's settings: checked options, and environment variables.

Pure. It may import `_jwks`, `_jwt` and `_base`, and the modules at the root below `verifier`.
"""
