"""aws_lambda.edge: what goes on to the origin, what is answered, and which events are none of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.drivers import Ask
from support.drivers.edge import event_of

from cognito_mr_auth import UserPool, Verifier, errors, policy
from cognito_mr_auth._remote.remote_key_set import Timeout
from cognito_mr_auth.aws_lambda.edge import MAX_RESPONSE_OCTETS, CognitoAuth
from cognito_mr_auth.testing import FakeClock, FakeUserPool

POOL = FakeUserPool(clock=FakeClock())
VERIFIER = POOL.offline_verifier()
SUBJECT = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
ORIGIN, WANTED = ("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "GET")
# "Restrictions on all edge functions": what a function may not add, or not change on a viewer request.
KEPT = (
    *("Connection", "Expect", "Keep-Alive", "Proxy-Authorization", "Trailer", "Upgrade", "X-Accel-Redirect"),
    *("X-Amz-Cf-Id", "X-Amzn-Auth", "X-Amzn-Header-Count", "X-Cache", "X-Edge-Location", "X-Forwarded-Proto"),
    *("X-Real-IP", "Content-Length", "Host", "Transfer-Encoding", "Via"),
    # Headers by which other software names the caller, or which decide about the request.
    *("Authorization", "Cookie", "Origin", "X-Forwarded-For", "CloudFront-Viewer-Address", "Sec-Fetch-Site"),
)


def bearer(**options: Any) -> tuple[str, str]:
    """The header of a token."""
    return ("Authorization", f"Bearer {POOL.access_token(**{'subject': SUBJECT, **options})}")


def ask(auth: Any, *headers: tuple[str, str], method: str = "GET", uri: str = "/orders") -> Any:
    """What a function answers to a viewer request."""
    return auth(event_of(Ask(headers, method, uri)), None)


def sent_on(request: Any, name: str) -> list[str]:
    """The values of a header that the origin gets, whatever its spelling."""
    return [
        each["value"]
        for key, pairs in request["headers"].items()
        for each in pairs
        if key.lower().replace("_", "-") == name.lower()
    ]


# --- What goes on


def test_a_request_that_passes_goes_on_as_it_came() -> None:
    """CloudFront's own object, and nothing of it changed."""
    event = event_of(Ask((bearer(), ("X-Identity", "mine")), "POST"))
    before = json.dumps(event)
    said = CognitoAuth(VERIFIER)(event, None)
    assert said is event["Records"][0]["cf"]["request"]
    assert json.dumps(event) == before


@pytest.mark.parametrize("spelling", ["X-Identity", "x-identity", "X_Identity", "X.Identity", "X-IDENTITY"])
@pytest.mark.parametrize(
    ("options", "headers", "method", "told"),
    [
        pytest.param({}, (bearer(),), "GET", True, id="token"),
        pytest.param({"optional": True}, (), "GET", False, id="guest"),
        pytest.param({"exclude": ["/orders"]}, (), "GET", False, id="excluded"),
        pytest.param({"preflight": "pass"}, (ORIGIN, WANTED), "OPTIONS", False, id="preflight"),
    ],
)
def test_only_we_say_who_asks(
    options: dict[str, Any], headers: Any, method: str, told: bool, spelling: str
) -> None:
    """What a viewer sends as the identity is taken away from whatever passes, in every spelling."""
    auth = CognitoAuth(VERIFIER, identity_header="X-Identity", **options)
    said = ask(auth, *headers, (spelling, "admin"), (spelling, "root"), method=method)
    assert said["uri"] == "/orders"
    assert sent_on(said, "X-Identity") == ([f"{POOL.user_pool_id}|{SUBJECT}"] if told else [])
    assert not {"admin", "root"} & {each["value"] for sent in said["headers"].values() for each in sent}
    if told:
        assert said["headers"]["x-identity"][0]["key"] == "X-Identity"


