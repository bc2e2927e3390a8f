"""The errors of a verification. Each says whose fault it is, and which HTTP status the answer has.

    AuthError                     reason, status, retryable, hint, oauth_error
    ├─ CredentialsMissing    401  no credential at all
    ├─ RequestMalformed      400  invalid_request
    ├─ TokenRejected         401  invalid_token
    │  ├─ TokenMalformed  AlgorithmNotAllowed  IssuerUnknown  KeyUnknown  SignatureInvalid
    │  └─ TokenExpired  TokenNotYetValid  ClaimRejected  TokenRevoked
    ├─ AuthenticationTooOld  401  insufficient_user_authentication
    ├─ PolicyDenied          403  insufficient_scope
    │  └─ OriginDenied       403  a cookie from a foreign origin: no oauth_error
    └─ Unavailable           503  KeysUnavailable  RevocationUnavailable  CheckUnavailable
    ConfigurationError            a ValueError, only from constructors and Lambda's set-up

This module holds the types alone. A message never holds a token, a claim's value or a signature. An error
about a token has no cause and no context, because a decoder's exception would carry the payload.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AlgorithmNotAllowed",
    "AuthError",
    "AuthenticationTooOld",
    "CheckUnavailable",
    "ClaimRejected",
    "ConfigurationError",
    "CredentialsMissing",
    "IssuerUnknown",
    "KeyUnknown",
    "KeysUnavailable",
    "OriginDenied",
    "PolicyDenied",
    "RequestMalformed",
    "RevocationUnavailable",
    "SignatureInvalid",
    "TokenExpired",
    "TokenMalformed",
    "TokenNotYetValid",
    "TokenRejected",
    "TokenRevoked",
    "Unavailable",
]


class ConfigurationError(ValueError):
    """A setting that cannot be right. The message names the setting.

    Constructors raise it. A Lambda authorizer also raises it if an event shows that the API in front of it is
    set up wrongly. No constructor can see that.
    """


class AuthError(Exception):
    """The reason why a request may not pass.

    Attributes:
        reason: a stable snake_case name of the class, for programs and metrics.
        oauth_error: the RFC 6750 (or RFC 9470) `error` value, or None where the challenge has none.
        status: the HTTP status of the answer.
        retryable: whether the same token may be accepted later.
        hint: advice for a person, or None. It is safe to show, like `str()` of the error.
    """

    reason: str = "auth_error"
    oauth_error: ClassVar[str | None] = None
    status: ClassVar[int] = 401
    retryable: bool = False
    _default: ClassVar[str] = "the request was not authenticated"
    # The pool and the issuer's kind of the token, as far as they are known; and whether the refusal was
    # recorded (see `_runtime.refusals`).
    _origin: tuple[str | None, str | None] = (None, None)
    _recorded: bool = False

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        self.message: str = message or self._default
        self.hint: str | None = hint
        super().__init__(self.message)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), dict(self.__dict__)))


def _rebuild(kind: type[AuthError], attributes: dict[str, object]) -> AuthError:
    error = kind.__new__(kind, attributes["message"])
    error.__dict__.update(attributes)
    return error


class CredentialsMissing(AuthError):
    """The request has no credential. The challenge has no error code (RFC 6750 section 3.1)."""

    reason = "credentials_missing"
    _default = "no access token was sent"


class RequestMalformed(AuthError):
    """RFC 6750 section 2 does not allow the form in which the credential was sent."""

    reason = "request_malformed"
    oauth_error: ClassVar[str | None] = "invalid_request"
    status = 400
    _default = "the request's credential is malformed"


class TokenRejected(AuthError):
    """The token itself is at fault (RFC 6750 section 3.1, `invalid_token`)."""

    reason = "token_rejected"
    oauth_error: ClassVar[str | None] = "invalid_token"
    _default = "the token was rejected"


class TokenMalformed(TokenRejected):
    """The token is no compact JWS of strict JSON objects (RFC 7515 section 3.1, RFC 7519 section 7.2)."""

    reason = "token_malformed"
    _default = "the token is malformed"


class AlgorithmNotAllowed(TokenRejected):
    """The header's `alg` is not RS256, the only algorithm that Cognito signs with (RFC 8725 section 3.1)."""

    reason = "algorithm_not_allowed"
    _default = "the token's signature algorithm is not RS256"


