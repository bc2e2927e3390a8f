"""Getting a pool's keys: callers that wait, refreshes on threads, HTTP, key files.

All effects of fetching are here. Only `fetch`, `transport`, `racing` and `names` may reach a socket, TLS or
an HTTP client. This folder may import `_jwks`, `_jwt` and `_base`, and the modules at the root below
`verifier`. A `KeySetConfig` says what to fetch, so no `UserPool` is needed.
"""
