"""The record of exposed keys: by thumbprint, bounded, and never forgetful (T5)."""

from __future__ import annotations

import sys
from base64 import urlsafe_b64decode

import pytest

from cognito_mr_auth._jwks.exposure import MAX_EXPOSED, ExposedKeys, thumbprint

# The key of RFC 7638 3.1, whose thumbprint that section gives.
RFC_MODULUS = (
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"
    "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"
    "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
    "kEgU8awapJzKnqDKgw"
)


def modulus(number: int) -> int:
    """A number of 2,048 bits."""
    return (1 << 2047) + 2 * number + 1


def test_the_thumbprint_is_that_of_the_rfc() -> None:
    """RFC 7638 3.1, so that other tools can say which key it is."""
    number = int.from_bytes(urlsafe_b64decode(RFC_MODULUS + "=="), "big")
    assert thumbprint(number) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize(
    ("moduli", "reported"),
    [
        pytest.param([{1}], [True], id="new"),
        pytest.param([{1}, {1}], [True, False], id="still"),
        pytest.param([{1}, {1, 2}], [True, True], id="one-more"),
        pytest.param([{1}, set(), {1}], [True, False, True], id="again"),
        pytest.param([set()], [False], id="nothing"),
    ],
)
def test_what_a_source_exposes_is_kept(moduli: list[set[int]], reported: list[bool]) -> None:
    """A key stays exposed, and a change of what a source exposes is news."""
    record = ExposedKeys()
    sets = [frozenset(map(modulus, each)) for each in moduli]
    assert [record.note("url", each) for each in sets] == reported
    assert all(each in record for each in frozenset[int]().union(*sets))
    assert modulus(9) not in record
    assert len(record.thumbprints) == len(record) == len(frozenset().union(*sets))


def test_a_flood_costs_no_memory_and_nothing_is_forgotten() -> None:
    """The first thumbprints are kept as they are; of the others enough bits to know each of them again."""
    record, count = ExposedKeys(), 3000
    for number in range(count):
        record.note("url", frozenset({modulus(number)}))
    assert len(record.thumbprints) == MAX_EXPOSED
    assert set(record.thumbprints) == {thumbprint(modulus(number)) for number in range(MAX_EXPOSED)}
    assert all(modulus(number) in record for number in range(count))
    assert sys.getsizeof(record._folded) < 10_000
    # An honest key is mistaken for an exposed one with a probability of 2,744 / 65,536.
    mistaken = sum(modulus(number) in record for number in range(count, count + 500))
    assert mistaken < 60


def test_what_is_too_short_for_a_usable_key_is_not_kept() -> None:
    """S1: and a document has room for thousands of those."""
    record = ExposedKeys()
    assert record.note("url", frozenset({65537, 1 << 2046}))
    assert len(record) == 0


def test_a_known_thumbprint_is_known_once() -> None:
    """A file may repeat what an endpoint has exposed, in a full record too."""
    record = ExposedKeys()
    for number in [*range(MAX_EXPOSED), *range(MAX_EXPOSED)]:
        record.add(thumbprint(modulus(number)))
    assert len(record) == MAX_EXPOSED
