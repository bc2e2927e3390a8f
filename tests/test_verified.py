"""The verified-token cache: keys that are digests, and a bound on entries (C1)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import pytest

from cognito_mr_auth._verified import EARLY_DIGESTS, MAX_CACHED_CHARS, Verified


class Text(str):
    """A str of a framework's own class."""

    __slots__ = ()


@pytest.mark.parametrize("token", ["a.b.c", Text("a.b.c"), "ü", "\ud800", "", "x" * MAX_CACHED_CHARS])
def test_the_key_is_a_digest(token: str) -> None:
    """SHA-256 of the token, the same each time, for whatever text it is."""
    cache: Verified[int] = Verified(4)
    expected = sha256(token.encode("utf-8", "surrogatepass")).digest()
    rounds = 2 * EARLY_DIGESTS  # from both libraries
    assert [cache.digest(token)[0] for _ in range(rounds)] == [expected] * rounds


@pytest.mark.parametrize("token", ["a.b.c", Text("header.payload.signature"), "a.b.", "a..", ".b.c"])
def test_what_is_signed_is_hashed_beside(token: str) -> None:
    """All before the last dot, from one hash, once hashlib is there; it stays as it was."""
    cache: Verified[int] = Verified(4)
    hashes = [cache.digest(token)[1] for _ in range(2 * EARLY_DIGESTS)]
    assert hashes[: EARLY_DIGESTS - 1] == [None] * (EARLY_DIGESTS - 1)
    expected = sha256(token.rpartition(".")[0].encode()).digest()
    for signed in hashes[EARLY_DIGESTS:]:
        assert signed is not None
        assert [signed.digest(), signed.digest()] == [expected] * 2


@pytest.mark.parametrize("token", [None, b"a.b.c", 5, ["a.b.c"], "x" * (MAX_CACHED_CHARS + 1)], ids=type)
def test_what_is_not_kept_has_no_key(token: Any) -> None:
    """What is no str, and what is longer than 8 KiB."""
    assert Verified[int](4).digest(token) == (None, None)


def test_a_size_of_none_keeps_nothing() -> None:
    """C3: 0 turns it off."""
    cache: Verified[int] = Verified(0)
    assert cache.digest("a.b.c") == (None, None)
    assert cache.find(None) is None


def test_the_ones_used_last_are_kept() -> None:
    """Half of them at least stay, and a hit counts as use."""
    cache: Verified[int] = Verified(4)
    for number in range(4):
        cache.keep(b"%d" % number, number)
        assert cache.find(b"0") == 0
    assert cache.find(b"1") is None
    assert {b"0", b"3"} <= set(cache)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 1024])
def test_the_bound(size: int) -> None:
    """Never more than its size, and never less than half of it when there were enough."""
    cache: Verified[int] = Verified(size)
    for number in range(3 * size):
        cache.keep(b"%d" % number, number)
        assert cache.find(b"%d" % number) == number
        assert len(cache) <= size
    assert len(cache) >= size // 2


def test_threads_lose_no_entry() -> None:
    """What one thread has kept, every thread finds, while others keep more."""
    cache: Verified[int] = Verified(100_000)

    def work(first: int) -> list[int | None]:
        found = []
        for number in range(first, first + 2000):
            cache.keep(b"%d" % number, number)
            found.append(cache.find(b"%d" % number))
        return found

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(work, range(0, 16_000, 2000)))
    assert [number for found in results for number in found] == list(range(16_000))
