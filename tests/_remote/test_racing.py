"""`racing.connect`: attempts that race, and no socket that is left (RFC 8305, F)."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from support.resolvers import descriptors, full_backlog, reach

from cognito_mr_auth._remote import racing
from cognito_mr_auth._remote.cancel_scope import CancelScope
from cognito_mr_auth._remote.names import Address
from cognito_mr_auth._remote.racing import MAX_ADDRESSES, STAGGER_SECONDS, connect, interleaved

pytestmark = pytest.mark.outside

SOON = 10.0
"""Seconds that no test here takes."""


def v4(number: int) -> Address:
    """An address of this machine. Nothing listens there unless a test does."""
    return Address(socket.AF_INET, f"127.0.0.{number}")


V6 = Address(socket.AF_INET6, "::1", (0, 0))


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Every test closes every socket, on every path."""
    before = descriptors()
    yield
    assert descriptors() == before


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a listener at 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def raced(addresses: list[Address], port: int, seconds: float = SOON, **options: Any) -> tuple[str, float]:
    """The address that was reached, and after how many seconds."""
    scope, begun = CancelScope(seconds), time.monotonic()
    connection, address = connect(addresses, port, scope, **options)
    took = time.monotonic() - begun
    with connection:
        assert connection.getpeername()[0] == address.host
        assert list(scope._interrupts) == [connection]
        scope.detach(connection)
    return address.host, took


@pytest.mark.parametrize(
    ("addresses", "order"),
    [
        pytest.param([], [], id="none"),
        pytest.param([v4(1), v4(2)], [v4(1), v4(2)], id="one-family"),
        pytest.param([v4(1), v4(2), v4(3), V6], [v4(1), V6, v4(2), v4(3)], id="the-systems-first-first"),
        pytest.param([V6, v4(1), v4(2)], [V6, v4(1), v4(2)], id="ipv6-first"),
    ],
)
def test_families_come_in_turn(addresses: list[Address], order: list[Address]) -> None:
    """RFC 8305 section 4: so that a family without a route costs one attempt only."""
    assert interleaved(addresses) == order


def test_the_first_address_is_reached(port: int) -> None:
    """Nothing else is tried meanwhile, and small writes go out at once."""
    opened: list[int] = []

    def open_socket(family: int) -> socket.socket:
        opened.append(family)
        return socket.socket(family, socket.SOCK_STREAM)

    connection, _ = connect([v4(1), v4(2)], port, CancelScope(SOON), open_socket=open_socket)
    with connection:
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert opened == [socket.AF_INET]


def test_the_next_address_is_tried_at_once(port: int) -> None:
    """FI-66: where the first ones refuse."""
    host, took = raced([v4(2), V6, v4(3), v4(1)], port)
    assert (host, took < STAGGER_SECONDS) == ("127.0.0.1", True)


def test_addresses_that_drop_packets_cost_250_ms_each(port: int) -> None:
    """FI-66: three dead ones less than a second; the others go on meanwhile."""
    with ExitStack() as stack:
        for number in (2, 3, 4):
            stack.enter_context(full_backlog(f"127.0.0.{number}", port))
        host, took = raced([v4(2), v4(3), v4(4), v4(1)], port)
    assert host == "127.0.0.1"
    assert 3 * STAGGER_SECONDS <= took < 1.0


def test_a_late_first_address_still_wins() -> None:
    """It is not given up when the next is begun."""
    with socket.socket() as late, full_backlog("127.0.0.2") as port:
        late.bind(("127.0.0.1", port))
        late.listen(0)
        fillers = [socket.socket() for _ in range(2)]
        try:
            for each in fillers:
                each.setblocking(False)
                each.connect_ex(("127.0.0.1", port))
            begun = threading.Timer(0.4, lambda: [late.accept()[0].close() for _ in range(2)])
            begun.start()
            host, took = raced([v4(1), v4(2)], port)  # the kernel repeats its SYN after a second
            begun.join()
        finally:
            for each in fillers:
                each.close()
    assert host == "127.0.0.1"
    assert took > STAGGER_SECONDS


@pytest.mark.parametrize("count", [1, 2])
def test_no_endpoint_answers(count: int) -> None:
    """Until the deadline, which is the whole's; then nothing is left of the attempts."""
    with full_backlog("127.0.0.2") as port, full_backlog("127.0.0.3", port):
        begun = time.monotonic()
        scope = CancelScope(0.4)
        with pytest.raises(TimeoutError):
            connect([v4(2), v4(3)][:count], port, scope)
        assert 0.4 <= time.monotonic() - begun < 0.6
        assert scope._interrupts == {}


