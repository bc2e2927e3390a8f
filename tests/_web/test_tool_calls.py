"""`_web.tool_calls`: the tools that a body calls, and the refusal of ambiguous bodies."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from cognito_mr_auth import errors
from cognito_mr_auth._web.tool_calls import MAX_BODY_BYTES, read_body, replayed, tools_called

CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "refund", "arguments": {}}}
LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}

CALLED: dict[str, tuple[Any, list[str]]] = {
    "a call": (CALL, ["refund"]),
    "another request": (LIST, []),
    "a notification": ({"jsonrpc": "2.0", "method": "notifications/initialized"}, []),
    "a response": ({"jsonrpc": "2.0", "id": 1, "result": {"method": "tools/call"}}, []),
    "a batch": ([LIST, CALL, CALL | {"params": {"name": "list"}}], ["refund", "list"]),
    "an empty batch": ([], []),
    "a name that is not ASCII": (CALL | {"params": {"name": "zurück"}}, ["zurück"]),
    "an empty name": (CALL | {"params": {"name": ""}}, [""]),
    "a name among the arguments": (
        CALL | {"params": {"name": "refund", "arguments": {"name": "list"}}},
        ["refund"],
    ),
    "arguments beyond any token's nesting": (
        CALL | {"params": {"name": "refund", "arguments": json.loads('{"a":' * 100 + "1" + "}" * 100)}},
        ["refund"],
    ),
}


@pytest.mark.parametrize("row", CALLED)
def test_a_body_says_which_tools_it_calls(row: str) -> None:
    """JSON-RPC 2.0: one message, or a batch of them as revision 2025-03-26 has it."""
    body, names = CALLED[row]
    assert tools_called(json.dumps(body).encode()) == names
    assert tools_called(json.dumps(body, ensure_ascii=False, indent=1).encode()) == names


ESCAPED = rb'{"m\u0065thod": "tools/c\u0061ll", "params": {"n\u0061me": "r\u0065fund"}}'


def test_escapes_are_letters() -> None:
    """RFC 8259 8.3: a name is the same name, however it is written."""
    assert tools_called(ESCAPED) == ["refund"]


AMBIGUOUS: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"tools/call",
    "a string": b'"tools/call"',
    "a number": b"1",
    "null": b"null",
    "a batch of anything": b'[{"method": "tools/list"}, 1]',
    "a batch in a batch": b'[[{"method": "tools/call"}]]',
    "two methods": b'{"method": "tools/list", "method": "tools/call", "params": {"name": "refund"}}',
    "two methods, one escaped": rb'{"method": "tools/list", "m\u0065thod": "tools/call"}',
    "two names": b'{"method": "tools/call", "params": {"name": "list", "name": "refund"}}',
    "two params": b'{"method": "tools/call", "params": {"name": "list"}, "params": {"name": "refund"}}',
    "something behind it": json.dumps(LIST).encode() + json.dumps(CALL).encode(),
    "UTF-16": json.dumps(CALL).encode("utf-16"),
    "UTF-32": json.dumps(CALL).encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(CALL).encode(),
    "no UTF-8": b'{"method": "tools/call", "params": {"name": "\xff"}}',
    "nested without end": b"[" * 100_000,
    "a number without end": b'{"id": ' + b"1" * 5000 + b"}",
    "a call of nothing": b'{"method": "tools/call"}',
    "params in a list": b'{"method": "tools/call", "params": ["refund"]}',
    "no name": b'{"method": "tools/call", "params": {}}',
    "a name that is a number": b'{"method": "tools/call", "params": {"name": 1}}',
    "a name that is null": b'{"method": "tools/call", "params": {"name": null}}',
}


@pytest.mark.parametrize("row", AMBIGUOUS)
def test_what_could_be_read_in_two_ways_is_refused(row: str) -> None:
    """W3: the SDK's parser may choose otherwise, so no body passes that only one of both would read so."""
    with pytest.raises(errors.RequestMalformed) as raised:
        tools_called(AMBIGUOUS[row])
    assert raised.value.__context__ is None  # a parser's exception holds the body
    assert "refund" not in str(raised.value)


def _received(*messages: dict[str, Any]) -> Any:
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    return receive


def _part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


GONE = {"type": "http.disconnect"}
BODIES: dict[str, tuple[tuple[dict[str, Any], ...], bytes | None]] = {
    "in one": ((_part(b"abc", more=False),), b"abc"),
    "in parts": ((_part(b"a", more=True), _part(b"", more=True), _part(b"bc", more=False)), b"abc"),
    "none": (({"type": "http.request"},), b""),
    "a client that leaves": ((_part(b"abc", more=True), GONE), None),
    "a client that left": ((GONE,), None),
    "as long as may be": ((_part(b"x" * MAX_BODY_BYTES, more=False),), b"x" * MAX_BODY_BYTES),
}


@pytest.mark.parametrize("row", BODIES)
def test_a_body_is_read_to_its_end(row: str) -> None:
    """ASGI 3.0, "Request": a body comes in any number of messages, until one says that no more do."""
    messages, body = BODIES[row]
    assert asyncio.run(read_body(_received(*messages))) == body


def test_a_body_without_end_is_not_kept() -> None:
    """One message more than may be ends it, whatever else would come."""
    half = _part(b"x" * (MAX_BODY_BYTES // 2 + 1), more=True)
    with pytest.raises(errors.RequestMalformed, match=f"more than {MAX_BODY_BYTES} bytes"):
        asyncio.run(read_body(_received(half, half)))


def test_what_was_read_comes_again() -> None:
    """The application gets the same octets, and then what the client does next."""

    async def main() -> list[Any]:
        receive = replayed(b"abc", _received(GONE))
        return [await receive(), await receive()]

    assert asyncio.run(main()) == [_part(b"abc", more=False), GONE]
