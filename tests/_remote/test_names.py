"""`Names`: look-ups with a life of their own, and the addresses that are kept (F)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.fetches import alive
from support.resolvers import Resolver, entry, reach

from cognito_mr_auth._remote.cancel_scope import CancelScope
from cognito_mr_auth._remote.names import MAX_HOSTS, MAX_KEPT_ADDRESSES, SILENCE_SECONDS, Address, Names

HOST, DOTTED = "keys.example.com", "keys.example.com."
SOON = 10.0
"""Seconds that no test here takes."""


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    """Knows the host with one address, and with a final dot with another; silent where a test says so."""
    one = Resolver({HOST: ["192.0.2.1"], DOTTED: ["192.0.2.2"]})
    yield one
    one.end()
    reach(lambda: not looking_up())


def looking_up() -> list[str]:
    """The names of the look-ups that run."""
    return sorted(each.name for each in alive() if "look-up" in each.name)


def hosts(found: tuple[Address, ...]) -> list[str]:
    """The addresses alone."""
    return [each.host for each in found]


def look_up(names: Names, host: str = HOST, seconds: float = SOON) -> list[str]:
    """What a fetch with so much time finds."""
    return hosts(names.addresses(host, CancelScope(seconds)))


class Fetch:
    """A fetch that waits for a name, on a thread of its own."""

    def __init__(self, names: Names, host: str = HOST) -> None:
        self.scope = CancelScope(SOON)
        self.outcome: Any = None
        self._names, self._host = names, host
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.outcome = hosts(self._names.addresses(self._host, self.scope))
        except OSError as error:
            self.outcome = type(error)

    def end(self) -> Any:
        self._thread.join(SOON)
        return self.outcome


# --- What is found


@pytest.mark.outside
def test_addresses_come_once_and_in_the_systems_order() -> None:
    """As getaddrinfo orders them, each once, of the families that TCP has here."""
    found = [
        entry("192.0.2.9"),
        entry("2001:db8::1"),
        entry("192.0.2.9"),
        (socket.AF_UNIX, socket.SOCK_STREAM, 0, "", "/path"),
        entry("192.0.2.1"),
    ]
    names = Names(lambda *_args, **_options: found)
    assert names.addresses(HOST, CancelScope(SOON)) == (
        Address(socket.AF_INET, "192.0.2.9"),
        Address(socket.AF_INET6, "2001:db8::1", (0, 0)),
        Address(socket.AF_INET, "192.0.2.1"),
    )
    assert Address(socket.AF_INET6, "fe80::1", (0, 3)).with_port(443) == ("fe80::1", 443, 0, 3)


@pytest.mark.outside
def test_the_systems_resolver() -> None:
    """Without another one; a literal is an address at once, on no thread of its own."""
    names = Names()
    assert "127.0.0.1" in look_up(names, "localhost") + look_up(names, "127.0.0.1")
    assert look_up(names, "::1") == ["::1"]
    for unknown in ("a" * 64, "fe80::1%none"):  # refused by the system, without a request
        with pytest.raises(OSError, match="address"):
            names.addresses(unknown, CancelScope(SOON))


def raising(error: BaseException) -> Callable[..., Any]:
    """A resolver that fails so."""

    def getaddrinfo(*_args: Any, **_options: Any) -> Any:
        raise error

    return getaddrinfo


@pytest.mark.parametrize(
    "getaddrinfo",
    [
        pytest.param(raising(socket.gaierror(socket.EAI_NONAME, "secret")), id="no-such-name"),
        pytest.param(raising(UnicodeError("secret")), id="unicode"),
        pytest.param(raising(MemoryError()), id="memory"),
        pytest.param(raising(KeyboardInterrupt()), id="interrupt"),
        pytest.param(raising(SystemExit()), id="exit"),
        pytest.param(lambda *_args, **_options: [], id="nothing"),
        pytest.param(lambda *_args, **_options: None, id="none"),
        pytest.param(lambda *_args, **_options: [()], id="no-entry"),
        pytest.param(lambda *_args, **_options: [(socket.AF_INET, 1, 6, "", 5)], id="no-address"),
        pytest.param(lambda *_args, **_options: [(socket.AF_UNIX, 1, 0, "", "/x")], id="no-family"),
    ],
)
@pytest.mark.outside
def test_a_resolver_that_fails(getaddrinfo: Callable[..., Any]) -> None:
    """However it does, there is no address, at once, and no cause that says more."""
    names, begun = Names(getaddrinfo), time.monotonic()
    for host in (HOST, "127.0.0.1"):
        with pytest.raises(OSError, match="address") as caught:
            names.addresses(host, CancelScope(SOON))
        assert not isinstance(caught.value, TimeoutError)
        assert caught.value.__context__ is None
    assert time.monotonic() - begun < 1.0
    reach(lambda: not looking_up())


@pytest.mark.outside
def test_ten_thousand_addresses() -> None:
    """As many as a connection can try are kept."""
    many = [entry(f"10.0.{number // 256}.{number % 256}") for number in range(10_000)]
    assert len(look_up(Names(lambda *_args, **_options: many))) == MAX_KEPT_ADDRESSES


@pytest.mark.outside
def test_no_thread_for_a_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that starts no thread is an outage; what else breaks in there comes up, and hangs nobody."""
    names = Names(Resolver({HOST: ["192.0.2.1"]}))

    def start(_thread: threading.Thread) -> None:
        raise errors.pop()

    errors: list[BaseException] = [InterruptedError(), RuntimeError("can't start new thread")]
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(OSError, match="no address"):
            names.addresses(HOST, CancelScope(SOON))
        with pytest.raises(InterruptedError):
            names.addresses(HOST, CancelScope(SOON))
    assert look_up(names) == ["192.0.2.1"]


