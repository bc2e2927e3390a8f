"""Many pools in one verifier while one host hangs: none of them waits for another (F).

Two ports of loopback are two hosts: one server answers for every pool, the other accepts and never answers.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress

import pytest
from faults.cell import MARGIN, PATIENTLY, eventually, said
from support.fetches import alive

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth._remote.threads import MAX_PER_HOST
from cognito_mr_auth.errors import KeysUnavailable
from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool, SigningKey
from cognito_mr_auth.testing._endpoints.exchange import head
from cognito_mr_auth.testing._endpoints.faults import jwks_body

POOLS = 24
# All are up within this time: the hedge's 200 ms, and what 24 threads take on a busy machine.
STARTED = 1.5
BACKLOG = 512


@contextmanager
def silent_host() -> Iterator[str]:
    """The address of a host that takes connections, in the kernel, and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(BACKLOG)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


class Pools:
    """Two dozen pools that share one signing key, since keys take a while to make."""

    def __init__(self) -> None:
        self._host = FakeUserPool()
        self._key: SigningKey = self._host.access_key
        self.document = jwks_body({"keys": [self._key.jwk()]})
        self.ids = [f"us-west-2_Pool{number:05}" for number in range(POOLS)]
        self.tokens = [self._token(pool_id) for pool_id in self.ids]

    def _token(self, pool_id: str) -> str:
        issuer = f"https://cognito-idp.us-west-2.amazonaws.com/{pool_id}"
        return self._host.access_token(claims={"iss": issuer})

    @contextmanager
    def serving(self) -> Iterator[tuple[FakeEndpoints, str]]:
        """An endpoint that gives the key at every path, and its address."""
        with self._host.serve() as endpoints:
            endpoints.original.fail("custom", body=self.document)
            yield endpoints, endpoints.original.url.split("/")[2]

    def verifier(self, first: str, second: str) -> Verifier:
        """Each pool asks `first` and, because it is a Region's replica, `second`."""
        return Verifier(*(self._pool(each, first, second) for each in self.ids), token_use="access")

    def _pool(self, pool_id: str, first: str, second: str) -> UserPool:
        issuers = {
            f"https://cognito-idp.us-west-2.amazonaws.com/{pool_id}": first,
            f"https://cognito-idp.us-east-1.amazonaws.com/{pool_id}": second,
        }
        urls = {issuer: f"http://{host}/{pool_id}/jwks.json" for issuer, host in issuers.items()}
        return UserPool(
            pool_id,
            client_ids=[self._host.client_id],
            replica_regions=["us-east-1"],
            issuer_kinds={"original", "replica"},
            jwks_urls=urls,
        )


@pytest.fixture(scope="module")
def pools() -> Pools:
    """Nothing is served yet."""
    return Pools()


def test_all_start_while_one_host_hangs(pools: Pools) -> None:
    """The first token of each of 24 pools at once, the preferred host silent: accepted within 1.5 s."""
    with (
        silent_host() as silent,
        pools.serving() as (_, well),
        pools.verifier(silent, well) as verifier,
        ThreadPoolExecutor(POOLS) as callers,
    ):
        gate = threading.Barrier(POOLS)

        def one(token: str) -> str:
            gate.wait(PATIENTLY)
            return said(verifier, token, STARTED)

        begun = time.monotonic()
        assert set(callers.map(one, pools.tokens)) == {"accepted"}
        assert time.monotonic() - begun < STARTED
        assert sum(each.name.startswith("cognito-mr-auth fetch original") for each in alive()) <= MAX_PER_HOST


class Recovering:
    """A host that is silent and then well for new connections; those of before stay dead."""

    def __init__(self, body: bytes) -> None:
        self._listener, self._body = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG), body
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._well = False
        self._dead: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with suppress(OSError):  # closed: it is over
            while True:
                connection, _ = self._listener.accept()
                if self._well:
                    self._answer(connection)
                else:
                    self._dead.append(connection)

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(MARGIN)
            connection.recv(4096)
            connection.sendall(head(200, len(self._body)) + self._body)

    def recover(self) -> None:
        """From now on new connections are answered."""
        self._well = True

    def close(self) -> None:
        """No connection is left."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for each in (self._listener, *self._dead):
            each.close()


def test_dead_connections_do_not_outlive_a_cure(pools: Pools) -> None:
    """The attempts of all pools hang at one host; once it is well, all have keys within 2 s (R1, W7)."""
    host = Recovering(pools.document)
    with closing(host), pools.verifier(host.address, host.address) as verifier:
        with ThreadPoolExecutor(POOLS) as callers:
            assert set(callers.map(lambda token: said(verifier, token, 0.5), pools.tokens)) == {
                "503 keys_unavailable"
            }
            host.recover()
            begun = time.monotonic()
            assert set(callers.map(lambda token: said(verifier, token, 3.0), pools.tokens)) == {"accepted"}
        assert time.monotonic() - begun < 2.0


def test_all_are_warmed_within_one_deadline(pools: Pools) -> None:
    """`warm` is done when every pool has keys and the silent host has been silent for 1 s."""
    with silent_host() as silent, pools.serving() as (_, well), pools.verifier(silent, well) as verifier:
        begun = time.monotonic()
        verifier.warm()
        assert 1.0 <= time.monotonic() - begun < 1.0 + STARTED
        health = verifier.health()
        assert (health["healthy"], len(health["providers"])) == (True, POOLS)


def test_warming_in_a_total_outage_ends_at_the_one_deadline(pools: Pools) -> None:
    """Both hosts are silent, so each pool is left without keys, and all together take one timeout."""
    with silent_host() as one, silent_host() as other, pools.verifier(one, other) as verifier:
        begun = time.monotonic()
        with pytest.raises(KeysUnavailable):
            verifier.warm(timeout=0.5)
        assert 0.5 <= time.monotonic() - begun < 0.5 + MARGIN
        assert len(alive()) <= 2 * MAX_PER_HOST
    assert eventually(lambda: not alive())
