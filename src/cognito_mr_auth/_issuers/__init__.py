"""The issuers of a verifier: which keys and requirements an `iss` leads to.

Composes a pool's key set with what its tokens must say. Below `verifier` alone; may import every lower layer.
"""