# --- How long one waits


@pytest.mark.outside
def test_a_fetch_waits_until_its_deadline(resolver: Resolver) -> None:
    """And no longer; the look-up goes on by itself, and what it finds serves the next fetch."""
    resolver.silence(HOST, DOTTED)
    names, begun = Names(resolver), time.monotonic()
    with pytest.raises(TimeoutError):
        look_up(names, seconds=0.1)
    assert time.monotonic() - begun < 0.3
    resolver.end(HOST)
    reach(lambda: not looking_up())
    resolver.silence(HOST)
    assert look_up(names) == ["192.0.2.1"]


@pytest.mark.outside
def test_one_look_up_for_all(resolver: Resolver) -> None:
    """A fetch that finds one running joins it, and it wakes all of them."""
    resolver.silence(HOST)
    names = Names(resolver)
    fetches = [Fetch(names) for _ in range(5)]
    reach(lambda: HOST in names._running and len(names._running[HOST].waiters) == 5)
    resolver.found.pop(DOTTED)
    resolver.end(HOST)
    assert [each.end() for each in fetches] == [["192.0.2.1"]] * 5
    assert resolver.asked.count(HOST) == 1


@pytest.mark.outside
def test_cancelling_ends_the_wait(resolver: Resolver) -> None:
    """Of this fetch alone, and at once; nobody who has left is kept by a look-up that never ends."""
    resolver.silence(HOST, DOTTED)
    names = Names(resolver)
    one, other = Fetch(names), Fetch(names)
    reach(lambda: HOST in names._running and len(names._running[HOST].waiters) == 2)
    begun = time.monotonic()
    one.scope.cancel()
    assert one.end() is TimeoutError
    assert time.monotonic() - begun < SILENCE_SECONDS  # or it was that which woke it
    assert len(names._running[HOST].waiters) == 1
    resolver.end()
    assert other.end() in (["192.0.2.1"], ["192.0.2.2"])


