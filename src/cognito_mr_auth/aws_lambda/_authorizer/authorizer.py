"""The Authorizer, which turns an event into the response for its kind of API.

Owns the order of the steps: the kind, the token, its verification, the cache key, the policy. The settings
are in `_authorizer.options`, and the forms of responses in `_authorizer.responses`.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Unpack

from cognito_mr_auth._remote.remote_key_set import Timeout
from cognito_mr_auth._runtime.refusals import settle
from cognito_mr_auth._web.bearer import Sources, find_token
from cognito_mr_auth.aws_lambda._lifecycle import on_ping, on_restore, wait_limit, warm_up
from cognito_mr_auth.aws_lambda._raw_event import is_ping
from cognito_mr_auth.errors import (
    AuthError,
    ConfigurationError,
    CredentialsMissing,
    PolicyDenied,
    Unavailable,
)
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

from .callbacks import report_failure
from .events import HTTP, REST, Request, detect, read, unwrap
from .options import Options, authorizer_options
from .responses import ANSWERS, Unauthorized, Verdict

__all__ = ["Authorizer", "Unauthorized"]

# AppSync and AWS IoT pass on what a client sent, most often without a scheme.
_BARE = frozenset({"appsync", "iot"})


class Authorizer:
    """A Lambda authorizer: callable with `(event, context)`, as the function's handler.

    Args:
        verifier: the verifier of the tokens. Its hooks must not be coroutine functions.
        kind: the kind of the events, if it must not be detected: "rest-token", "rest-request",
            "http-1.0", "http-2.0", "websocket", "appsync" or "iot".
        require: the policy that every principal must meet.
        routes: `{"GET /orders/{id}": policy}`, every route that the authorizer guards. None instead of
            a policy admits any valid token. The response then allows everything that the principal may call.
        escaped_paths: routes of that table whose paths may hold percent-encoding, also if a principal
            lacks another policy of the table. Encodings that could lead out of a parameter stay denied.
        resources: "stage" for responses that are valid for every request of a token, or "exact" for only
            the one request; `exact` needs an authorizer without cache.
        response: "iam", or "simple" for HTTP APIs with `enableSimpleResponses`.
        iot_policy: required for AWS IoT. A policy document, several, or JSON of them, with placeholders
            such as `${cognito:sub}`. A callable may return one for a principal instead.
        fields: AppSync: `{"Mutation.deleteOrder": policy}`, the fields that are not open to every principal.
        header: the name of the header that holds the token.
        bare_token: accept a token without "Bearer" before it, too (AppSync and AWS IoT always do).
        cookie: the name of a cookie that may hold the token. It needs allowed_origins, and no cache. The
            response covers only the one method and path.
        allowed_origins: the origins from which the cookie is accepted for unsafe methods.
        query: the name of a query parameter that may hold the token. URLs are logged.
        subprotocol: WebSocket: the marker before the token in Sec-WebSocket-Protocol.
        strip_prefix, strip_suffix: AppSync: the text that clients put around the token.
        context: names of the values for the API behind it. They are claims, or of `sub client_id username
            token_use scope groups iss user_pool_id iat exp kind`. A callable may take a principal and return
            names and values instead. It is called only for an Allow, and its exception counts as an outage.
        usage_identifier_key: REST: returns the usage plan's API key of a principal, or None.
        ttl: AppSync: how many seconds a response may be cached, at most until the token expires.
        warm: request keys in the constructor, for at most 2 s. An outage does not raise.
        timeout: how many seconds an invocation waits for keys, if that much of its time is left.

    For an event it returns a response in the form of the event's kind. REST and WebSocket APIs need the
    exception `Unauthorized` instead. In an outage it raises `errors.Unavailable`, because API Gateway turns
    that into a 500 and caches nothing. A ping that keeps the function warm gets `{}`. An event of an unknown
    kind raises ConfigurationError. So does one which shows that the API's settings make the response
    dangerous or useless.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """

    def __init__(self, verifier: Verifier, **options: Unpack[Options]) -> None:
        if not isinstance(verifier, Verifier):
            raise TypeError(f"give a Verifier, not {type(verifier).__name__}")
        self._options = authorizer_options(options)
        for policy in self._options.policies:
            verifier._refuse_async_hooks(policy)
        self._verifier = verifier
        if self._options.warm:
            warm_up(verifier)
        on_restore(partial(warm_up, verifier))

    def __call__(self, event: Any, context: Any = None) -> dict[str, Any]:
        """Respond to one event. `context` is Lambda's; only its remaining time is read."""
        if is_ping(event):
            return on_ping(self._verifier, context)
        raw = unwrap(event)
        kind = self._kind(raw)
        self._check(kind)
        try:
            return self._answer(raw, kind, partial(wait_limit, context, self._options.timeout))
        except AuthError as error:
            failure = error.with_traceback(None)  # the traceback's frames hold the token
        report_failure(failure, self._verifier._hook_failed)
        _log(failure, self._verifier)
        if isinstance(failure, Unavailable):
            raise failure
        return ANSWERS[kind].refuse()

    def _kind(self, event: Any) -> str:
        """Return the event's kind; `kind=` applies to an event of no known kind."""
        expected = self._options.kind
        try:
            found = detect(event)
        except ConfigurationError:
            if expected is None:
                raise
            return expected
        if expected not in (None, found):
            raise ConfigurationError(f"an event of kind {found!r} came, and kind={expected!r} was given")
        return found

    def _check(self, kind: str) -> None:
        settings = self._options.settings
        if kind == "iot" and settings.iot is None:
            raise ConfigurationError("an event of AWS IoT came, but iot_policy= is not set")
        if settings.routes is not None and kind not in REST | HTTP:
            raise ConfigurationError(f"an event of kind {kind!r} came, to which routes= does not apply")

    def _answer(self, event: Any, kind: str, timeout: Timeout) -> dict[str, Any]:
        request = read(event, kind, self._options.location)
        sources = self._options.sources
        if kind in _BARE:
            sources = sources._replace(bare=True)
        token = find_token(request.http_request, sources)
        principal = self._verifier._verify_within(token, None, timeout)
        _check_cache_key(request, token)  # after verify(): a bad token gets its own error
        in_cookie = _is_in_cookie(request, sources)
        if in_cookie and (request.arn.verb is None or (kind == "http-2.0" and self._options.settings.simple)):
            _check_cookie_cache_key(request)
        left = self._verifier._seconds_left(principal)
        verdict = Verdict(
            kind, principal, request.arn, left, lambda policy: self._permits(principal, policy), in_cookie
        )
        denied = self._denied(principal)
        if denied is None:
            return ANSWERS[kind].admit(self._options.settings, verdict)
        _log(denied, self._verifier)
        return ANSWERS[kind].forbid(self._options.settings, verdict)

    def _denied(self, principal: Principal) -> PolicyDenied | None:
        """Return why the authorizer's own policy refuses a principal; raise other errors."""
        try:
            if self._options.require is not None:
                self._verifier.require(principal, self._options.require)
        except PolicyDenied as error:
            return error.with_traceback(None)
        return None

    def _permits(self, principal: Principal, policy: Policy | None) -> bool:
        """Whether the policy of a route or field accepts the principal. An outage is raised."""
        return policy is None or self._verifier._permits(principal, policy)

    def __repr__(self) -> str:
        return f"<Authorizer of {self._verifier!r}>"


