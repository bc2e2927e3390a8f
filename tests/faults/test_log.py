"""What the log of a process says from its start to the loss of every Region and back, line by line (B1).

`a_process.log` holds the lines. Whoever changes one reads the whole file, as somebody on call would.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.rig import DOWN, Rig

from cognito_mr_auth._base.clock import Instant
from cognito_mr_auth._jwks.model import FetchError
from cognito_mr_auth._runtime.dispatch import EventDispatcher
from cognito_mr_auth.errors import KeysUnavailable
from cognito_mr_auth.events import Event

MINUTE, HOUR = 60.0, 3600.0
EXPECTED = Path(__file__).with_name("a_process.log")
PRIMARY = ("updated", "original")
ALL = ("updated", "original", "replica")
SILENT = FetchError("connect-timeout")


class Process(Rig):
    """A pool's keys and their log; time passes a minute a step, with one caller each."""

    def __init__(self, **options: Any) -> None:
        self.pools: dict[str, Any] = {}
        self.dispatch = EventDispatcher(None, self._now, self.pools)
        super().__init__(**options)
        self.pools[self.pool.user_pool_id] = self.keys

    def _now(self) -> Instant:
        return self.clock()  # which a rig has later

    def _emit(self, events: Collection[Event]) -> None:
        super()._emit(events)
        self.dispatch(events)

    def minutes(self, count: int, *, dead: Collection[str] = (), fault: FetchError = DOWN) -> int:
        """So many minutes, in which these endpoints are dead; gives how many callers were refused."""
        refused = 0
        for _ in range(count):
            self.later(MINUTE)
            caller = self.call(self.kid)
            while self.threads.out:
                for kind in self.out():
                    self.land(kind, fault if kind in dead else None)
                caller.step()
            while caller.waiting:
                self.later(1.0)
                caller.step()
            refused += isinstance(caller.outcome, KeysUnavailable)
        return refused


class Lines(logging.Handler):
    """The records above DEBUG with the time of the process's clock."""

    def __init__(self, process: Process) -> None:
        super().__init__(logging.INFO)
        self.process = process
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        when = time.strftime("%d %H:%M:%S", time.gmtime(self.process.clock()[0]))
        self.found.append(f"{when} {record.levelname:7} {record.name} {record.getMessage()}")

    def chapter(self, title: str) -> None:
        self.found += ["", f"# {title}"]


@pytest.fixture
def process() -> Process:
    """A pool that was never asked for a key."""
    return Process()


@pytest.fixture
def lines(process: Process) -> Iterator[Lines]:
    """What its log holds, DEBUG left out."""
    logger, handler = logging.getLogger("cognito_mr_auth"), Lines(process)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


PROGRAM = """
from cognito_mr_auth import UserPool, Verifier
pool = UserPool("us-west-2_EXAMPLE", client_ids=["1example23456789"], jwks_urls="http://127.0.0.1:9/jwks.json")
try:
    Verifier(pool).warm(timeout=5)
except Exception as error:
    print(type(error).__name__)
"""


def test_a_process_from_its_start_to_the_loss_of_every_region_and_back(
    process: Process, lines: Lines
) -> None:
    """Each change is one line, at the level that an operator expects; all that is ordinary is none."""
    refused = []
    lines.chapter("start, and two hours of an ordinary life")
    refused.append(process.minutes(120))
    lines.chapter("the primary Region is down for three hours")
    refused.append(process.minutes(180, dead=PRIMARY))
    lines.chapter("it is back")
    refused.append(process.minutes(60))
    lines.chapter("the keys are rotated")
    process.fake.rotate()
    refused.append(process.minutes(60))
    lines.chapter("nobody asks for ten hours")
    process.later(10 * HOUR)
    refused.append(process.minutes(60))
    lines.chapter("every Region is lost for 26 hours")
    lost = process.minutes(26 * 60, dead=ALL, fault=SILENT)
    lines.chapter("they are back")
    refused.append(process.minutes(60))
    assert (sum(refused), 100 < lost < 180) == (0, True)
    found = "\n".join(lines.found).strip() + "\n"
    assert found == EXPECTED.read_text()


@pytest.mark.outside
def test_a_start_that_finds_no_keys_is_seen_by_default() -> None:
    """Without any set-up of logging, WARNING and above reach stderr (`logging.lastResort`)."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["KeysUnavailable"]
    down, unusable = done.stderr.splitlines()
    assert down.startswith("endpoint down: ")
    assert unusable.startswith("no usable keys: tokens of pool us-west-2_EXAMPLE are answered with 503")


@pytest.mark.outside
def test_no_handler_hides_what_the_library_says() -> None:
    """A NullHandler of ours would; only the command line, which prints what matters itself, has one."""
    program = """
import logging
from cognito_mr_auth.testing import FakeUserPool
FakeUserPool().offline_verifier(on_event=print)
names = ["cognito_mr_auth", "cognito_mr_auth.keys", "cognito_mr_auth.hooks", "cognito_mr_auth.refusals"]
print([logging.getLogger(name).handlers for name in names])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[[], [], [], []]"