@pytest.mark.outside
def test_a_cancelled_fetch_looks_nothing_up(resolver: Resolver) -> None:
    """It has no time left."""
    scope = CancelScope(SOON)
    scope.cancel()
    with pytest.raises(TimeoutError):
        Names(resolver).addresses(HOST, scope)
    assert resolver.asked == []


# --- The name with a final dot


@pytest.mark.outside
def test_a_pod(resolver: Resolver) -> None:
    """Where the name is silent for 250 ms, it is asked with a final dot beside, past all search domains."""
    resolver.silence(HOST)
    names, begun = Names(resolver), time.monotonic()
    assert look_up(names) == ["192.0.2.2"]
    assert SILENCE_SECONDS <= time.monotonic() - begun < SILENCE_SECONDS + 0.5
    assert resolver.asked == [HOST, DOTTED]
    assert looking_up() == [f"cognito-mr-auth look-up {HOST}"]
    resolver.end()


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("keys", id="one-label"),
        pytest.param("keys.example.com.", id="dotted-already"),
    ],
)
@pytest.mark.outside
def test_names_that_are_never_dotted(host: str, resolver: Resolver) -> None:
    """A name of one label needs a search domain."""
    resolver.silence(host)
    with pytest.raises(TimeoutError):
        look_up(Names(resolver), host, SILENCE_SECONDS + 0.2)
    assert resolver.asked == [host]


@pytest.mark.outside
def test_a_name_that_answers_is_not_dotted(resolver: Resolver) -> None:
    """Nor one that fails soon: the resolver has spoken."""
    names = Names(resolver)
    assert look_up(names) == ["192.0.2.1"]
    with pytest.raises(OSError, match="no address"):
        look_up(names, "unknown.example.com")
    assert resolver.asked == [HOST, "unknown.example.com"]


@pytest.mark.parametrize(("first", "second"), [(HOST, DOTTED), (DOTTED, HOST)])
@pytest.mark.outside
def test_a_failure_of_one_waits_for_the_other(first: str, second: str, resolver: Resolver) -> None:
    """While one of the two runs, the result is unknown."""
    resolver.silence(HOST, DOTTED)
    resolver.found.pop(first)
    fetch = Fetch(Names(resolver))
    reach(lambda: len(looking_up()) == 2)
    resolver.end(first)
    reach(lambda: len(looking_up()) == 1)
    assert fetch.outcome is None
    resolver.end(second)
    assert fetch.end() == ["192.0.2.1" if second == HOST else "192.0.2.2"]


@pytest.mark.outside
def test_both_fail(resolver: Resolver) -> None:
    """Then there is no address, before the deadline."""
    resolver.silence(HOST, DOTTED)
    resolver.found.clear()
    fetch = Fetch(Names(resolver))
    reach(lambda: len(looking_up()) == 2)
    resolver.end()
    assert fetch.end() is OSError


@pytest.mark.outside
def test_two_look_ups_at_most(resolver: Resolver) -> None:
    """However many fetches come while a resolver hangs."""
    resolver.silence(HOST, DOTTED)
    names = Names(resolver)
    for _ in range(10):
        with pytest.raises(TimeoutError):
            look_up(names, seconds=SILENCE_SECONDS + 0.05 if not resolver.asked else 0.02)
    assert looking_up() == [f"cognito-mr-auth look-up {HOST}", f"cognito-mr-auth look-up {DOTTED}"]
    assert resolver.asked == [HOST, DOTTED]


# --- What is kept


@pytest.mark.outside
def test_kept_addresses_serve_a_silent_resolver(resolver: Resolver) -> None:
    """After 250 ms, while it is asked again beside; at once where it has been silent for so long already."""
    names = Names(resolver)
    assert look_up(names) == ["192.0.2.1"]
    resolver.silence(HOST, DOTTED)
    for least, most in ((SILENCE_SECONDS, SILENCE_SECONDS + 0.5), (0.0, SILENCE_SECONDS / 2)):
        begun = time.monotonic()
        assert look_up(names) == ["192.0.2.1"]
        assert least <= time.monotonic() - begun < most
    resolver.found[HOST] = ["192.0.2.7"]
    resolver.end(HOST)
    reach(lambda: HOST not in names._running)
    assert look_up(names) == ["192.0.2.7"]


