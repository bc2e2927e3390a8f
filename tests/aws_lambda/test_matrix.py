"""The outcome matrix: each cause, put to each kind of event, gets exactly its answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from traceback import extract_tb
from typing import Any

import pytest
from support.lambda_events import KINDS, event, with_token, without_token
from support.refusals import CANARY

from cognito_mr_auth import UserPool, Verifier, errors, policy
from cognito_mr_auth.aws_lambda import Authorizer, Unauthorized
from cognito_mr_auth.testing import FakeClock, FakeUserPool
from cognito_mr_auth.testing._tokens.malformed import MALFORMED as MALFORMED_TOKENS

FAKE = FakeUserPool(clock=FakeClock())
VERIFIER = FAKE.offline_verifier()
# No keys, no network and no key file: every token is met by an outage.
BLIND = Verifier(
    UserPool(FAKE.user_pool_id, client_ids=[FAKE.client_id], key_file="/nonexistent/keys.json", offline=True),
    token_use="access",
)
SUBJECT = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
IOT_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}],
}
PRINCIPAL = f"{FAKE.user_pool_id}|{SUBJECT}"
STAGE = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod/"
RESOURCES = {"rest-token": "*/*", "rest-request": "*/*", "http-1.0": "*", "http-2.0": "*"}
RESOURCES["websocket"] = "$connect"
NOW = int(FAKE.clock()[0])
CONTEXT = {
    "sub": SUBJECT,
    "client_id": FAKE.client_id,
    "username": "alice",
    "token_use": "access",
    "scope": "orders/read",
    "groups": "",
    "iss": FAKE.issuer(),
    "user_pool_id": FAKE.user_pool_id,
    "iat": NOW,
    "exp": NOW + 3600,
    "kind": "user",
}
NESTED: dict[str, Any] = CONTEXT | {"groups": []}


def authorizer(kind: str, verifier: Verifier = VERIFIER, **options: Any) -> Authorizer:
    """One as a user of that kind of API makes it; `simple` is HTTP 2.0 with simple responses."""
    if kind == "simple":
        options["response"] = "simple"
    if kind == "iot":
        options["iot_policy"] = IOT_POLICY
    return Authorizer(verifier, **options)


def golden(kind: str) -> str:
    """The event's file of a row."""
    return "http-2.0" if kind == "simple" else kind


def token(**options: Any) -> str:
    """Alice's, for orders/read."""
    return FAKE.access_token(username="alice", subject=SUBJECT, scopes=["orders/read"], **options)


def statement(effect: str, kind: str) -> dict[str, Any]:
    """An answer with a policy document for the whole stage."""
    resources = [STAGE + RESOURCES[kind]]
    return {
        "principalId": PRINCIPAL,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": resources}],
        },
        "context": NESTED if kind == "http-2.0" else CONTEXT,
    }


def iot(*, authenticated: bool, documents: Any, seconds: int, principal: str) -> dict[str, Any]:
    """An answer to AWS IoT."""
    return {
        "isAuthenticated": authenticated,
        "principalId": principal,
        "disconnectAfterInSeconds": seconds,
        "refreshAfterInSeconds": seconds,
        "policyDocuments": documents,
    }


IOT_NAME = "uswest2Fake00001" + SUBJECT.replace("-", "")
IOT_DENY = [{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "iot:*", "Resource": "*"}]}]
HTTP_401 = {"errorMessage": "Unauthorized"}
REFUSED: Mapping[str, Any] = {
    "rest-token": Unauthorized,
    "rest-request": Unauthorized,
    "http-1.0": HTTP_401,
    "http-2.0": HTTP_401,
    "simple": HTTP_401,
    "websocket": Unauthorized,
    "appsync": {"isAuthorized": False, "ttlOverride": 0},
    "iot": iot(authenticated=False, documents=IOT_DENY, seconds=300, principal="refused"),
}
FORBIDDEN: Mapping[str, Any] = {
    **{kind: statement("Deny", kind) for kind in RESOURCES},
    "simple": {"isAuthorized": False, "context": NESTED},
    "appsync": {"isAuthorized": False, "ttlOverride": 0},
    "iot": iot(authenticated=True, documents=IOT_DENY, seconds=3600, principal=IOT_NAME),
}
ADMITTED: Mapping[str, Any] = {
    **{kind: statement("Allow", kind) for kind in RESOURCES},
    "simple": {"isAuthorized": True, "context": NESTED},
    "appsync": {"isAuthorized": True, "resolverContext": CONTEXT, "ttlOverride": 300},
    "iot": iot(authenticated=True, documents=[IOT_POLICY], seconds=3600, principal=IOT_NAME),
}
ROWS = list(ADMITTED)


def outcome(call: Callable[[], Any]) -> Any:
    """The answer, or Unauthorized itself, which carries no other error along."""
    try:
        return call()
    except Unauthorized as error:
        raised = error
    assert (raised.__cause__, raised.__context__) == (None, None)
    return Unauthorized


def test_every_kind_has_a_row() -> None:
    """The matrix holds every kind of event, and HTTP 2.0 in both its responses."""
    assert sorted({golden(kind) for kind in ROWS}) == sorted(KINDS)
    assert set(REFUSED) == set(FORBIDDEN) == set(ADMITTED)


@pytest.mark.parametrize("kind", ROWS)
def test_admitted(kind: str) -> None:
    """A good token: the stage-wide Allow, or what else the kind calls a yes."""
    assert authorizer(kind)(with_token(golden(kind), token())) == ADMITTED[kind]


@pytest.mark.parametrize("kind", ROWS)
def test_no_token(kind: str) -> None:
    """No token: 401, as each kind says it."""
    assert outcome(lambda: authorizer(kind)(_without(kind))) == REFUSED[kind]


