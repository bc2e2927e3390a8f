"""The golden Lambda events of tests/aws_lambda/events: loaded, copied, and given a token.

One file per event kind, written from AWS's guides, plus "proxy-*" for plain handlers. In a file the
token is the placeholder TOKEN. Nothing here imports the library, so an event is never shaped by the code
that it tests.
"""

from __future__ import annotations

import copy
import functools
import json
from pathlib import Path
from typing import Any

__all__ = ["KINDS", "event", "with_token", "without_token"]

EVENTS = Path(__file__).resolve().parent.parent / "aws_lambda" / "events"
KINDS = ("rest-token", "rest-request", "http-1.0", "http-2.0", "websocket", "appsync", "iot")
PLACEHOLDER = "TOKEN"
# What an event without a token lacks: members of the event itself, and headers.
_MEMBERS = ("authorizationToken", "identitySource", "token")
_HEADERS = ("headers", "multiValueHeaders")


def event(kind: str, **changes: Any) -> dict[str, Any]:
    """A fresh copy of a golden event, with these members of its top level replaced."""
    return {**copy.deepcopy(_loaded(kind)), **changes}


def with_token(kind: str, token: str, **changes: Any) -> dict[str, Any]:
    """The same with this token at each place where that kind carries one."""
    return {**_replaced(_loaded(kind), token), **changes}


def without_token(kind: str, **changes: Any) -> dict[str, Any]:
    """The same without the members and headers that carry the token; AppSync's is empty, but there."""
    bare = event(kind)
    for name in _MEMBERS:
        bare.pop(name, None)
    if kind == "appsync":
        bare["authorizationToken"] = ""
    for name in _HEADERS:
        headers = bare.get(name) or {}
        for header in [each for each in headers if each.lower() == "authorization"]:
            del headers[header]
    return {**bare, **changes}


@functools.cache
def _loaded(kind: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / f"{kind}.json").read_text(encoding="utf-8"))
    return loaded


def _replaced(value: Any, token: str) -> Any:
    """A deep copy in which the token replaces the placeholder inside each string."""
    if isinstance(value, dict):
        # REST's `type` has the same text.
        return {name: each if name == "type" else _replaced(each, token) for name, each in value.items()}
    if isinstance(value, list):
        return [_replaced(member, token) for member in value]
    if isinstance(value, str):
        return {PLACEHOLDER: token, f"Bearer {PLACEHOLDER}": f"Bearer {token}"}.get(value, value)
    return value
