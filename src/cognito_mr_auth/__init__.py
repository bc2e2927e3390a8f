"""Verifies JWTs of Amazon Cognito user pools, also of replicated ones while a Region is down.

    from cognito_mr_auth import ANY_CLIENT, Principal, UserPool, Verifier, errors, policy

This module is the index. Importing it loads no web framework, no HTTP client and no asyncio.
"""

from . import errors, events, policy
from .pool import ANY_CLIENT, UserPool
from .principal import Issuer, Principal
from .verifier import Verifier

__all__ = [
    "ANY_CLIENT",
    "Issuer",
    "Principal",
    "UserPool",
    "Verifier",
    "errors",
    "events",
    "policy",
]
