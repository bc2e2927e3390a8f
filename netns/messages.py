"""DNS messages (RFC 1035): a query to its question, and the answer to it.

Pure. Owns the format and no name; names without a reply do not exist.
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

__all__ = ["AAAA", "NXDOMAIN", "SERVFAIL", "A", "Question", "Reply", "answer", "read"]

A, AAAA = 1, 28
SERVFAIL, NXDOMAIN = 2, 3
HEADER_OCTETS = 12
# The question's name stands right behind the header; RFC 1035 section 4.1.4 points at it so.
POINTER = 0xC000 | HEADER_OCTETS
INTERNET = 1
# QR, RD and RA: an answer of a recursive server (RFC 1035 section 4.1.1).
ANSWERED = 0x8180


class Question(NamedTuple):
    """What a query asks, and the octets that its answer repeats."""

    number: bytes
    name: str
    kind: int
    octets: bytes


class Reply(NamedTuple):
    """What a name server says about one name; `silent`: nothing at all."""

    v4: tuple[str, ...] = ()
    v6: tuple[str, ...] = ()
    code: int = 0
    silent: bool = False


def read(query: bytes) -> Question:
    """The first question of a query.

    Raises:
        ValueError: it has none, or is cut short.
    """
    labels, at = [], HEADER_OCTETS
    try:
        while length := query[at]:
            labels.append(query[at + 1 : at + 1 + length].decode("ascii"))
            at += 1 + length
        (kind,) = struct.unpack_from("!H", query, at + 1)
    except (IndexError, struct.error) as error:
        raise ValueError("a query without a whole question") from error
    # Two octets each for type and class follow the name's closing zero.
    return Question(query[:2], ".".join(labels).lower(), kind, query[HEADER_OCTETS : at + 5])


def answer(question: Question, reply: Reply) -> bytes | None:
    """The message that gives this reply; None for silence."""
    if reply.silent:
        return None
    addresses = []
    if question.kind == A:
        addresses = [socket.inet_pton(socket.AF_INET, each) for each in reply.v4]
    elif question.kind == AAAA:
        addresses = [socket.inet_pton(socket.AF_INET6, each) for each in reply.v6]
    records = [
        struct.pack("!HHHIH", POINTER, question.kind, INTERNET, 0, len(each)) + each for each in addresses
    ]
    header = struct.pack("!HHHHH", ANSWERED | reply.code, 1, len(records), 0, 0)
    return question.number + header + question.octets + b"".join(records)
