"""The applications that benchmarks/frameworks.py compares are what its rows say, and its limit bites."""

from __future__ import annotations

import ast
import json
import shutil
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from support import needs

from benchmarks import frameworks
from benchmarks.suite.apps import frameworks as folder
from benchmarks.suite.apps._servers import Request, Server
from benchmarks.suite.requests import drive

APPS = Path(folder.__file__).parents[1]
PREFIX = "benchmarks.suite.apps."
SERVERS = {"uvicorn", "gunicorn"}


def packages(path: Path, *, functions: bool = True) -> set[str]:
    """What an application imports beyond the core, by way of its neighbours too, and its server.

    `functions`: what it imports in them too. That of section 5 imports its peers there.
    """
    found: set[str] = set()
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree) if functions else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith(PREFIX)):
            module = (node.module or "").removeprefix(PREFIX).replace(".", "/")
            found |= {alias.name for alias in node.names} & SERVERS
            if module != "_common":
                neighbour = (path.parent if node.level else APPS) / f"{module}.py"
                found |= packages(neighbour, functions=functions and bool(node.level))
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found - needs.EVERYWHERE - sys.stdlib_module_names


ROWS = [
    pytest.param(
        name, marks=pytest.mark.needs(*sorted(packages(APPS / "frameworks" / f"{name}.py"))), id=name
    )
    for name in frameworks.names()
]


@pytest.mark.parametrize("name", ROWS)
def test_ours_refuses_a_forged_token_and_the_constant_does_not(name: str) -> None:
    """On the server that is measured; `started` asks both, and raises."""
    with frameworks.started(frameworks.application(name)) as (servers, _token):
        assert set(servers) == {"guarded", "constant"}


@pytest.mark.parametrize(
    ("guarded", "ratio", "kept"),
    [([95.0, 190.0, 500.0], 0.95, True), ([90.0, 186.0, 273.0], 0.91, False)],
    ids=["kept", "missed"],
)
def test_a_row_is_the_median_of_the_rounds_ratios(guarded: list[float], ratio: float, kept: bool) -> None:
    """Not the ratio of medians, because what is compared ran at the same moment."""
    constant = [frameworks.Round(rate, 2 * rate) for rate in (100.0, 200.0, 300.0)]
    found = frameworks.Rounds([frameworks.Round(rate, rate) for rate in guarded], constant)
    said = json.loads(frameworks.row(SimpleNamespace(NAME="Quart"), found, 0.93))
    rates = {"guarded_per_s": sorted(map(round, guarded))[1], "constant_per_s": 200}
    ratios = {"ratio": ratio, "processor_ratio": round(ratio / 2, 3)}
    assert said == {"framework": "Quart", **rates, **ratios, "kept": kept}


def test_what_is_not_installed_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """And is no failure."""
    assert list(frameworks.present(["no_such_framework"])) == []
    assert "no_such_framework" in json.loads(capsys.readouterr().out)["missing"]


def test_what_is_imported_later_may_be_missing_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django's applications import what wants settings when they have them."""
    late = SimpleNamespace(COMMAND=("json",), LATER=("no_such_framework",))
    monkeypatch.setitem(sys.modules, f"{folder.__name__}.late", late)
    assert list(frameworks.present(["late"])) == []
    assert "no_such_framework" in json.loads(capsys.readouterr().out)["missing"]


@pytest.mark.parametrize("name", ROWS)
def test_what_is_imported_later_is_named(name: str) -> None:
    """Else a row would be an error where it is not installed."""
    path = APPS / "frameworks" / f"{name}.py"
    later = packages(path) - packages(path, functions=False)
    assert set(getattr(frameworks.application(name), "LATER", ())) == later


@pytest.mark.parametrize(
    ("body", "reached"),
    [
        (b'{"result": {"structuredContent": {"orders": "none"}}}', True),
        (b'{"error": {"code": -32602, "message": "Unknown tool: orders"}}', False),
    ],
    ids=["the answer", "an error of status 200"],
)
def test_an_answer_is_more_than_its_status(body: bytes, reached: bool) -> None:
    """JSON-RPC sends its errors with 200."""
    assert frameworks.is_answer(body) is reached


def test_wrk_sends_what_a_module_asks_for(tmp_path: Path) -> None:
    """Method, path, headers, body and the token, each time."""
    if shutil.which("wrk") is None:
        pytest.skip("wrk is not installed")
    request = Request("POST", "/mcp", {"Accept": "text/plain"}, json.dumps({"said": 'a "word"\n\u00e4'}))
    heard: set[tuple[str, ...]] = set()

    class Listening(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            heard.add((self.path, self.headers["Accept"], self.headers["Authorization"], body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Listening) as listening:
        thread = Thread(target=listening.serve_forever)
        thread.start()
        try:
            server = Server(listening.server_port, request=request, wrk=request.for_wrk(tmp_path))
            drive(server, "token", 1)
        finally:
            listening.shutdown()
            thread.join()
    assert heard == {("/mcp", "text/plain", "Bearer token", request.body)}
