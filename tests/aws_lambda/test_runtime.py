"""Handlers under AWS's own runtime interface client, for every kind of authorizer event.

What counts are the bytes that the client posts to the Runtime API: API Gateway sees nothing else.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.lambda_events import KINDS, with_token, without_token
from support.runtime_api import Function, Outcome, RuntimeApi, function

from cognito_mr_auth.testing import FakeEndpoint, FakeUserPool

READY = "cognito_mr_auth.aws_lambda.handler"
SUBJECT = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
USERNAME = "jane.of.the.tests"
GROUP = "ops-of-the-tests"
SCOPE = "orders/read"
PREFIX = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod/"
RESOURCES = {"rest-token": "*/*", "rest-request": "*/*", "http-1.0": "*", "http-2.0": "*"}
RESOURCES["websocket"] = "$connect"
RAISING = ("rest-token", "rest-request", "websocket")

IOT_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "client/${cognito:sub}"}],
    }
)

# A user's own module. `advance` moves the verifier's clock, which a test cannot reach.
OWN = f"""
import os, time
from cognito_mr_auth import UserPool, Verifier, policy
from cognito_mr_auth.aws_lambda import Authorizer

moved = 0.0

def clock():
    return time.time() + moved, time.monotonic() + moved

pool = UserPool(
    os.environ["COGNITO_USER_POOL_ID"],
    client_ids=os.environ["COGNITO_CLIENT_IDS"].split(","),
    jwks_urls=os.environ["COGNITO_JWKS_URLS"],
)
authorizer = Authorizer(
    Verifier(pool, token_use="access", max_stale=7200, clock=clock),
    require=policy.scopes({SCOPE!r}),
    iot_policy={IOT_POLICY!r},
    response="simple",
    warm="OWN_WARM" in os.environ,
)

def handler(event, context):
    global moved
    moved += event.pop("advance", 0.0)
    return authorizer(event, context)
"""


class Scene(NamedTuple):
    """A pool whose keys one endpoint serves, and a function that runs."""

    pool: FakeUserPool
    endpoint: FakeEndpoint
    api: RuntimeApi
    child: Function

    def send(self, kind: str, cause: str, **changes: Any) -> Outcome:
        """One event of the kind, whose token is good, or not for this cause."""
        if cause == "no token":
            return self.api.invoke(without_token(kind, **changes))
        return self.api.invoke(with_token(kind, token(self.pool, cause), **changes))


CAUSES: Mapping[str, Mapping[str, Any]] = {
    "good": {},
    "no scope": {"scopes": ["orders/write"]},
    "expired": {"expires_in": -3600},
    "foreign signature": {"signed_by": "foreign"},
    "another client": {"client_id": "2example23456789"},
    "not a token": {"malformed": "two_segments"},
}
REFUSED = (*(cause for cause in CAUSES if cause not in ("good", "no scope")), "no token")


def token(pool: FakeUserPool, cause: str) -> str:
    """A user's token that is good, or not for this cause."""
    options: dict[str, Any] = {"scopes": [SCOPE], **CAUSES[cause]}
    return pool.access_token(subject=SUBJECT, username=USERNAME, groups=[GROUP], **options)


@contextmanager
def running(
    handler: str, directory: Path, variables: Mapping[str, str] | None = None, *, fault: str = ""
) -> Iterator[Scene]:
    """The handler under AWS's client, with a pool of its own; with `fault`, no key was ever to be had."""
    pool = FakeUserPool()
    (directory / "own.py").write_text(OWN)
    with pool.serve() as endpoints, RuntimeApi() as api:
        if fault:
            endpoints.original.fail(fault)
        environment = {
            "COGNITO_USER_POOL_ID": pool.user_pool_id,
            "COGNITO_CLIENT_IDS": pool.client_id,
            "COGNITO_JWKS_URLS": endpoints.original.url,
        }
        if handler == READY:
            environment["COGNITO_AUTHORIZER_SCOPES"] = SCOPE
            environment["COGNITO_AUTHORIZER_IOT_POLICY"] = IOT_POLICY
        with function(api, handler, directory, {**environment, **(variables or {})}) as child:
            yield Scene(pool, endpoints.original, api, child)


