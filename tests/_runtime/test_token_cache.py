"""The verified-token cache: keys that are digests, and a bound on entries (C1)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import pytest

from cognito_mr_auth._runtime.token_cache import MAX_CACHED_CHARS, MIN_CACHED_CHARS, TokenCache


class Text(str):
    """A str of a framework's own class."""

    __slots__ = ()


LONG = "a" * MIN_CACHED_CHARS


@pytest.mark.parametrize(
    "token", [f"{LONG}.", Text(f"{LONG}."), f"{LONG}\u00fc", f"{LONG}\ud800", "x" * MAX_CACHED_CHARS]
)
def test_the_key_is_a_digest(token: str) -> None:
    """SHA-256 of the token, for whatever text it is."""
    expected = sha256(token.encode("utf-8", "surrogatepass")).digest()
    assert TokenCache[int](4).digest(token) == expected


@pytest.mark.parametrize(
    "token", [None, LONG.encode() * 2, 5, ["a.b.c"], "", "a.b.c", LONG, "x" * (MAX_CACHED_CHARS + 1)]
)
def test_what_is_not_kept_has_no_key(token: Any) -> None:
    """What is no str, what is longer than 8 KiB, and what cannot hold a signature."""
    assert TokenCache[int](4).digest(token) is None


def test_a_size_of_none_keeps_nothing() -> None:
    """C3: 0 turns it off."""
    cache: TokenCache[int] = TokenCache(0)
    assert cache.digest(f"{LONG}.") is None
    assert cache.find(None) is None


def test_the_ones_used_last_are_kept() -> None:
    """What is asked for again and again stays, whatever comes by."""
    cache: TokenCache[int] = TokenCache(16)
    for number in range(100):
        cache.keep(b"%d" % number, number)
        assert cache.find(b"0") == 0
    assert cache.find(b"99") == 99
    assert cache.find(b"1") is None


@pytest.mark.parametrize("size", [1, 2, 3, 10, 1024])
@pytest.mark.parametrize("asked", [False, True], ids=["once", "again"])
def test_the_bound(size: int, *, asked: bool) -> None:
    """Never more than its size, and never less than seven eighths of it when there were enough."""
    cache: TokenCache[int] = TokenCache(size)
    for number in range(3 * size):
        cache.keep(b"%d" % number, number)
        if asked:
            assert cache.find(b"%d" % number) == number
        assert len(cache) <= size
        assert len(cache) >= min(number + 1, size * 7 // 8)


def test_as_many_as_fit_stay() -> None:
    """Users who take turns, as many as the cache is large, are all remembered."""
    cache: TokenCache[int] = TokenCache(64)
    for _ in range(3):
        found = [cache.find(b"%d" % number) for number in range(64)]
        for number in range(64):
            cache.keep(b"%d" % number, number)
    assert found == list(range(64))


def test_an_entry_is_replaced_in_its_place() -> None:
    """The same token, verified again with another key, takes no second place."""
    cache: TokenCache[int] = TokenCache(2)
    for value in range(5):
        cache.keep(b"a", value)
        assert (cache.find(b"a"), len(cache)) == (value, 1)


def test_threads_lose_no_entry() -> None:
    """What one thread has kept, every thread finds, while others keep more."""
    cache: TokenCache[int] = TokenCache(100_000)

    def work(first: int) -> list[int | None]:
        found = []
        for number in range(first, first + 2000):
            cache.keep(b"%d" % number, number)
            found.append(cache.find(b"%d" % number))
        return found

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(work, range(0, 16_000, 2000)))
    assert [number for found in results for number in found] == list(range(16_000))