def _check_cache_key(request: Request, token: str) -> None:
    """Check an HTTP API's cache key: without the token in it, callers would share responses."""
    if request.identity and not any(token in each for each in request.identity):
        raise ConfigurationError(
            "the authorizer's identity sources do not hold the token, so its cache would mix up callers: "
            "make the token's header (or cookie, or query parameter) one of them"
        )


def _is_in_cookie(request: Request, sources: Sources) -> bool:
    """Whether the only token of a request is in the cookie, so that without the cookie there is none."""
    if sources.cookie is None:
        return False
    try:
        find_token(request.http_request, sources._replace(cookie=None))
    except CredentialsMissing:
        return True
    return False


def _check_cookie_cache_key(request: Request) -> None:
    """Check an HTTP API's cache key if a response to a cookie covers every request with that key.

    A page of another site can cause a GET without an Origin, which is accepted. From the cache, the same
    response would let its POST pass.
    """
    parts = {part for each in request.identity for part in each.split(",")}
    method, key = request.http_request.method, request.route_key
    holds_both = key in parts and (key.startswith(f"{method} ") or method in parts)
    if request.identity and not (method and holds_both):
        raise ConfigurationError(
            "the token came in a cookie, and in a cache the answer would cover other methods and routes: "
            "turn the cache off and name no identity sources, or add $context.routeKey to them (and "
            "$context.httpMethod, for ANY and $default)"
        )


def _log(error: AuthError, verifier: Verifier) -> None:
    """Log the reason for operators, because neither API Gateway nor AppSync sends it to the client."""
    import logging

    settle(error, verifier._outcomes)
    level = logging.ERROR if isinstance(error, Unavailable) else logging.INFO
    reason = error.reason if error.hint is None else f"{error.reason} ({error.hint})"
    logging.getLogger("cognito_mr_auth").log(level, "authorizer: %s", reason)
