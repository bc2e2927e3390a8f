"""The bed's name server reads what resolvers send, and answers as RFC 1035 says."""

from __future__ import annotations

import socket
import struct

import pytest

from netns import messages
from netns.messages import NXDOMAIN, SERVFAIL, A, Reply

NAME = "cognito-idp.us-west-2.amazonaws.com"
NUMBER = b"\x12\x34"
RECURSION_DESIRED = 0x0100
BOTH = Reply(("10.0.0.1", "10.0.0.2"), ("2001:db8::1",))


def query(name: str = NAME, kind: int = A) -> bytes:
    """What a resolver sends for one name."""
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split("."))
    header = NUMBER + struct.pack("!HHHHH", RECURSION_DESIRED, 1, 0, 0, 0)
    return header + labels + b"\0" + struct.pack("!HH", kind, 1)


@pytest.mark.parametrize("kind", [A, messages.AAAA])
def test_a_query_is_read(kind: int) -> None:
    """Number, name and type are the query's; host names have no case (RFC 1035 section 2.3.3)."""
    found = messages.read(query(NAME.upper(), kind))
    assert (found.number, found.name, found.kind) == (NUMBER, NAME, kind)


@pytest.mark.parametrize("cut", [0, 5, 12, 20, len(query()) - 3])
def test_a_query_that_is_cut_short_is_refused(cut: int) -> None:
    """Whatever is missing, it is a ValueError."""
    with pytest.raises(ValueError, match="whole question"):
        messages.read(query()[:cut])


ANSWERS = [
    pytest.param(A, BOTH, 0, [socket.inet_aton(each) for each in BOTH.v4], id="both-ipv4-in-order"),
    pytest.param(messages.AAAA, BOTH, 0, [socket.inet_pton(socket.AF_INET6, BOTH.v6[0])], id="ipv6"),
    pytest.param(messages.AAAA, Reply(("10.0.0.1",)), 0, [], id="no-ipv6-is-no-error"),
    pytest.param(15, BOTH, 0, [], id="no-record-of-another-type"),
    pytest.param(A, Reply(code=SERVFAIL), SERVFAIL, [], id="servfail"),
    pytest.param(A, Reply(code=NXDOMAIN), NXDOMAIN, [], id="nxdomain"),
]


@pytest.mark.parametrize(("kind", "reply", "code", "addresses"), ANSWERS)
def test_an_answer_repeats_the_question(kind: int, reply: Reply, code: int, addresses: list[bytes]) -> None:
    """It has the query's number and question, the code, and a record for each address."""
    asked = query(kind=kind)
    said = messages.answer(messages.read(asked), reply)
    assert said is not None
    flags, questions, records = struct.unpack_from("!HHH", said, 2)
    assert (said[:2], flags & 0x8000, flags & 0xF, questions) == (NUMBER, 0x8000, code, 1)
    assert said[12 : len(asked)] == asked[12:]
    assert _data(said[len(asked) :], kind) == addresses
    assert records == len(addresses)


def _data(rest: bytes, kind: int) -> list[bytes]:
    found = []
    while rest:
        pointer, said, internet, _ttl, length = struct.unpack_from("!HHHIH", rest)
        assert (pointer, said, internet) == (0xC00C, kind, 1)
        found.append(rest[12 : 12 + length])
        rest = rest[12 + length :]
    return found


def test_silence_is_no_message() -> None:
    """A dead name server sends nothing."""
    assert messages.answer(messages.read(query()), Reply(silent=True)) is None
