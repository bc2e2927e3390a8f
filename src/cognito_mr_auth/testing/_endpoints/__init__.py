"""Loopback JWKS endpoints that fail on request.

Owns sockets, server threads, TLS certificates and the table of faults. May import `testing._tokens` and
the layers below `testing`; never `testing._pool`, which imports it.
"""