@pytest.mark.parametrize("subject", ["a\r\nX-Admin: 1", "\xe9", "a\x00"])
def test_a_subject_breaks_no_header(subject: str) -> None:
    """One that no header can hold gives way to its digest."""
    [value] = sent_on(ask(CognitoAuth(VERIFIER, identity_header="X-Who"), bearer(subject=subject)), "X-Who")
    assert value.startswith(f"{POOL.user_pool_id}|")
    assert value.isascii()
    assert value.isprintable()


def test_without_a_header_name_no_identity_is_sent() -> None:
    """By default no header is added, and none is taken away."""
    assert set(ask(CognitoAuth(VERIFIER), bearer())["headers"]) == {"authorization"}


@pytest.mark.parametrize("name", [*KEPT, "X Who", "", "x_real_ip"])
def test_the_identity_gets_no_name_that_cloudfront_keeps(name: str) -> None:
    """CloudFront answers 502 to a function that sets it; so it fails when the function is made."""
    with pytest.raises(errors.ConfigurationError, match="identity_header="):
        CognitoAuth(VERIFIER, identity_header=name)


# --- What is answered


@pytest.mark.parametrize(
    ("headers", "require", "status", "phrase"),
    [
        ((), None, "401", "Unauthorized"),
        ((("Authorization", "Bearer"),), None, "400", "Bad Request"),
        ((bearer(),), policy.any_group("staff"), "403", "Forbidden"),
        ((bearer(),), policy.check(lambda _principal: 1 / 0 > 0), "503", "Service Unavailable"),
    ],
)
def test_a_refusal_has_cloudfronts_form(headers: Any, require: Any, status: str, phrase: str) -> None:
    """The status a string, headers as lists of key and value, none that CloudFront keeps to itself."""
    said = json.loads(json.dumps(ask(CognitoAuth(VERIFIER, require=require), *headers)))
    assert list(said) == ["status", "statusDescription", "headers", "body"]
    assert (said["status"], said["statusDescription"]) == (status, phrase)
    assert set(json.loads(said["body"])) == {"detail", "reason"}
    for name, pairs in said["headers"].items():
        assert [(each["key"].lower(), type(each["value"])) for each in pairs] == [(name, str)]
        assert name == name.lower()
        assert name not in {each.lower() for each in KEPT}
    assert ("retry-after" in said["headers"]) is (status == "503")
    assert ("www-authenticate" in said["headers"]) is (status != "503")


