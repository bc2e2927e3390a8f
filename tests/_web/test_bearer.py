"""`_web.bearer`: the answer for each error, and where a token may stand."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognito_mr_auth import errors
from cognito_mr_auth._web.bearer import HTTPRequest, Sources, find_token, response_to, split_subprotocols

DOCUMENT = "https://api.example.com/.well-known/oauth-protected-resource"

# RFC 9110 11.6.1 with RFC 6750 3: one scheme, quoted parameters without escapes.
_PARAMETER = r'[a-z_]+="[\x20-\x21\x23-\x5b\x5d-\x7e]*"'
CHALLENGE = re.compile(rf"Bearer {_PARAMETER}(?:, {_PARAMETER})*")


def said(error: errors.AuthError, **more: str) -> tuple[int, str | None, str | None]:
    """Status, challenge and Retry-After; the rest of the answer is checked on the way."""
    answer = response_to(error, realm="api", **more)
    body = json.loads(answer.body)
    assert (list(body), body["reason"]) == (["detail", "reason"], error.reason)
    assert answer.header("content-length") == str(len(answer.body))
    assert (answer.header("content-type"), answer.header("cache-control")) == ("application/json", "no-store")
    return answer.status, answer.header("www-authenticate"), answer.header("retry-after")


@pytest.mark.parametrize(
    ("error", "status", "challenge"),
    [
        (errors.CredentialsMissing(), 401, 'Bearer realm="api"'),
        (errors.OriginDenied(), 403, 'Bearer realm="api"'),
        (
            errors.RequestMalformed("two"),
            400,
            'Bearer realm="api", error="invalid_request", error_description="two"',
        ),
        (
            errors.TokenExpired("late"),
            401,
            'Bearer realm="api", error="invalid_token", error_description="late"',
        ),
        (
            errors.PolicyDenied("no"),
            403,
            'Bearer realm="api", error="insufficient_scope", error_description="no"',
        ),
        (
            errors.PolicyDenied("no", scopes=("a/x", "b/y")),
            403,
            'Bearer realm="api", error="insufficient_scope", error_description="no", scope="a/x b/y"',
        ),
        (
            errors.AuthenticationTooOld("old", max_age=0),
            401,
            (
                'Bearer realm="api", error="insufficient_user_authentication", '
                'error_description="old", max_age="0"'
            ),
        ),
        (
            errors.TokenRejected('a "b" \\ c\nd\xe9'),
            401,
            'Bearer realm="api", error="invalid_token", error_description="a \'b\' ? c?d?"',
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_the_challenge(error: errors.AuthError, status: int, challenge: str) -> None:
    """RFC 6750 3: realm first, then what is wrong; RFC 9728 5.1 adds the document's URL at the end."""
    assert said(error) == (status, challenge, None)
    assert said(error, resource_metadata=DOCUMENT)[1] == f'{challenge}, resource_metadata="{DOCUMENT}"'


@pytest.mark.parametrize(
    "kind", [errors.KeysUnavailable, errors.RevocationUnavailable, errors.CheckUnavailable]
)
def test_an_outage_has_no_challenge(kind: type[errors.Unavailable]) -> None:
    """503 and when to come back (RFC 9110 10.2.3); another token would not help."""
    assert said(kind(retry_after=7), resource_metadata=DOCUMENT) == (503, None, "7")


def test_hints_are_for_who_can_act_on_them() -> None:
    """A refusal's hint goes to the caller; an outage's hint is for the operator alone."""
    shown = response_to(errors.TokenExpired("late", hint="sign in"), realm="api").body
    assert json.loads(shown) == {"detail": "late: sign in", "reason": "token_expired"}
    kept = response_to(errors.KeysUnavailable("away", hint="see IssuerConfiguration"), realm="api").body
    assert json.loads(kept) == {"detail": "away", "reason": "keys_unavailable"}


@given(st.text(), st.lists(st.text(min_size=1), max_size=3), st.text(min_size=1))
def test_nothing_breaks_out_of_the_challenge(message: str, scopes: list[str], realm: str) -> None:
    """RFC 6750 3: values "MUST NOT include characters outside the set %x20-21 / %x23-5B / %x5D-7E"."""
    answer = response_to(errors.PolicyDenied(message or "x", scopes=tuple(scopes)), realm=realm)
    assert CHALLENGE.fullmatch(answer.header("www-authenticate") or "")
    assert json.loads(answer.body)["detail"] == (message or "x")


