"""What a verifier runs on: sync and async waiting, hooks, events, forks, the token cache.

It reaches no socket, TLS or HTTP client. It may import `_jwks`, `_jwt` and `_base`, and the modules at the
root below `verifier`.
"""