def test_a_long_answer_stays_below_the_limit() -> None:
    """A generated response of more than 40 KB would be 502: of a long one the body is left out."""

    def handler(event: Any, context: Any, principal: Any) -> Any:
        raise errors.PolicyDenied("x" * context)

    guarded = CognitoAuth(VERIFIER).require()(handler)
    # The message stands in the challenge as well.
    for length, kept in ((MAX_RESPONSE_OCTETS * 4 // 10, True), (MAX_RESPONSE_OCTETS * 6 // 10, False)):
        said = guarded(event_of(Ask((bearer(),))), length)
        assert (said["status"], bool(said["body"])) == ("403", kept)
        assert len(json.dumps(said).encode()) < 40 * 1024


def test_a_handler_of_ones_own() -> None:
    """It gets the event and the principal, and what it returns goes on; guests where they are welcome."""
    auth = CognitoAuth(VERIFIER, identity_header="X-Who")

    @auth.require(policy.any_group("staff"))
    def staff(event: Any, context: Any, principal: Any) -> Any:
        request = event["Records"][0]["cf"]["request"]
        request["uri"] = f"/staff/{principal.subject}"
        return request

    @auth.optional
    def feed(event: Any, context: Any, principal: Any) -> Any:
        return {"status": "200", "body": "guest" if principal is None else principal.subject}

    said = ask(staff, bearer(groups=["staff"]))
    assert (said["uri"], len(sent_on(said, "X-Who"))) == (f"/staff/{SUBJECT}", 1)
    assert ask(staff, bearer())["status"] == "403"
    assert ask(staff)["status"] == "401"
    assert ask(feed)["body"] == "guest"
    assert ask(feed, bearer())["body"] == SUBJECT
    assert ask(feed, bearer(signed_by="foreign"))["status"] == "401"


# --- Preflights, handshakes, cookies, paths


def test_a_preflight_goes_on_only_where_it_was_chosen() -> None:
    """Without a principal; a handler that answers it itself shows no body; one with a policy does not run."""
    assert ask(CognitoAuth(VERIFIER), ORIGIN, WANTED, method="OPTIONS")["status"] == "401"
    auth = CognitoAuth(VERIFIER, preflight="pass")
    assert ask(auth, ORIGIN, WANTED, method="OPTIONS")["method"] == "OPTIONS"

    def answers(event: Any, context: Any, principal: Any) -> Any:
        return {"status": "200", "body": "secret", "bodyEncoding": "text", "headers": {}}

    assert ask(auth.require()(answers), ORIGIN, WANTED, method="OPTIONS") == {"status": "200", "headers": {}}
    named = ask(auth.require(policy.any_group("staff"))(answers), ORIGIN, WANTED, method="OPTIONS")
    assert (named["status"], named["body"]) == ("204", "")


def test_what_has_a_body_is_no_preflight() -> None:
    """The origin gets the body that a function was given, whatever a header says."""
    event = event_of(Ask((ORIGIN, WANTED), "OPTIONS"))
    event["Records"][0]["cf"]["request"]["body"] = {"data": "c2VjcmV0", "encoding": "base64"}
    assert CognitoAuth(VERIFIER, preflight="pass")(event, None)["status"] == "401"


def test_a_handshake_is_known_without_upgrade() -> None:
    """CloudFront hides Upgrade: Sec-WebSocket-Key makes a cookie need its origin."""
    auth = CognitoAuth(VERIFIER, cookie="at", allowed_origins=["https://app.example.com"])
    cookie = ("Cookie", f"at={POOL.access_token()}")
    key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    assert ask(auth, cookie)["method"] == "GET"
    assert ask(auth, cookie, key)["status"] == "403"
    assert ask(auth, cookie, key, ("Origin", "https://evil.example"))["status"] == "403"
    assert ask(auth, cookie, key, ORIGIN)["method"] == "GET"
    assert ask(auth, cookie, method="POST")["status"] == "403"


@pytest.mark.parametrize(
    ("uri", "passes"),
    [
        ("/assets/app.js", True),
        ("/assets/a%20b.js", True),
        ("/assets/..%2Forders", False),
        ("/assets/%2e%2e/orders", False),
        ("/assets//orders", False),
        ("/orders", False),
    ],
)
def test_an_excluded_path_is_judged_as_sent(uri: str, passes: bool) -> None:
    """W3: CloudFront hands the path on as it came, so what an origin may read in two ways stays closed."""
    said = ask(CognitoAuth(VERIFIER, exclude=["/assets/*"]), uri=uri)
    assert said.get("uri" if passes else "status") == (uri if passes else "401")


# --- Hostile and foreign events

HEADERS: dict[str, tuple[Any, str | None]] = {
    # the headers object of the event, with TOKEN for a good header; the status, or None for what goes on
    "null": (None, "401"),
    "list": ([], "401"),
    "value null": ({"authorization": None}, "400"),
    "value string": ({"authorization": "TOKEN"}, "400"),
    "no pairs": ({"authorization": []}, "401"),
    "pair null": ({"authorization": [None]}, "400"),
    "pair without value": ({"authorization": [{"key": "Authorization"}]}, "400"),
    "value number": ({"authorization": [{"key": "Authorization", "value": 5}]}, "400"),
    "two": ({"authorization": [{"value": "TOKEN"}, {"value": "TOKEN"}]}, "400"),
    "two cases": ({"authorization": [{"value": "TOKEN"}], "Authorization": [{"value": "TOKEN"}]}, "400"),
    "name number": ({5: [{"value": "TOKEN"}]}, "401"),
    "upper case": ({"AUTHORIZATION": [{"value": "TOKEN"}]}, None),
}


@pytest.mark.parametrize("row", HEADERS)
def test_odd_headers_let_nothing_through(row: str) -> None:
    """What is no header was not sent, and what is no string is malformed."""
    headers, status = HEADERS[row]
    event = event_of(Ask())
    good = bearer()[1]
    given = json.loads(json.dumps(headers).replace('"TOKEN"', json.dumps(good)))
    event["Records"][0]["cf"]["request"]["headers"] = given
    assert CognitoAuth(VERIFIER)(event, None).get("status") == status


def _changed(**changes: Any) -> dict[str, Any]:
    event = event_of(Ask((bearer(),)))
    event["Records"][0]["cf"].update(changes)
    return event


FOREIGN: dict[str, Any] = {
    "origin request": _changed(config={"eventType": "origin-request"}),
    "viewer response": _changed(config={"eventType": "viewer-response"}),
    "no config": _changed(config=None),
    "no request": _changed(request=None),
    "no method": _changed(request={"uri": "/", "headers": {}}),
    "no uri": _changed(request={"method": "GET", "headers": {}}),
    "no records": {"Records": []},
    "records of a queue": {"Records": [{"eventSource": "aws:sqs", "body": "x"}]},
    "HTTP API": {"version": "2.0", "rawPath": "/", "requestContext": {"http": {"method": "GET"}}},
    "a string": "event",
}


@pytest.mark.parametrize("row", FOREIGN)
def test_other_events_are_errors(row: str) -> None:
    """An origin request above all: what it lets pass would be cached for those who may not have it."""
    with pytest.raises(errors.ConfigurationError) as caught:
        CognitoAuth(VERIFIER)(FOREIGN[row], None)
    assert "Bearer" not in str(caught.value)


def test_a_call_shows_nothing_of_its_request() -> None:
    """No token in the repr that an error reporter shows of a frame."""
    from cognito_mr_auth.aws_lambda.edge import _read

    header = bearer()
    assert header[1] not in repr(_read(event_of(Ask((header,)))))


# --- Without environment variables, and in time


def test_a_bundled_file_is_the_configuration(tmp_path: Path) -> None:
    """`Verifier.from_env` reads a JSON file as it reads variables; baked keys verify while nobody answers."""
    pool = FakeUserPool()
    settings = {
        "COGNITO_USER_POOL_ID": pool.user_pool_id,
        "COGNITO_CLIENT_IDS": pool.client_id,
        "COGNITO_JWKS_URLS": "http://127.0.0.1:9/",
    }
    (tmp_path / "cognito.json").write_text(json.dumps(settings))
    read = json.loads((tmp_path / "cognito.json").read_text())
    auth = CognitoAuth(Verifier.from_env(read))
    assert "us-west-2_Fake00001" in repr(auth)
    keys = UserPool(pool.user_pool_id, client_ids=[pool.client_id], jwks=pool.jwks(), offline=True)
    said = CognitoAuth(Verifier(keys))(
        event_of(Ask((("Authorization", f"Bearer {pool.access_token()}"),))), None
    )
    assert said["method"] == "GET"


class Stopwatch(Verifier):
    """A verifier that notes how long it may wait."""

    waits: list[float]

    def _verify_within(self, token: str, require: Any, timeout: Timeout) -> Any:
        self.waits.append(timeout() if callable(timeout) else timeout)
        raise errors.KeysUnavailable(retry_after=3)


class Invocation:
    """Lambda's context object."""

    def __init__(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


@pytest.mark.parametrize(("left", "waited"), [(30_000, 2.0), (5_000, 2.0), (1_000, 0.75), (100, 0.05)])
def test_keys_are_waited_for_within_the_viewers_limit(left: int, waited: float) -> None:
    """Two seconds at most, and never so long that CloudFront would end the function: 503 before that."""
    verifier = Stopwatch(POOL.user_pool(), token_use="access", clock=POOL.clock)
    verifier.waits = []
    said = CognitoAuth(verifier)(event_of(Ask((bearer(),))), Invocation(left))
    assert verifier.waits == [pytest.approx(waited)]
    assert (said["status"], said["headers"]["retry-after"][0]["value"]) == ("503", "3")