class IssuerUnknown(TokenRejected):
    """`iss` equals none of the configured issuers (exact comparison, RFC 7519 section 4.1.1)."""

    reason = "issuer_unknown"
    _default = "the token's issuer is not one of the configured issuers"


class KeyUnknown(TokenRejected):
    """No endpoint of the issuer lists the token's `kid`. The token may pass later, after a rotation."""

    reason = "key_unknown"
    retryable = True
    _default = "the token's signing key is not one of the issuer's keys"


class SignatureInvalid(TokenRejected):
    """The signature does not match the key that `kid` names."""

    reason = "signature_invalid"
    _default = "the token's signature is invalid"


class TokenExpired(TokenRejected):
    """`exp` has passed by more than the leeway (RFC 7519 section 4.1.4)."""

    reason = "token_expired"
    _default = "the token has expired"


class TokenNotYetValid(TokenRejected):
    """`nbf` or `iat` lies in the future by more than the leeway (RFC 7519 sections 4.1.5 and 4.1.6)."""

    reason = "token_not_yet_valid"
    retryable = True
    _default = "the token is not valid yet"


class ClaimRejected(TokenRejected):
    """A claim is absent, has the wrong type, or has a value that this verifier does not accept.

    `claim` is the name of the claim, never its value.
    """

    reason = "claim_rejected"
    _default = "a claim of the token was rejected"

    def __init__(
        self, message: str | None = None, *, claim: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.claim: str | None = claim


class TokenRevoked(TokenRejected):
    """The `revoked` hook returned True."""

    reason = "token_revoked"
    _default = "the token was revoked"


class AuthenticationTooOld(AuthError):
    """The user signed in too long ago for this resource (RFC 9470). `max_age` is in seconds."""

    reason = "authentication_too_old"
    oauth_error: ClassVar[str | None] = "insufficient_user_authentication"
    _default = "a more recent sign-in is required"

    def __init__(self, message: str | None = None, *, max_age: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.max_age: int = max_age


class PolicyDenied(AuthError):
    """The token is valid and does not permit this request. `scopes` is set only where scopes were missing."""

    reason = "policy_denied"
    oauth_error: ClassVar[str | None] = "insufficient_scope"
    status = 403
    _default = "the token does not permit this request"

    def __init__(
        self,
        message: str | None = None,
        *,
        scopes: tuple[str, ...] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.scopes: tuple[str, ...] = scopes


class OriginDenied(PolicyDenied):
    """A cookie came with a request that another site may have caused (CSRF, RFC 6750 section 5.3).

    It has no `oauth_error`, because a token with more scopes would not help.
    """

    reason = "origin_denied"
    oauth_error: ClassVar[str | None] = None
    _default = "the token's cookie is not accepted from this origin"


class Unavailable(AuthError):
    """Something that the decision needs cannot be reached. It is never the caller's fault, hence 503.

    `retry_after` is a whole number of seconds for the Retry-After header (RFC 9110 section 10.2.3).
    """

    reason = "unavailable"
    status = 503
    retryable = True
    _default = "the token cannot be checked at the moment"

    def __init__(self, message: str | None = None, *, retry_after: int = 1, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after: int = retry_after


class KeysUnavailable(Unavailable):
    """The issuer's signing keys cannot be fetched, or two endpoints give different keys for one `kid`.

    `reason` is "keys_unavailable" or "key_unconfirmed". The latter means that the pool has keys, but that an
    endpoint which may list the token's key cannot be reached. A forged token may get that answer too.
    `str()` says why.
    """

    reason: str = "keys_unavailable"
    _default = "the issuer's signing keys are unavailable"

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_after: int = 1,
        hint: str | None = None,
        reason: str = "keys_unavailable",
    ) -> None:
        super().__init__(message, retry_after=retry_after, hint=hint)
        self.reason = reason

    def __str__(self) -> str:
        # Logs show this text. A response shows `message` alone, because the cause concerns the operator.
        return self.message if self.hint is None else f"{self.message}: {self.hint}"


class RevocationUnavailable(Unavailable):
    """The `revoked` hook failed, or returned neither True nor False."""

    reason = "revocation_unavailable"
    _default = "the token's revocation cannot be checked at the moment"


class CheckUnavailable(Unavailable):
    """A `policy.check` callable that would have decided failed, or returned neither True nor False."""

    reason = "check_unavailable"
    _default = "the request's permission cannot be checked at the moment"
