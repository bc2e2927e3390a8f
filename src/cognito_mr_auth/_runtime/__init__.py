"""What a verifier runs on: sync and async waiting, hooks, events, forks, the token cache.

Reaches no socket, TLS or HTTP client. May import `_jwks`, `_jwt` and `_base`, and the modules at the
root below `verifier`.
"""