@pytest.fixture(scope="module", params=[READY, "own.handler"], ids=["ready", "own"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The ready handler, and a user's own module (with simple answers): one process for many events."""
    with running(request.param, tmp_path_factory.mktemp("task")) as found:
        yield found


@pytest.fixture(scope="module", params=[READY, "own.handler"], ids=["ready", "own"])
def outage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The same where no key was ever to be had."""
    with running(request.param, tmp_path_factory.mktemp("task"), fault="refuse") as found:
        yield found


# ---- what is expected


def claims(outcome_token: str) -> dict[str, Any]:
    """The payload, read here and not by the library."""
    part = outcome_token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return found


def context(pool: FakeUserPool, payload: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """What the API behind gets of the principal."""
    return {
        "sub": SUBJECT,
        "client_id": pool.client_id,
        "username": USERNAME,
        "token_use": "access",
        "scope": payload["scope"],
        "groups": [GROUP] if kind == "http-2.0" else GROUP,
        "iss": pool.issuer(),
        "user_pool_id": pool.user_pool_id,
        "iat": payload["iat"],
        "exp": payload["exp"],
        "kind": "user",
    }


def expected(pool: FakeUserPool, payload: Mapping[str, Any], kind: str, form: str, *, passed: bool) -> Any:
    """The answer about a good token; of IoT's what does not depend on the moment."""
    given = context(pool, payload, kind)
    if kind == "appsync":
        return {"isAuthorized": True, "resolverContext": given, "ttlOverride": 300} if passed else None
    if kind == "iot":
        return {"isAuthenticated": True, "principalId": "uswest2Fake00001" + SUBJECT.replace("-", "")}
    if kind == "http-2.0" and form == "simple":
        return {"isAuthorized": passed, "context": given}
    statement: dict[str, Any] = {"Action": "execute-api:Invoke", "Effect": "Allow" if passed else "Deny"}
    statement["Resource"] = [PREFIX + RESOURCES[kind]]
    document = {"Version": "2012-10-17", "Statement": [statement]}
    principal = f"{pool.user_pool_id}|{SUBJECT}"
    return {"principalId": principal, "policyDocument": document, "context": given}


def form_of(scene: Scene) -> str:
    """How the handler of this scene answers HTTP APIs with payload 2.0."""
    return "iam" if READY in scene.child.process.args else "simple"


# ---- the matrix, row by row


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_token_is_let_in(scene: Scene, kind: str) -> None:
    """The client posts exactly the answer of its kind, as a response."""
    good = token(scene.pool, "good")
    outcome = scene.api.invoke(with_token(kind, good))
    assert outcome.what == "response", outcome.body
    assert outcome.headers["Content-Type"] == "application/json"
    answer = outcome.json
    if kind == "iot":
        assert 3500 <= answer.pop("disconnectAfterInSeconds") <= 3600
        assert 3500 <= answer.pop("refreshAfterInSeconds") <= 3600
        (policy,) = answer.pop("policyDocuments")
        assert policy["Statement"][0]["Resource"] == f"client/{SUBJECT}"
    assert answer == expected(scene.pool, claims(good), kind, form_of(scene), passed=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_token_without_the_scope_is_forbidden(scene: Scene, kind: str) -> None:
    """A 403 in the form of the kind, never the 401 that makes clients throw a good token away."""
    bare = token(scene.pool, "no scope")
    outcome = scene.api.invoke(with_token(kind, bare))
    assert outcome.what == "response", outcome.body
    answer = outcome.json
    if kind == "appsync":
        assert outcome.body == b'{"isAuthorized": false, "ttlOverride": 0}'
        return
    if kind == "iot":
        effects = [each["Effect"] for policy in answer["policyDocuments"] for each in policy["Statement"]]
        assert effects == ["Deny"]
        answer = {name: answer[name] for name in ("isAuthenticated", "principalId")}
    assert answer == expected(scene.pool, claims(bare), kind, form_of(scene), passed=False)


@pytest.mark.parametrize("cause", REFUSED)
@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_token_is_refused(scene: Scene, kind: str, cause: str) -> None:
    """The message is exactly Unauthorized: of any other API Gateway makes a 500."""
    outcome = scene.send(kind, cause)
    if kind in RAISING:
        assert outcome.what == "error"
        assert outcome.body.startswith(b'{"errorMessage": "Unauthorized", "errorType": "Unauthorized", ')
    elif kind == "iot":
        assert outcome.what == "response"
        assert outcome.json["isAuthenticated"] is False
        assert b"Allow" not in outcome.body
    else:
        refusal = b'{"isAuthorized": false, "ttlOverride": 0}' if kind == "appsync" else b""
        assert outcome.what == "response"
        assert outcome.body == (refusal or b'{"errorMessage": "Unauthorized"}')


@pytest.mark.parametrize("kind", KINDS)
def test_an_outage_is_an_error_of_its_own(outage: Scene, kind: str) -> None:
    """Never a Deny, which would be cached, nor the message that makes a 401 of it."""
    outcome = outage.send(kind, "good")
    assert outcome.what == "error"
    assert outcome.json["errorType"] == "KeysUnavailable"
    assert outcome.json["errorMessage"] not in ("", "Unauthorized")
    # AppSync reports no error, so the library logs a line; tabs distinguish it from the client's.
    assert outage.child.logged(f"Z\t{outcome.json['requestId']}\t")


def test_an_outage_ends_before_the_function_is_ended(tmp_path: Path) -> None:
    """The wait for keys is shorter than what the invocation has left (Lambda-Runtime-Deadline-Ms)."""
    with running(READY, tmp_path, {"COGNITO_AUTHORIZER_WARM": "false"}, fault="hang") as scene:
        event = with_token("rest-token", token(scene.pool, "good"))
        scene.api.ready()
        begun = time.monotonic()
        outcome = scene.api.invoke(event, seconds=1.0)
        taken = time.monotonic() - begun
    assert outcome.json["errorType"] == "KeysUnavailable"
    assert taken < 1.6, "it waited the usual two seconds"


# ---- init


BAD_VARIABLES: Mapping[str, Mapping[str, str]] = {
    "COGNITO_CLIENT_IDS": {"COGNITO_CLIENT_IDS": ""},
    "COGNITO_USER_POOL_ID": {"COGNITO_USER_POOL_ID": "us-west-2"},
    "COGNITO_JWKS_URLS": {"COGNITO_JWKS_URLS": "https://keys.example.com/jwks.json"},
    "COGNITO_AUTHORIZER_KIND": {"COGNITO_AUTHORIZER_KIND": "rest"},
    "COGNITO_AUTHORIZER_SCOPE": {"COGNITO_AUTHORIZER_SCOPE": "a slip of the pen"},
    "COGNITO_AUTHORIZER_ROUTES": {"COGNITO_AUTHORIZER_ROUTES": "{}"},
}


@pytest.mark.parametrize("variable", BAD_VARIABLES)
def test_a_bad_variable_fails_the_init(tmp_path: Path, variable: str) -> None:
    """The message that Lambda shows names the variable; no invocation is ever asked for."""
    with running(READY, tmp_path, BAD_VARIABLES[variable]) as scene:
        outcome = scene.api.init_error()
        assert scene.child.ended() == 1
    assert outcome.json["errorType"] == "ConfigurationError"
    assert outcome.json["errorMessage"].startswith(variable)
    assert outcome.headers["Lambda-Runtime-Function-Error-Type"] == "ConfigurationError"
    assert variable in scene.child.log


@pytest.mark.parametrize("fault", ["refuse", "hang"])
def test_an_outage_does_not_fail_the_init(tmp_path: Path, fault: str) -> None:
    """Keys that were asked for in vain at init are asked for again by an invocation."""
    with running("own.handler", tmp_path, {"OWN_WARM": "1"}, fault=fault) as scene:
        scene.api.ready()
        scene.endpoint.heal()
        # By then the failed endpoint's back-off has ended.
        outcome = scene.send("http-2.0", "good", advance=15.0)
    assert outcome.what == "response", outcome.body
    assert outcome.json["isAuthorized"] is True


# ---- SnapStart


SNAP_START = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}


def test_keys_are_asked_for_again_after_a_snapshot_was_restored(tmp_path: Path) -> None:
    """A key that began to sign after the snapshot is there before the first invocation."""
    with running(READY, tmp_path, SNAP_START) as scene:
        scene.api.snapshot()
        before = scene.endpoint.requests
        scene.pool.rotate()
        scene.api.restore()
        scene.api.ready()
        after = scene.endpoint.requests
        outcome = scene.send("rest-token", "good")
        assert (before, after, scene.endpoint.requests) == (1, 2, 2)
    assert outcome.json["policyDocument"]["Statement"][0]["Effect"] == "Allow"


def test_a_restore_in_the_middle_of_an_outage_succeeds(tmp_path: Path) -> None:
    """The client posts no restore/error, and tokens pass by the snapshot's keys."""
    with running(READY, tmp_path, SNAP_START) as scene:
        scene.api.snapshot()
        scene.endpoint.fail("refuse")
        scene.api.restore()
        scene.api.ready()
        outcome = scene.send("rest-token", "good")
    assert outcome.json["policyDocument"]["Statement"][0]["Effect"] == "Allow"


# ---- freezes


HOUR = 3600.0
# What happens while the function is frozen, and by how much the clocks have moved when it runs again.
FREEZES: Mapping[str, tuple[str, float]] = {
    "the answer is still to come": ("nothing", 0.0),
    "the answer has come": ("heal", 0.0),
    "the connection was cut": ("cut", 0.0),
    "half an hour, the connection is dead": ("nothing", HOUR / 2),
    "past all keys' life, the connection is dead": ("nothing", 3 * HOUR),
    "past all keys' life, the answer has come": ("heal", 3 * HOUR),
    "past all keys' life, the connection was cut": ("cut", 3 * HOUR),
}


@pytest.mark.parametrize("freeze", FREEZES)
def test_a_freeze_in_the_middle_of_a_refresh_harms_no_caller(tmp_path: Path, freeze: str) -> None:
    """Lambda stops every thread after an answer; the next invocation is answered properly and at once."""
    happens, moved = FREEZES[freeze]
    with running("own.handler", tmp_path) as scene:
        good = scene.pool.access_token(scopes=[SCOPE], expires_in=24 * 3600)
        assert scene.api.invoke(with_token("http-2.0", good)).json["isAuthorized"]
        # One request hangs; those after it are answered.
        scene.endpoint.fail("slow", times=1)
        aged = with_token("http-2.0", good, advance=HOUR / 2)
        assert scene.api.invoke(aged).json["isAuthorized"], "aged keys are served while they are renewed"
        assert scene.endpoint.asked(2)
        scene.api.ready(3)
        scene.child.freeze()
        if happens == "heal":
            scene.endpoint.heal()
        elif happens == "cut":
            scene.endpoint.stop()
            scene.endpoint.start()
        scene.child.thaw()
        begun = time.monotonic()
        outcome = scene.api.invoke(with_token("http-2.0", good, advance=moved))
        taken = time.monotonic() - begun
        assert outcome.what == "response", outcome.body
        assert outcome.json["isAuthorized"] is True
        assert taken < 1.5, "it waited for what was frozen"


# ---- what is written


@pytest.mark.parametrize("form", ["Text", "JSON"])
def test_no_part_of_a_token_is_written(tmp_path: Path, form: str) -> None:
    """Neither log nor errors, at the most talkative level, hold a token, a claim or a signature."""
    talkative = {"AWS_LAMBDA_LOG_LEVEL": "DEBUG", "AWS_LAMBDA_LOG_FORMAT": form}
    posted: list[Outcome] = []
    tokens: list[str] = []
    with running(READY, tmp_path, talkative) as scene:
        for cause in CAUSES:
            tokens += [token(scene.pool, cause) for _ in KINDS]
            for kind, each in zip(KINDS, tokens[-len(KINDS) :], strict=True):
                posted.append(scene.api.invoke(with_token(kind, each)))
        scene.pool.rotate()  # an unknown kid, while no endpoint answers
        scene.endpoint.fail("reset")
        for kind in ("rest-token", "appsync"):
            tokens.append(token(scene.pool, "good"))
            posted.append(scene.api.invoke(with_token(kind, tokens[-1])))
    errors = [each for each in posted if each.what == "error"]
    assert errors
    written = scene.child.log + "".join(f"{each.body!r} {each.headers}" for each in errors)
    assert "Unauthorized" in written
    parts = {part for each in tokens for part in each.split(".")[1:]}
    for secret in (*parts, *tokens, SUBJECT, USERNAME, GROUP):
        assert not secret or secret not in written
