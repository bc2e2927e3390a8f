"""`aiohttp._requests`: what is read of a request, and where its principal stands."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from support.drivers._aiohttp import HANDSHAKE

from cognito_mr_auth.aiohttp import _requests, principal_of
from cognito_mr_auth.testing import FakeUserPool


def request(path: str = "/", headers: Any = ()) -> web.Request:
    """A request that no guard has checked."""
    return make_mocked_request("GET", path, list(headers))


def test_a_request_is_read_as_it_was_sent() -> None:
    """All headers of a name, in any case; the path decoded and raw."""
    read = _requests.read(request("/a%20b?c=d", [("X", "1"), ("x", "2")]))
    assert (read.method, read.path, read.raw_path) == ("GET", "/a b", "/a%20b?c=d")
    assert list(read.header("x")) == ["1", "2"]
    assert (list(read.header("y")), read.websocket, list(read.subprotocols)) == ([], False, [])


def test_a_handshake_is_read_by_its_headers() -> None:
    """Aiohttp leaves it to the handler; subprotocols stand in one line or in several."""
    offered = [("Sec-WebSocket-Protocol", "bearer, abc"), ("Sec-WebSocket-Protocol", "chat")]
    asked = request("/", [*HANDSHAKE, *offered])
    read = _requests.read(asked)
    assert (read.websocket, list(read.subprotocols)) == (True, ["bearer", "abc", "chat"])
    asked[_requests.STATE] = {_requests.OFFERED: ["as", "they", "came"]}
    assert list(_requests.read(asked).subprotocols) == ["as", "they", "came"]


def test_a_principal_stands_under_its_key() -> None:
    """And nowhere before a guard has looked."""
    asked, principal = request(), FakeUserPool().principal()
    with pytest.raises(LookupError, match="no guard has looked"):
        principal_of(asked)
    assert principal_of(asked, None) is None
    asked[_requests.STATE] = {}
    _requests.leave(asked, principal)
    assert principal_of(asked) is asked[_requests.PRINCIPAL] is principal
    assert principal_of(asked.clone()) is principal


def test_the_request_among_a_handlers_arguments() -> None:
    """By itself, or as a view's own."""
    asked = request()
    assert _requests.request_in([object(), asked]) is asked
    assert _requests.request_in([web.View(asked)]) is asked
    with pytest.raises(TypeError):
        _requests.request_in([])
