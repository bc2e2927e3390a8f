"""The issuers of a verifier: the keys and the requirements that belong to an `iss`.

It combines a pool's key set with the requirements on its tokens. Only `verifier` and higher layers may import
it; it may import every lower layer.
"""
