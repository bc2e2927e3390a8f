"""Arguments that the fake pool passes on, as types, so that a type checker finds a slip in one."""

from cognito_mr_auth._issuers.options import VerifierOptions

__all__ = ["VerifierOptions"]
