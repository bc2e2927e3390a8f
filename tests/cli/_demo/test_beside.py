"""The callers of an ordinary verifier: as many as ours, and none of them keeps the process."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from cognito_mr_auth.cli._demo.beside import Beside
from cognito_mr_auth.cli._demo.losses import Losses, Score
from cognito_mr_auth.cli._demo.tokens import Shot

VALID, FORGED = Shot("valid", "", forged=False, kid="a"), Shot("forged", "", forged=True, kid="a")


class Verifier:
    """One whose calls wait until they are let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.callers: list[threading.Thread] = []
        self.called = threading.Semaphore(0)

    def accepts(self, token: str) -> bool:
        self.callers.append(threading.current_thread())
        self.called.release()
        self.go.wait()
        return token == "valid"


@pytest.fixture
def verifier() -> Iterator[Verifier]:
    """Let go at the end."""
    verifier = Verifier()
    yield verifier
    verifier.go.set()
    for caller in verifier.callers:
        caller.join()


def test_answers_count_where_the_request_did(verifier: Verifier) -> None:
    """A forged token is verified too, and counts nowhere."""
    losses = Losses("x", 2)
    beside = Beside(verifier.accepts, losses, callers=2)
    verifier.go.set()
    for shot, phase in ((VALID, 0), (FORGED, 0), (VALID, 1), (VALID._replace(token="refused"), 1)):
        beside.send(shot, phase)
    losses.end(60)
    assert losses.column().phases == (Score(1, 1, 0), Score(2, 1, 1))
    for _ in range(4):
        assert verifier.called.acquire(timeout=60)
    beside.close(60)
    assert not any(caller.is_alive() for caller in verifier.callers)


def test_callers_that_hang_keep_nothing(verifier: Verifier) -> None:
    """Requests wait for one of so many callers. Closing drops them, and waits no longer than `seconds`."""
    losses = Losses("x", 1)
    beside = Beside(verifier.accepts, losses, callers=2)
    for _ in range(5):
        beside.send(VALID, 0)
    assert all(verifier.called.acquire(timeout=60) for _ in range(2))
    beside.close(0)
    assert losses.column().total.waiting == 5
    assert [caller.daemon for caller in verifier.callers] == [True, True]
    verifier.go.set()
    beside.close(60)
    assert losses.column().total == Score(5, 2, 0)