def test_all_refuse() -> None:
    """At once, and it is no timeout."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    begun = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        connect([v4(2), V6, v4(3)], port, CancelScope(SOON))
    assert time.monotonic() - begun < 0.2


def test_no_address() -> None:
    """A resolver that finds nothing has failed before; it is a failure here, too."""
    with pytest.raises(OSError, match="no connection"):
        connect([], 443, CancelScope(SOON))


@pytest.mark.parametrize("addresses", [[v4(2)], [v4(2), v4(3)]], ids=["one", "several"])
def test_cancelling_ends_a_race(addresses: list[Address]) -> None:
    """Within 0.1 s, from another thread."""
    with full_backlog("127.0.0.2") as port, full_backlog("127.0.0.3", port):
        took = [cancelled(addresses, port) for _ in range(3)]
    assert min(took) < 0.1  # a busy machine may take longer now and then


def cancelled(addresses: list[Address], port: int) -> float:
    """How long a race goes on that is cancelled when it has begun all its attempts."""
    outcome: list[type[BaseException]] = []
    scope = CancelScope(SOON)

    def race() -> None:
        try:
            connect(addresses, port, scope)
        except TimeoutError as error:
            outcome.append(type(error))

    thread = threading.Thread(target=race)
    thread.start()
    reach(lambda: len(scope._interrupts) == len(addresses))
    begun = time.monotonic()
    scope.cancel()
    thread.join(SOON)
    assert (outcome, scope._interrupts) == ([TimeoutError], {})
    return time.monotonic() - begun


def test_a_race_that_is_won_and_cancelled_at_once(port: int) -> None:
    """The connection is closed, because no other code would close it."""
    scope = CancelScope(SOON)

    class Cancelling(socket.socket):
        def getsockopt(self, *args: Any) -> Any:
            scope.cancel()
            return super().getsockopt(*args)

    with pytest.raises(TimeoutError):
        connect([v4(1)], port, scope, open_socket=lambda family: Cancelling(family, socket.SOCK_STREAM))


def no_socket(code: int) -> Callable[[int], socket.socket]:
    """A system that gives no socket of IPv6."""

    def open_socket(family: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(code, "secret")
        return socket.socket(family, socket.SOCK_STREAM)

    return open_socket


@pytest.mark.parametrize("code", [errno.EAFNOSUPPORT, errno.EMFILE])
def test_a_family_that_the_machine_lacks(code: int, port: int) -> None:
    """Costs nothing: the next address is tried; alone it is a failure, as is a lack of descriptors."""
    assert raced([V6, v4(1)], port, open_socket=no_socket(code))[0] == "127.0.0.1"
    with pytest.raises(OSError, match="no connection") as caught:
        connect([V6], port, CancelScope(SOON), open_socket=no_socket(code))
    assert caught.value.errno == code


def test_a_thousand_addresses() -> None:
    """Some are tried."""
    opened: list[int] = []

    def open_socket(family: int) -> socket.socket:
        opened.append(family)
        raise OSError

    with pytest.raises(OSError, match="no connection"):
        connect([v4(number % 250) for number in range(1000)], 1, CancelScope(SOON), open_socket=open_socket)
    assert len(opened) == MAX_ADDRESSES


def test_an_unreachable_network() -> None:
    """What `connect` refuses at once is a failure like any other."""
    with pytest.raises(OSError, match="no connection"):
        connect([Address(socket.AF_INET, "255.255.255.255")], 1, CancelScope(SOON))


def test_the_local_address_and_options(port: int) -> None:
    """As httpcore means them; one that is not this machine's is a failure."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    connection, _ = connect([v4(1)], port, CancelScope(SOON), options=options, local_address="127.0.0.7")
    with connection:
        assert connection.getsockname()[0] == "127.0.0.7"
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    with pytest.raises(OSError, match="no connection"):
        connect([v4(1)], port, CancelScope(SOON), local_address="192.0.2.1")


def test_a_high_descriptor(port: int) -> None:
    """The selector takes those above 1,023 and needs none of its own."""
    before = descriptors()
    with racing.Selector():
        assert descriptors() == before
