"""AWS Lambda's Runtime API on loopback, and a function that AWS's own client runs against it.

    with RuntimeApi() as api, function(api, "module.handler", directory, environment) as child:
        outcome = api.invoke(event)

Owns the server ("Using the Lambda runtime API": next, response, error, init/error; "Runtime hooks for
SnapStart": restore/next, restore/error) and the child process, which is ended by its pid. Every wait
has a deadline. Knows nothing of authorizers: bodies stay the bytes that the client posted.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self

__all__ = ["ARN", "Function", "Outcome", "RuntimeApi", "function"]

HOST = "127.0.0.1"
PREFIX = "/2018-06-01/runtime"
ARN = "arn:aws:lambda:us-west-2:123456789012:function:authorizer"
SOURCE = Path(__file__).resolve().parents[2] / "src"
# A cold start of the child takes 1 s here; a machine may be busy with something else.
DEADLINE_S = 30.0
# How often the server looks whether it is to end.
POLL_S = 0.02
# Lambda's default timeout of a function is 3 s; API Gateway waits 10 s for an HTTP API's authorizer.
INVOCATION_S = 10.0
# What would change a child behind our back.
_FOREIGN = ("COGNITO_", "AWS_", "LAMBDA_", "_LAMBDA", "COVERAGE", "COV_", "PYTEST", "PYTHON")


class Outcome(NamedTuple):
    """What the client posted: `what` is "response", "error", "init/error" or "restore/error"."""

    what: str
    body: bytes
    headers: Message

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class _Invocation(NamedTuple):
    request_id: str
    body: bytes
    deadline_ms: int


class RuntimeApi:
    """The server: a test enqueues invocations, the client under test takes and answers them."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[_Invocation | None] = queue.SimpleQueue()
        self._news = threading.Condition()
        self._outcomes: dict[str, Outcome] = {}
        self._polls = 0
        self._count = 0
        self._closing = False
        self._snapshot = threading.Event()
        self._restored = threading.Event()
        self._server = _Server((HOST, 0), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._closing = True
        self._restored.set()
        self._waiting.put(None)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        """What AWS_LAMBDA_RUNTIME_API says."""
        return f"{HOST}:{self._server.server_port}"

    # ---- what a test does

    def invoke(self, event: Any, *, seconds: float = INVOCATION_S) -> Outcome:
        """One invocation, from its being handed out to the answer. `seconds` are the function's timeout."""
        self._count += 1
        request_id = f"8476a536-e9f4-11e8-9739-{self._count:012d}"
        deadline_ms = int((time.time() + seconds) * 1000)
        self._waiting.put(_Invocation(request_id, json.dumps(event).encode(), deadline_ms))
        return self._outcome(request_id)

    def init_error(self) -> Outcome:
        """What the client posts instead of asking for an invocation."""
        return self._outcome("init/error")

    def ready(self, polls: int = 1) -> None:
        """Wait until the client has asked for an invocation so many times: it has answered the one before."""
        with self._news:
            assert self._news.wait_for(lambda: self._polls >= polls, DEADLINE_S), "no client asked"

    def snapshot(self) -> None:
        """Wait until the init is over and the client asks to be restored (SnapStart)."""
        assert self._snapshot.wait(DEADLINE_S), "the client never asked for restore/next"

    def restore(self) -> None:
        """Answer restore/next: the snapshot was restored."""
        self._restored.set()

    def _outcome(self, key: str) -> Outcome:
        with self._news:
            assert self._news.wait_for(lambda: key in self._outcomes, DEADLINE_S), f"no answer: {key}"
            return self._outcomes.pop(key)

    # ---- what the server does

    def next(self) -> _Invocation | None:
        """Block until there is an invocation; None when the server ends."""
        with self._news:
            self._polls += 1
            self._news.notify_all()
        return None if self._closing else self._waiting.get()

    def restored(self) -> bool:
        """Block until the test restores the snapshot; False when the server ends."""
        self._snapshot.set()
        return self._restored.wait(DEADLINE_S) and not self._closing

    def posted(self, key: str, outcome: Outcome) -> None:
        """Keep what the client posted for the test that waits for it."""
        with self._news:
            self._outcomes[key] = outcome
            self._news.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close() joins them

    def __init__(self, address: tuple[str, int], api: RuntimeApi) -> None:
        self.api = api
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = DEADLINE_S

    def log_message(self, *_arguments: Any) -> None:
        """Nothing on stderr: this is a test."""

    def do_GET(self) -> None:
        what = self.path.removeprefix(PREFIX)
        if what == "/invocation/next":
            self._next()
        elif what == "/restore/next" and self.server.api.restored():
            self._reply(200, b"")
        else:
            self.close_connection = True

    def _next(self) -> None:
        invocation = self.server.api.next()
        if invocation is None:
            self.close_connection = True
            return
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
        }
        self._reply(200, invocation.body, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        what = self.path.removeprefix(PREFIX + "/")
        self._reply(202, b'{"status":"OK"}', {"Content-Type": "application/json"})
        key = what
        if what.startswith("invocation/"):
            _, key, what = what.split("/")
        self.server.api.posted(key, Outcome(what, body, self.headers))

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Function:
    """A running function: `log` is all that was read so far of what it has written."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._log = bytearray()
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, name="log of a function", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        with stream:
            for line in stream:
                with self._news:
                    self._log += line
                    self._news.notify_all()

    @property
    def log(self) -> str:
        """Standard output and error, and with them the log that CloudWatch would get."""
        return self._log.decode("utf-8", "backslashreplace")

    def logged(self, text: str) -> bool:
        """Wait for it in the log, which is read a moment after it was written: whether it came."""
        with self._news:
            return self._news.wait_for(lambda: text in self.log, DEADLINE_S)

    def freeze(self) -> None:
        """Stop every thread of it, as Lambda does after an answer; returns when it has stopped."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def thaw(self) -> None:
        """Let it run on."""
        self.process.send_signal(signal.SIGCONT)

    def ended(self) -> int:
        """Wait until it ends by itself; its exit status, with its whole log read."""
        status = self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        return status

    def end(self) -> None:
        """End it, frozen or not, and read its log to the end."""
        with suppress(ProcessLookupError):
            self.process.kill()
        self.ended()


@contextmanager
def function(
    api: RuntimeApi, handler: str, directory: Path, environment: Mapping[str, str]
) -> Iterator[Function]:
    """`python -m awslambdaric HANDLER` in this directory, with these variables beside the usual ones."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    usual = {
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": "authorizer",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python3.{sys.version_info.minor}",
        "AWS_REGION": "us-west-2",
        "LAMBDA_TASK_ROOT": str(directory),
        "PYTHONPATH": str(SOURCE),
        "_HANDLER": handler,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "awslambdaric", handler],
        cwd=directory,
        env={**inherited, **usual, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    child = Function(process)
    try:
        yield child
    finally:
        child.end()
