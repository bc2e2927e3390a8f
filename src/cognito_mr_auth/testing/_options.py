"""Types of the arguments that the fake pool passes on, so that a type checker finds a typing error."""

from cognito_mr_auth._issuers.options import VerifierOptions

__all__ = ["VerifierOptions"]
