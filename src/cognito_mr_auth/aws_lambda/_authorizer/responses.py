"""The response to each kind of API for each outcome, as a table.

Owns the forms of responses. `refuse` is for a missing or bad token, `forbid` for a valid token without
permission, and `admit` for the rest. An outage has no form: it stays an error, because a Deny would be
cached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.principal import Principal

from .arn import MethodArn, allows, statement
from .callbacks import ask
from .context import Context, is_plain, principal_id
from .events import HTTP
from .iot import DENIED, IotPolicy
from .iot import answer as iot_answer

__all__ = ["ANSWERS", "Answers", "Settings", "Unauthorized", "Verdict"]

Permits = Callable[[Any], bool]
Answer = dict[str, Any]


class Unauthorized(Exception):  # noqa: N818 - API Gateway makes a 401 only of this exact name
    """The request has no accepted token. REST and WebSocket APIs answer 401.

    Its message is this one name (API Gateway Developer Guide, "Use API Gateway Lambda authorizers").
    """

    def __init__(self) -> None:
        super().__init__("Unauthorized")


class Settings(NamedTuple):
    """The options of an Authorizer that affect its responses."""

    context: Context
    exact: bool
    simple: bool
    routes: Any  # a RouteTable, whose module is imported only if there is one
    iot: IotPolicy | None
    fields: Mapping[str, Any]
    usage_identifier_key: Callable[[Principal], Any] | None
    ttl: int


class Verdict(NamedTuple):
    """A verified request: the principal, the ARN, and the remaining seconds of its token.

    `only_this`: the response covers only this method and path, because an API's cache may keep it.
    """

    kind: str
    principal: Principal
    arn: MethodArn
    seconds: float
    permits: Permits
    only_this: bool = False


class Answers(NamedTuple):
    """The responses of one kind of API to each outcome."""

    refuse: Callable[[], Answer]
    forbid: Callable[[Settings, Verdict], Answer]
    admit: Callable[[Settings, Verdict], Answer]


# -- REST, WebSocket and HTTP APIs: a policy document -------------------------------------------


def _raise() -> NoReturn:
    raise Unauthorized


def _policy(settings: Settings, verdict: Verdict, document: dict[str, Any]) -> Answer:
    """`principalId` has the pool's ID, because a subject is unique only within its pool."""
    principal = verdict.principal
    admitted = any(each["Effect"] == "Allow" for each in document["Statement"])
    context = settings.context.of(principal, nested=verdict.kind == "http-2.0", admitted=admitted)
    return {"principalId": principal_id(principal), "policyDocument": document, "context": context}


def _document(effect: str, resource: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement(effect, [resource])]}


# A verb and a path follow the stage's prefix. The ARN of an HTTP API's $default route has neither, and
# WebSocket APIs authorize only $connect.
_EVERYTHING = {"rest-token": "*/*", "rest-request": "*/*", "http-1.0": "*", "http-2.0": "*"}
_EVERYTHING["websocket"] = "$connect"


def _everything(verdict: Verdict) -> str:
    return verdict.arn.prefix + _EVERYTHING[verdict.kind]


def _deny(settings: Settings, verdict: Verdict) -> Answer:
    return _policy(settings, verdict, _document("Deny", _everything(verdict)))


def _allow(settings: Settings, verdict: Verdict) -> Answer:
    arn = verdict.arn
    if settings.routes is not None:
        if arn.rest == "$default":
            raise ConfigurationError(
                "routes cannot name a $default route, whose ARN has no path: make it 'ANY /{proxy+}'"
            )
        document = settings.routes.document(arn.prefix, verdict.permits, http=verdict.kind in HTTP)
        if not verdict.only_this:
            return _policy(settings, verdict, document)
        itself = arn.itself if allows(document, arn) else None
    elif settings.exact or verdict.only_this:
        itself = arn.itself
    else:
        itself = _everything(verdict)
    # A path that no ARN can name is denied. `exact` needs an authorizer without cache, so no other request
    # gets that response.
    if itself is None:
        return _deny(settings, verdict)
    return _policy(settings, verdict, _document("Allow", itself))


def _allow_rest(settings: Settings, verdict: Verdict) -> Answer:
    answer = _allow(settings, verdict)
    if settings.usage_identifier_key is not None:
        key = ask("usage_identifier_key", settings.usage_identifier_key, verdict.principal)
        if key is not None and (type(key) is not str or not key):
            raise TypeError("usage_identifier_key returned neither a usage plan's API key nor None")
        if key is not None and is_plain(key):  # without a key, an API that requires one answers 403
            answer["usageIdentifierKey"] = key
    return answer


# -- HTTP APIs ----------------------------------------------------------------------------------


def _error_message() -> Answer:
    return {"errorMessage": "Unauthorized"}


def _forbid_http(settings: Settings, verdict: Verdict) -> Answer:
    return _simple(settings, verdict, passed=False) if settings.simple else _deny(settings, verdict)


def _admit_http(settings: Settings, verdict: Verdict) -> Answer:
    return _simple(settings, verdict, passed=True) if settings.simple else _allow(settings, verdict)


def _simple(settings: Settings, verdict: Verdict, *, passed: bool) -> Answer:
    context = settings.context.of(verdict.principal, nested=True, admitted=passed)
    return {"isAuthorized": passed, "context": context}


# -- AppSync ------------------------------------------------------------------------------------


def _refuse_appsync() -> Answer:
    return {"isAuthorized": False, "ttlOverride": 0}  # 0: a missing key or scope may arrive soon


def _forbid_appsync(_settings: Settings, _verdict: Verdict) -> Answer:
    return _refuse_appsync()


def _admit_appsync(settings: Settings, verdict: Verdict) -> Answer:
    answer = {
        "isAuthorized": True,
        "resolverContext": settings.context.of(verdict.principal, nested=False, admitted=True),
        # Only in AppSync's cache can an entry end with its token.
        "ttlOverride": max(0, min(settings.ttl, int(verdict.seconds))),
    }
    denied = [field for field, require in settings.fields.items() if not verdict.permits(require)]
    return {**answer, "deniedFields": denied} if denied else answer


# -- AWS IoT ------------------------------------------------------------------------------------


def _refuse_iot() -> Answer:
    return iot_answer(None, [dict(DENIED)], 0)


def _forbid_iot(_settings: Settings, verdict: Verdict) -> Answer:
    return iot_answer(verdict.principal, [dict(DENIED)], verdict.seconds)


def _admit_iot(settings: Settings, verdict: Verdict) -> Answer:
    documents = [] if settings.iot is None else settings.iot.of(verdict.principal)
    return iot_answer(verdict.principal, documents, verdict.seconds)


ANSWERS: Mapping[str, Answers] = {
    "rest-token": Answers(_raise, _deny, _allow_rest),
    "rest-request": Answers(_raise, _deny, _allow_rest),
    "http-1.0": Answers(_error_message, _deny, _allow),
    "http-2.0": Answers(_error_message, _forbid_http, _admit_http),
    "websocket": Answers(_raise, _deny, _allow),
    "appsync": Answers(_refuse_appsync, _forbid_appsync, _admit_appsync),
    "iot": Answers(_refuse_iot, _forbid_iot, _admit_iot),
}
