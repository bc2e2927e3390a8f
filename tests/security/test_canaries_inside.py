"""Values that pass from one of our functions to the next show nothing, either (E; ATK-61).

An error tracker prints what each frame holds, so a repr must not leak a token.
"""

from __future__ import annotations

from typing import Any

import pytest

from cognito_mr_auth._jwks.model import NO_KEYS, KeyFileEntry, StoredResponse
from cognito_mr_auth._jwt.compact import CompactJWS, parse
from cognito_mr_auth._web.bearer import HTTPRequest
from cognito_mr_auth.aws_lambda._authorizer.events import Request, TokenLocation, read
from cognito_mr_auth.aws_lambda._proxy.events import Call
from cognito_mr_auth.aws_lambda._proxy.upstream import _AuthorizerClaims
from cognito_mr_auth.testing import FakeUserPool

CANARY = "c4n4ry7Wren"
TOKEN = FakeUserPool().access_token(claims={"email": CANARY})
OFFERED = HTTPRequest("GET", f"/{CANARY}", "", lambda _name: [CANARY], subprotocols=[CANARY])
EVENT = {
    "type": "TOKEN",
    "methodArn": "arn:aws:execute-api:us-west-2:123456789012:abcdef/prod/GET/orders",
    "authorizationToken": CANARY,
}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(parse(TOKEN), id="a parsed token"),
        pytest.param(CompactJWS(CANARY, {CANARY: CANARY}, b"", CANARY.encode()), id="a token's parts"),
        pytest.param(OFFERED, id="a request"),
        pytest.param(Call("rest", OFFERED), id="an API event"),
        pytest.param(read(EVENT, "rest-token", TokenLocation()), id="an authorizer's event"),
        pytest.param(Request(OFFERED, identity=[CANARY]), id="a cache's key"),
        pytest.param(_AuthorizerClaims("rest", {"email": CANARY}), id="claims behind an authorizer"),
        pytest.param(
            StoredResponse("https://a", (0.0, 0.0), NO_KEYS, CANARY.encode()), id="a stored response"
        ),
        pytest.param(KeyFileEntry("https://a", 0.0, CANARY.encode()), id="an entry of a key file"),
    ],
)
def test_a_repr_shows_nothing(value: Any) -> None:
    """Neither by itself, nor in a list of values, nor in a text that a formatter makes."""
    for text in (repr(value), str(value), str([value]), f"{value}", f"{value!a}"):
        assert CANARY not in text
        assert not any(part in text for part in TOKEN.split("."))