@pytest.mark.outside
def test_kept_addresses_serve_where_the_resolver_fails(resolver: Resolver) -> None:
    """SERVFAIL and NXDOMAIN of a name that was good are the resolver's trouble; TLS checks the host."""
    names = Names(resolver)
    assert look_up(names) == ["192.0.2.1"]
    resolver.found.clear()
    assert look_up(names) == ["192.0.2.1"]
    resolver.found[HOST] = ["192.0.2.8"]
    assert look_up(names) == ["192.0.2.8"]


@pytest.mark.outside
def test_a_bounded_number_of_hosts_is_kept() -> None:
    """The one that was found longest ago goes first."""
    resolver = Resolver({f"{number}.example.com": ["192.0.2.1"] for number in range(MAX_HOSTS + 1)})
    names = Names(resolver)
    for host in resolver.found:
        look_up(names, host)
        look_up(names, "1.example.com")
    resolver.found.clear()
    assert look_up(names, "1.example.com") == ["192.0.2.1"]
    with pytest.raises(OSError, match="no address"):
        look_up(names, "0.example.com")
    assert len(names._known) == MAX_HOSTS


@pytest.mark.outside
def test_what_answered_last_comes_first(resolver: Resolver) -> None:
    """As long as it is among the host's addresses, and until it is silent."""
    resolver.found[HOST] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    names = Names(resolver)
    second = names.addresses(HOST, CancelScope(SOON))[1]
    names.note(HOST, second, answered=True)
    assert look_up(names) == ["192.0.2.2", "192.0.2.1", "192.0.2.3"]
    names.note(HOST, Address(socket.AF_INET, "192.0.2.1"), answered=False)  # was not the first anyway
    resolver.silence(HOST, DOTTED)
    assert look_up(names) == ["192.0.2.2", "192.0.2.1", "192.0.2.3"]  # of what was kept, too
    resolver.found[HOST] = ["192.0.2.3", "192.0.2.1"]
    resolver.end()
    reach(lambda: not looking_up())
    assert look_up(names) == ["192.0.2.3", "192.0.2.1"]
    names.note(HOST, Address(socket.AF_INET, "192.0.2.1"), answered=True)
    assert look_up(names) == ["192.0.2.1", "192.0.2.3"]
    names.note(HOST, Address(socket.AF_INET, "192.0.2.1"), answered=False)
    assert look_up(names) == ["192.0.2.3", "192.0.2.1"]
    names.note("127.0.0.1", second, answered=True)  # no name: nothing to remember
    assert list(names._known) == [HOST]


# --- Forks


@pytest.mark.outside
def test_a_fork_drops_look_ups_and_keeps_addresses(resolver: Resolver) -> None:
    """They do not run in the child; its lock may have been held by a thread that is not there."""
    names = Names(resolver)
    assert look_up(names) == ["192.0.2.1"]
    resolver.found[DOTTED] = ["192.0.2.5"]
    resolver.silence(HOST, DOTTED)
    orphan = Fetch(names)
    reach(lambda: HOST in names._running)
    names._lock.acquire()
    names.reset_after_fork()
    old = resolver.silent.pop(HOST)
    resolver.found[HOST] = ["192.0.2.5"]
    assert look_up(names) == ["192.0.2.5"]
    resolver.silence(HOST)
    child = Fetch(names)
    reach(lambda: HOST in names._running)
    old.set()  # the parent's look-up ends: it takes nothing from the child's
    orphan.end()
    assert HOST in names._running
    resolver.end()
    assert child.end() == ["192.0.2.5"]
