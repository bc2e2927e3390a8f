"""`http_client`: loading in steps loads what one go loads, and an event loop goes on meanwhile."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from cognito_mr_auth._remote import http_client
from cognito_mr_auth._remote.fetch import JWKSFetcher

HTTPS = ["https://cognito-idp.us-west-2.amazonaws.com/"]


def in_a_fresh_process(program: str, **variables: str) -> Any:
    """What the program prints as JSON, in a process that has loaded nothing of this."""
    environment = {name: text for name, text in os.environ.items() if "COVERAGE" not in name}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


IN_ONE_GO = """
import email.utils, encodings.idna, urllib.request
from cognito_mr_auth._remote import transport
import httpx
httpx.create_ssl_context()
"""
IN_STEPS = """
from cognito_mr_auth._remote.fetch import JWKSFetcher
JWKSFetcher().prepare(["https://cognito-idp.us-west-2.amazonaws.com/"])
"""


@pytest.mark.outside
@pytest.mark.parametrize("missing", ["", "trio", "h2", "click", "pygments", "rich"])
def test_the_steps_load_what_one_go_loads(missing: str) -> None:
    """F: nothing more and nothing less, whichever of the optional packages is missing."""
    absent = f"import sys\nif {missing!r}: sys.modules[{missing!r}] = None\n"
    listed = "\nimport json, sys\nprint(json.dumps([name for name in sys.modules if sys.modules[name]]))"
    loaded = [
        set(in_a_fresh_process(f"{absent}import cognito_mr_auth\n{program}{listed}"))
        for program in (IN_ONE_GO, IN_STEPS)
    ]
    assert loaded[0] == loaded[1]


@pytest.mark.outside
@pytest.mark.parametrize("missing", ["httpcore", "httpx", "certifi", "ssl"])
def test_what_a_fetch_cannot_do_without_is_an_error(missing: str) -> None:
    """F: a missing dependency is no step that is skipped."""
    program = f"import sys; sys.modules[{missing!r}] = None\n{IN_STEPS}"
    with pytest.raises(AssertionError, match="ModuleNotFoundError"):
        in_a_fresh_process(program)


# --- The steps


def test_each_step_is_one_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that is there already takes no step, so others run between two that take time."""
    for name in ("first_of_two", "second_of_two"):
        tmp_path.joinpath(f"{name}.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    steps = http_client._import(["json", "first_of_two", "second_of_two"])
    loaded = [("first_of_two" in sys.modules, "second_of_two" in sys.modules) for _ in steps]
    assert loaded == [(True, False), (True, True)]
    assert list(http_client._import(["first_of_two", "second_of_two"])) == []
    with pytest.raises(ImportError):
        list(http_client._import(["second_of_two.nothing_below"]))


def test_once_everything_is_loaded_nothing_is_left() -> None:
    """The certificates belong to a fetcher, so a second one has a step for them; plain HTTP needs none."""
    JWKSFetcher().prepare(HTTPS)
    fetcher = JWKSFetcher()
    assert list(fetcher.prepare_steps(["http://127.0.0.1/"])) == []
    assert fetcher._ssl_context is None
    assert len(list(fetcher.prepare_steps(HTTPS))) == 1
    assert fetcher._ssl_context is not None
    assert list(fetcher.prepare_steps(HTTPS)) == []


def test_callers_that_load_by_turns() -> None:
    """A hundred tasks of one loop that come at once load everything once, certificates included."""
    JWKSFetcher().prepare(HTTPS)
    fetcher = JWKSFetcher()
    callers = [fetcher.prepare_steps(HTTPS) for _ in range(100)]
    contexts, steps = set(), 0
    while callers:
        for caller in list(callers):
            try:
                next(caller)
            except StopIteration:
                callers.remove(caller)
            else:
                steps += 1
            contexts.add(id(fetcher._ssl_context))
    assert (len(contexts), steps) == (1, 1)


def test_certificates_that_came_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller whose turn ends between two steps finds what another has made, and keeps it."""
    JWKSFetcher().prepare(HTTPS)
    monkeypatch.delitem(sys.modules, "certifi")
    fetcher = JWKSFetcher()
    slower = fetcher.prepare_steps(HTTPS)
    next(slower)
    fetcher.prepare(HTTPS)
    context = fetcher._ssl_context
    assert context is not None
    assert list(slower) == []
    assert fetcher._ssl_context is context


@pytest.mark.parametrize("variable", ["", "SSL_CERT_DIR"])
def test_the_default_is_what_httpx_trusts(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Certifi's bundle, or what SSL_CERT_FILE and SSL_CERT_DIR name in its place: here nothing."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path))
    assert bool(http_client.default_ssl_context().get_ca_certs()) is not bool(variable)


# --- The loop

HEARTBEAT = """
import asyncio, json, time
from cognito_mr_auth.testing import FakeUserPool

async def main(verifier, token):
    clocks, spans, done = (time.thread_time, time.perf_counter), [], False

    async def beat():
        last = [clock() for clock in clocks]
        while not done:
            await asyncio.sleep(0)
            now = [clock() for clock in clocks]
            spans.append([end - begin for begin, end in zip(last, now)])
            last = now

    beating = asyncio.create_task(beat())
    await asyncio.sleep(0.01)
    spans.clear()
    await verifier.averify(token)
    done = True
    await beating
    return spans

fake = FakeUserPool()
with fake.serve(), fake.verifier() as verifier:
    original = verifier._fetcher.prepare_steps
    # As with the public endpoints, whose certificates must be loaded.
    verifier._fetcher.prepare_steps = lambda urls: original([*urls, "https://127.0.0.1/"])
    spans = asyncio.run(main(verifier, fake.access_token()))
    print(json.dumps(spans))
"""


@pytest.mark.outside
def test_the_first_await_does_not_block_the_loop() -> None:
    """The longest standstill is at most half of all standstills: before, loading was one of 0.2 s.

    Judged by the thread's own seconds, because a busy machine may hold any step up.
    """
    spans = in_a_fresh_process(HEARTBEAT)
    for place, clock in enumerate(("of the thread", "of the wall")):
        steps = [span[place] for span in spans if span[place] > 0.001]
        print(f"seconds {clock}: longest standstill {max(steps):.3f}, all together {sum(steps):.3f}")  # noqa: T201
    steps = [span[0] for span in spans if span[0] > 0.001]
    assert max(steps) <= sum(steps) / 2


FORK = """
import json, os, sys
from cognito_mr_auth.testing import FakeUserPool

fake = FakeUserPool()
token = fake.access_token()
with fake.serve(), fake.verifier() as verifier:
    steps = verifier._fetcher.prepare_steps(["https://127.0.0.1/"])
    for _ in range({before}):
        next(steps, None)
    child = os.fork()
    list(steps)
    name = verifier.verify(token, timeout=10.0).username
    if child == 0:
        os._exit(0 if name == "alice" else 1)
    print(json.dumps([name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]))
"""


@pytest.mark.outside
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("before", [0, 1, 4, 7])
def test_a_fork_between_two_steps(before: int) -> None:
    """F: no import is under way between two steps, so parent and child both go on."""
    assert in_a_fresh_process(FORK.format(before=before)) == ["alice", 0]


# --- A fork

FORKED = """
import json, os, signal, sys, threading
from cognito_mr_auth._remote import http_client
from cognito_mr_auth._remote.fetch import JWKSFetcher

importing, forking, after = threading.Event(), threading.Event(), threading.Event()
os.register_at_fork(before=forking.set)  # hooks run from the last to the first: this one, then ours

class Slow:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "h11._readers" and not importing.is_set():
            importing.set()
            forking.wait(10)
            after.wait(0.5)  # a fork that does not wait is over by then

sys.meta_path.insert(0, Slow)
loader = threading.Thread(target=JWKSFetcher().prepare, args=[[]])
loader.start()
importing.wait()
child = os.fork()
if not child:
    signal.alarm(10)
    JWKSFetcher().prepare([])
    os._exit(0)
after.set()
_, status = os.waitpid(child, 0)
loader.join()
held = http_client._one_step._is_owned()
print(json.dumps([os.waitstatus_to_exitcode(status), held]))
"""
"""One thread imports until half a second after another begins to fork; the child loads the same."""


@pytest.mark.outside
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_fork_in_the_middle_of_a_step() -> None:
    """F: it waits until the step is taken, so the child finds no module half imported and hangs nowhere."""
    assert in_a_fresh_process(FORKED) == [0, False]


def test_a_fork_that_waited_long_enough() -> None:
    """The forking thread may hold what the step waits for; then it forks without it, and releases nothing."""
    held, release = threading.Event(), threading.Event()

    def step() -> None:
        with http_client._one_step:
            held.set()
            release.wait(10)

    thread = threading.Thread(target=step)
    thread.start()
    assert held.wait(10)
    http_client._before_fork(0)
    http_client._in_parent()
    release.set()
    thread.join()
    old = http_client._one_step
    http_client._before_fork()
    http_client._in_child()  # which has a lock of its own
    old.release()
    assert http_client._one_step is not old


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_2),
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2),
        (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3),
    ],
    ids=["unset", "1.2", "1.3"],
)
def test_no_old_version_is_spoken(before: ssl.TLSVersion, after: ssl.TLSVersion) -> None:
    """Some Pythons set no lowest version of TLS; a higher one than ours stays."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = before
    assert http_client.without_old_versions(context).minimum_version == after