def _without(kind: str) -> dict[str, Any]:
    bare = without_token(golden(kind))
    if kind == "iot":
        bare["protocolData"]["mqtt"]["password"] = ""
    return bare


BAD_TOKENS: Mapping[str, Callable[[], str]] = {
    "expired": lambda: token(expires_in=-60),
    "forged": lambda: token(signed_by="foreign"),
    "unknown key": lambda: token(signed_by="unknown"),
    "unsigned": lambda: token(malformed="alg_none"),
    "another client's": lambda: token(client_id="2another"),
    "an ID token": FAKE.id_token,
    "no token at all": lambda: CANARY,
}


@pytest.mark.parametrize("cause", BAD_TOKENS)
@pytest.mark.parametrize("kind", ROWS)
def test_bad_token(kind: str, cause: str, caplog: pytest.LogCaptureFixture) -> None:
    """A bad token: 401, as each kind says it, and nothing of the token in any log."""
    caplog.set_level(logging.DEBUG)
    bad = BAD_TOKENS[cause]()
    assert outcome(lambda: authorizer(kind)(with_token(golden(kind), bad))) == REFUSED[kind]
    assert not any(part in caplog.text for part in filter(None, bad.split(".")))


# Raw values of a header: a scheme is no part of the token there.
LENIENT = {"appsync": ("bearer_prefix",), "iot": ("bearer_prefix",)}


@pytest.mark.parametrize("name", sorted(MALFORMED_TOKENS))
def test_malformed_token(name: str) -> None:
    """Each way in which the testing kit damages a token is refused by every kind; one more space is none."""
    for kind in ROWS:
        if name == "leading_space":
            spaced = with_token(golden(kind), token(malformed=name))
            assert outcome(lambda spaced=spaced, kind=kind: authorizer(kind)(spaced)) != REFUSED[kind], kind
        elif name not in LENIENT.get(kind, ()):
            bad = with_token(golden(kind), token(malformed=name))
            assert outcome(lambda bad=bad, kind=kind: authorizer(kind)(bad)) == REFUSED[kind], kind


MALFORMED = {
    "two tokens": "Bearer a.b.c Bearer a.b.c",
    "a comma": "Bearer a.b.c, Bearer a.b.c",
    "no token after the scheme": "Bearer ",
    "a control character": "Bearer a\x00.b.c",
    "a tab": "Bearer\ta.b.c",
    "another scheme": "Basic dXNlcjpwYXNz",
}


@pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("kind", [kind for kind in ROWS if kind not in ("iot", "appsync")])
def test_malformed_header(kind: str, value: str) -> None:
    """A malformed header counts as a bad token: there is no 400 to be had."""
    changed = event(golden(kind), identitySource=None, authorizationToken=value)
    for name in ("headers", "multiValueHeaders"):
        for key in [key for key in changed.get(name) or {} if key.lower() == "authorization"]:
            changed[name][key] = [value] if name.startswith("multi") else value
    assert outcome(lambda: authorizer(kind)(changed)) == REFUSED[kind]


@pytest.mark.parametrize("kind", ROWS)
def test_forbidden(kind: str) -> None:
    """A good token that lacks a scope: 403, as each kind says it, for the whole stage."""
    guarded = authorizer(kind, require=policy.scopes("orders/write"))
    assert guarded(with_token(golden(kind), token())) == FORBIDDEN[kind]


@pytest.mark.parametrize("kind", ROWS)
def test_too_old(kind: str) -> None:
    """A sign-in that is too old is 401, which tells the client to sign in again (RFC 9470)."""
    guarded = authorizer(kind, require=policy.max_age(60))
    old = token(claims={"auth_time": NOW - 61})
    assert outcome(lambda: guarded(with_token(golden(kind), old))) == REFUSED[kind]


@pytest.mark.parametrize("kind", ROWS)
def test_outage(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """No keys: an error that is not "Unauthorized", and a line in the log; never a Deny."""
    with pytest.raises(errors.KeysUnavailable) as caught:
        authorizer(kind, BLIND)(with_token(golden(kind), token()))
    assert "Unauthorized" not in str(caught.value)
    assert caught.value.__context__ is None
    # The frames below hold the token, and error reporters show frames.
    assert [frame.name for frame in extract_tb(caught.value.__traceback__)][1:] == ["__call__"]
    assert [each.levelname for each in caplog.records if "authorizer" in each.message] == ["ERROR"]


def _broken(_principal: object) -> bool:
    raise OSError("the entitlements' database is away")


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("hook", ["require", "revoked"])
def test_broken_hook(kind: str, hook: str) -> None:
    """A check that cannot answer is an outage, too."""
    options = {"require": policy.check(_broken)} if hook == "require" else {}
    verifier = FAKE.offline_verifier(revoked=_broken) if hook == "revoked" else VERIFIER
    with pytest.raises(errors.Unavailable):
        authorizer(kind, verifier, **options)(with_token(golden(kind), token()))


@pytest.mark.parametrize(
    ("kind", "option"),
    [("rest-token", "routes"), ("rest-request", "routes"), ("http-2.0", "routes"), ("appsync", "fields")],
)
def test_a_broken_check_in_a_table(kind: str, option: str) -> None:
    """A route's or field's check that cannot answer is an outage, and no Deny that would be cached."""
    table = {"Query.order" if option == "fields" else "GET /orders": policy.check(_broken)}
    with pytest.raises(errors.CheckUnavailable):
        authorizer(kind, **{option: table})(with_token(golden(kind), token()))


def test_unauthorized_is_the_message() -> None:
    """API Gateway makes a 401 of this message and of no other."""
    assert str(Unauthorized()) == "Unauthorized"
    assert Unauthorized().args == ("Unauthorized",)