@given(st.lists(st.text(alphabet='Bearer ,\t="aé\x00.', max_size=20), max_size=3))
def test_a_token_comes_from_exactly_one_header(values: list[str]) -> None:
    """Whatever is sent, a token is given only for one header of the form of RFC 6750 2.1."""
    try:
        token = find_token(HTTPRequest("GET", "/", "", lambda _name: values), Sources())
    except (errors.CredentialsMissing, errors.RequestMalformed) as error:
        assert error.__cause__ is None  # noqa: PT017
        assert error.__context__ is None  # noqa: PT017
    else:
        [value] = values
        assert value.strip(" \t").lower() == f"bearer {token}".lower()
        assert re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", token)


def test_a_plain_request_has_no_subprotocols() -> None:
    """The header of a WebSocket handshake means nothing on another request."""
    offered = ("bearer", "abc")
    plain = HTTPRequest("GET", "/", "", lambda _name: (), websocket=False, subprotocols=offered)
    assert split_subprotocols(plain, "bearer") == (None, offered)


PLACES = {
    "header": (Sources(), {"authorization": ["Bearer a.b.c"]}, {}, "a.b.c"),
    "bare, not asked for": (Sources(), {"authorization": ["a.b.c"]}, {}, errors.CredentialsMissing),
    "bare": (Sources(bare=True), {"authorization": [" a.b.c "]}, {}, "a.b.c"),
    "bare, with a scheme": (Sources(bare=True), {"authorization": ["Bearer a.b.c"]}, {}, "a.b.c"),
    "bare, another scheme": (
        Sources(bare=True),
        {"authorization": ["Basic a"]},
        {},
        errors.CredentialsMissing,
    ),
    "bare alone": (Sources(scheme=None), {"authorization": ["a.b.c"]}, {}, "a.b.c"),
    "bare alone, with a scheme": (
        Sources(scheme=None),
        {"authorization": ["Bearer a.b.c"]},
        {},
        errors.RequestMalformed,
    ),
    "bare alone, two": (Sources(scheme=None), {"authorization": ["a", "b"]}, {}, errors.RequestMalformed),
    "bare alone, empty": (Sources(scheme=None), {"authorization": [""]}, {}, errors.CredentialsMissing),
    "bare, two": (Sources(bare=True), {"authorization": ["a", "b"]}, {}, errors.RequestMalformed),
    "another header": (Sources(header="x-token"), {"x-token": ["Bearer a.b.c"]}, {}, "a.b.c"),
    "the usual header beside it": (
        Sources(header="x-token"),
        {"authorization": ["Bearer a.b.c"]},
        {},
        errors.CredentialsMissing,
    ),
    "query": (Sources(query="t"), {}, {"t": ["a.b.c"]}, "a.b.c"),
    "query, not asked for": (Sources(), {}, {"t": ["a.b.c"]}, errors.CredentialsMissing),
    "query, none": (Sources(query="t"), {}, {}, errors.CredentialsMissing),
    "query, two": (Sources(query="t"), {}, {"t": ["a", "b"]}, errors.RequestMalformed),
    "query, empty": (Sources(query="t"), {}, {"t": [""]}, errors.RequestMalformed),
    "query, no token": (Sources(query="t"), {}, {"t": ["a b"]}, errors.RequestMalformed),
    "query and header": (
        Sources(query="t"),
        {"authorization": ["Bearer a.b.c"]},
        {"t": ["a.b.c"]},
        errors.RequestMalformed,
    ),
}


@pytest.mark.parametrize(("sources", "headers", "query", "expected"), PLACES.values(), ids=PLACES)
def test_places(
    sources: Sources,
    headers: dict[str, list[str]],
    query: dict[str, list[str]],
    expected: str | type[errors.AuthError],
) -> None:
    """Each place for a token counts where it was chosen, and one place at a time."""
    http_request = HTTPRequest(
        "GET", "/", "", lambda name: headers.get(name, []), query=lambda name: query.get(name, [])
    )
    if isinstance(expected, str):
        assert find_token(http_request, sources) == expected
    else:
        with pytest.raises(expected):
            find_token(http_request, sources)


@pytest.mark.parametrize(
    ("sent", "hinted"), [("a.b.c", True), ("a.b", False), ("Basic a.b.c", False), (None, False)]
)
def test_a_token_without_its_scheme_is_pointed_out(sent: str | None, *, hinted: bool) -> None:
    """The error tells clients that they omit "Bearer"; a value that has no token's form may be anything."""
    request = HTTPRequest("GET", "/", "", lambda _name: [] if sent is None else [sent])
    for sources in (Sources(), Sources(query="t")):
        with pytest.raises(errors.CredentialsMissing) as caught:
            find_token(request, sources)
        assert ('"Bearer"' in (caught.value.hint or "")) is hinted
        assert "a.b" not in f"{caught.value}{caught.value.hint}"


def test_most_requests_say_nothing_of_their_query() -> None:
    """An adapter that hands in no query has none."""
    with pytest.raises(errors.CredentialsMissing):
        find_token(HTTPRequest("GET", "/", "", lambda _: ()), Sources(query="t"))
