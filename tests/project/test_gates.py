"""Every gate bites: each passes a small clean tree and refuses the same tree with a fault.

The tools run with this project's own configuration, copied beside the tree.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support import docs, needs, source_rules

PROJECT = Path(__file__).resolve().parents[2]

CLEAN = '''"""A module that breaks no rule."""


def double(n: int) -> int:
    """Twice n."""
    return n * 2
'''


def _run(cwd: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: text for name, text in os.environ.items() if "COVERAGE" not in name}
    return subprocess.run(
        arguments,
        cwd=cwd,
        env=inherited | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _tool(cwd: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    # One cache for all the trees: mypy spends its time on the standard library's types.
    cache = {"MYPY_CACHE_DIR": str(cwd.parent / "mypy-cache")}
    return _run(cwd, sys.executable, "-m", module, *arguments, **cache)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project with our configuration each of whose folders that mypy reads holds one clean module."""
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    for place in ("src/clean.py", "scripts/script.py", "soak/load.py", "netns/bed.py"):
        (tmp_path / place).parent.mkdir()
        (tmp_path / place).write_text(CLEAN)
    return tmp_path


# --- ruff and mypy

STATIC = [
    pytest.param("ruff", ["check"], "import os\n", "F401", id="ruff-unused-import"),
    pytest.param("ruff", ["check"], "def f(x: int) -> int:\n    return x\n", "D103", id="ruff-docstring"),
    pytest.param("ruff", ["check"], "assert CLEAN\n", "S101", id="ruff-assert"),
    pytest.param(
        "ruff",
        ["check"],
        "try:\n    N = 1\nexcept Exception:\n    N = 2\n",
        "BLE001",
        id="ruff-except",
    ),
    pytest.param("ruff", ["check"], f"N = {'1 + ' * 60}1\n", "E501", id="ruff-line-length"),
    pytest.param("ruff", ["format", "--check"], "N = {  'a':1}\n", "reformat", id="ruff-format"),
    pytest.param("mypy", [], 'N: int = "text"\n', "[assignment]", id="mypy-type"),
    pytest.param("mypy", [], "def f(x):\n    return x\n", "[no-untyped-def]", id="mypy-strict"),
    pytest.param("mypy", [], "N = 1  # type: ignore\n", "unused", id="mypy-ignore"),
]


@pytest.mark.parametrize("tool", [("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)], ids=" ".join)
def test_the_tool_passes_a_clean_tree(tool: Sequence[str], tree: Path) -> None:
    """Both ruff and mypy accept a clean module."""
    done = _tool(tree, *tool)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("module", "arguments", "fault", "said"), STATIC)
def test_the_tool_bites(module: str, arguments: list[str], fault: str, said: str, tree: Path) -> None:
    """Each of these faults is refused, by name."""
    (tree / "src" / "faulty.py").write_text(f'"""A module with one fault."""\n\n{fault}')
    done = _tool(tree, module, *arguments)
    assert done.returncode != 0
    assert said in done.stdout


# --- import-linter


def _modules() -> list[str]:
    """Every module that has a layer, as a path below src/."""
    config = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    return [
        f"{container}.{name.strip().strip('()')}".replace(".", "/")
        for contract in config["tool"]["importlinter"]["contracts"]
        for container in contract.get("containers", ())
        for layer in contract["layers"]
        for name in layer.split("|")
    ]


@pytest.fixture
def project_of_stubs(tree: Path) -> Path:
    """A project with our configuration and an empty module for each name in its layers."""
    for module in ["cognito_mr_auth/__init__", *_modules()]:
        path = tree / "src" / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    for folder in (tree / "src").rglob("*/"):  # a folder with rows of its own is a package
        if folder.with_suffix(".py").exists():
            folder.with_suffix(".py").rename(folder / "__init__.py")
        elif folder.is_relative_to(tree / "src" / "cognito_mr_auth"):
            (folder / "__init__.py").touch()
    return tree


def _lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    program = "from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    source = {"PYTHONPATH": str(tree / "src")}
    return _run(tree, sys.executable, "-c", f"import sys; {program}", **source)


# The contract that must break, the modules that get the fault, the fault, and what is said of it.
IMPORTS = [
    pytest.param(
        "Layers of the package",
        ["_jwks/schedule", "_jwks/refresh"],
        "from cognito_mr_auth import verifier",
        "is not allowed to import cognito_mr_auth.verifier",
        id="up",
    ),
    pytest.param(
        "Layers of the package",
        ["_config"],
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from cognito_mr_auth import verifier",
        "is not allowed to import cognito_mr_auth.verifier",
        id="up-for-a-type",
    ),
    pytest.param(
        "Layers of the package",
        ["pool"],
        "def f():\n    from . import verifier",
        "is not allowed to import cognito_mr_auth.verifier",
        id="up-in-a-function",
    ),
    pytest.param(
        "Layers of the package",
        ["flask"],
        "from . import fastapi",
        "is not allowed to import cognito_mr_auth.fastapi",
        id="adapter",
    ),
    pytest.param(
        "Layers of the package",
        ["attic"],
        "",
        "cognito_mr_auth.attic (Since this contract",
        id="no-layer",
    ),
    pytest.param(
        "django",
        ["django/_marks"],
        "from cognito_mr_auth.django import _middleware",
        "is not allowed to import cognito_mr_auth.django._middleware",
        id="django",
    ),
    pytest.param(
        "_jwks",
        ["_jwks/document"],
        "from cognito_mr_auth._jwks import merge",
        "is not allowed to import cognito_mr_auth._jwks.merge",
        id="jwks-neighbour",
    ),
    pytest.param(
        "_remote",
        ["_remote/threads"],
        "from . import coordinator",
        "is not allowed to import cognito_mr_auth._remote.coordinator",
        id="remote-up",
    ),
    pytest.param(
        "_runtime",
        ["_runtime/hooks"],
        "from . import dispatch",
        "is not allowed to import cognito_mr_auth._runtime.dispatch",
        id="runtime-neighbour",
    ),
    pytest.param(
        "_issuers",
        ["_issuers/entry"],
        "from . import options",
        "is not allowed to import cognito_mr_auth._issuers.options",
        id="issuers-neighbour",
    ),
    pytest.param(
        "_aws",
        ["_aws/boto"],
        "from . import reading",
        "is not allowed to import cognito_mr_auth._aws.reading",
        id="aws-up",
    ),
    pytest.param(
        "cli._doctor",
        ["cli/_doctor/key_checks"],
        "from . import client_checks",
        "is not allowed to import cognito_mr_auth.cli._doctor.client_checks",
        id="doctor-neighbour",
    ),
    pytest.param(
        "_web",
        ["_web/bearer"],
        "from . import guard",
        "is not allowed to import cognito_mr_auth._web.guard",
        id="web-up",
    ),
    pytest.param(
        "aws_lambda",
        ["aws_lambda/_authorizer/__init__"],
        "from .. import _proxy",
        "is not allowed to import cognito_mr_auth.aws_lambda._proxy",
        id="lambda-up",
    ),
    pytest.param(
        "aws_lambda._authorizer",
        ["aws_lambda/_authorizer/segments"],
        "from . import routes",
        "is not allowed to import cognito_mr_auth.aws_lambda._authorizer.routes",
        id="authorizer-up",
    ),
    pytest.param(
        "No framework, PyJWT or terminal beyond its adapter",
        ["verifier"],
        "import jwt",
        "import jwt",
        id="framework",
    ),
    pytest.param(
        "Powertools and Chalice in their adapters alone",
        ["aws_lambda/edge"],
        "import chalice",
        "import chalice",
        id="lambda-framework",
    ),
    pytest.param(
        "_starlette",
        ["_starlette/marks"],
        "from cognito_mr_auth._starlette import look_ahead",
        "is not allowed to import cognito_mr_auth._starlette.look_ahead",
        id="up-in-starlettes",
    ),
    pytest.param(
        "_exporters",
        ["_exporters/readings"],
        "from cognito_mr_auth._exporters import metrics",
        "is not allowed to import cognito_mr_auth._exporters.metrics",
        id="up-in-exporters",
    ),
    pytest.param(
        "fastapi",
        ["fastapi/_refusals"],
        "from cognito_mr_auth.fastapi import _application",
        "is not allowed to import cognito_mr_auth.fastapi._application",
        id="up-in-fastapis",
    ),
    pytest.param(
        "drf",
        ["drf/_exceptions"],
        "from cognito_mr_auth.drf import _authentication",
        "is not allowed to import cognito_mr_auth.drf._authentication",
        id="up-in-rest-frameworks",
    ),
    pytest.param(
        "ninja",
        ["ninja/_requests"],
        "from cognito_mr_auth.ninja import _refusals",
        "is not allowed to import cognito_mr_auth.ninja._refusals",
        id="beside-in-ninjas",
    ),
    pytest.param(
        "aiohttp",
        ["aiohttp/_requests"],
        "from cognito_mr_auth.aiohttp import _sockets",
        "is not allowed to import cognito_mr_auth.aiohttp._sockets",
        id="up-in-aiohttps",
    ),
    pytest.param(
        "starlette",
        ["starlette/_users"],
        "from cognito_mr_auth.starlette import _backend",
        "is not allowed to import cognito_mr_auth.starlette._backend",
        id="up-in-starlettes",
    ),
    pytest.param(
        "flask",
        ["flask/_views"],
        "from cognito_mr_auth.flask import _errors",
        "is not allowed to import cognito_mr_auth.flask._errors",
        id="beside-in-flasks",
    ),
    pytest.param(
        "litestar",
        ["litestar/_handlers"],
        "from cognito_mr_auth.litestar import _errors",
        "is not allowed to import cognito_mr_auth.litestar._errors",
        id="up-in-litestars",
    ),
    pytest.param(
        "grpc",
        ["grpc/_call"],
        "from cognito_mr_auth.grpc import _methods",
        "is not allowed to import cognito_mr_auth.grpc._methods",
        id="up-in-grpcs",
    ),
    pytest.param(
        "Flask and PyJWT do not know Starlette",
        ["flask"],
        "from cognito_mr_auth._starlette import marks",
        "is not allowed to import cognito_mr_auth._starlette",
        id="another-framework",
    ),
    pytest.param(
        "Powertools and Chalice in their adapters alone",
        ["aws_lambda/edge"],
        "import chalice",
        "import chalice",
        id="a-framework-of-functions",
    ),
    pytest.param("Decisions are pure", ["_jwks/schedule"], "import time", "import time", id="clock"),
    pytest.param(
        "Only fetch, transport, racing and names know the network",
        ["_remote/remote_key_set"],
        "import httpx",
        "import httpx",
        id="network",
    ),
]


def test_import_linter_passes_clean_layers(project_of_stubs: Path) -> None:
    """Imports from lower layers break no contract."""
    package = project_of_stubs / "src" / "cognito_mr_auth"
    (package / "cli" / "__init__.py").write_text("import click\nfrom . import verifier\n")
    (package / "verifier.py").write_text("from ._remote import fetch, remote_key_set\n")
    done = _lint_imports(project_of_stubs)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("contract", "modules", "fault", "said"), IMPORTS)
def test_import_linter_bites(
    contract: str, modules: list[str], fault: str, said: str, project_of_stubs: Path
) -> None:
    """Imports up or sideways, a framework in the core, a module without a layer: all refused."""
    for module in modules:
        (project_of_stubs / "src" / "cognito_mr_auth" / f"{module}.py").write_text(f"{fault}\n")
    done = _lint_imports(project_of_stubs)
    assert done.returncode == 1
    plain = re.sub(r"\s+", " ", done.stdout)
    assert f"{contract} BROKEN" in plain
    assert re.sub(r"\s+", " ", said) in plain


def test_every_contract_has_a_row() -> None:
    """No contract stands there that nothing was seen to break."""
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    assert {row.values[0] for row in IMPORTS} == {each["name"] for each in contracts}


# --- coverage

COVERED = [
    pytest.param("import clean; clean.double(1)", True, id="all-lines"),
    pytest.param("import clean", False, id="a-line-missed"),
    pytest.param("pass", False, id="a-file-never-loaded"),
    pytest.param(
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import clean; clean.double(1)'])",
        True,
        id="lines-run-by-a-subprocess",
    ),
    pytest.param(
        "import os, clean\npid = os.fork()\nif not pid:\n  clean.double(1); os._exit(0)\nos.waitpid(pid, 0)",
        True,
        id="lines-run-by-a-forked-child",
    ),
    pytest.param(
        "import clean, threading\nt = threading.Thread(target=clean.double, args=[1]); t.start(); t.join()",
        True,
        id="lines-run-by-a-thread",
    ),
]


@pytest.mark.parametrize(("program", "passes"), COVERED)
def test_coverage_bites(program: str, passes: bool, tree: Path) -> None:
    """Coverage passes when every line ran, in whichever process or thread, and fails otherwise."""
    done = _coverage(tree, program)
    assert (done.returncode == 0) is passes, done.stdout + done.stderr


def test_coverage_asks_for_branches(tree: Path) -> None:
    """A branch never taken fails the gate though every line ran."""
    (tree / "src" / "clean.py").write_text("def double(n):\n    if n:\n        n = n * 2\n    return n\n")
    assert _coverage(tree, "import clean; clean.double(1)").returncode == 2
    assert _coverage(tree, "import clean; clean.double(1); clean.double(0)").returncode == 0


def _coverage(tree: Path, program: str) -> subprocess.CompletedProcess[str]:
    (tree / "program.py").write_text(program)
    source = {"PYTHONPATH": str(tree / "src")}
    for data in tree.glob(".coverage*"):
        data.unlink()
    for step in (["run", "program.py"], ["combine", "--quiet"]):
        _run(tree, sys.executable, "-m", "coverage", *step, **source)
    return _run(tree, sys.executable, "-m", "coverage", "report", **source)


# --- The project's own rules

LONG = "def f() -> None:\n" + '    """Long."""\n' + "    print()\n" * 49
RULES = [
    pytest.param(source_rules.long_files, {"a": "\n" * 400}, {"a": "\n" * 401}, id="file"),
    pytest.param(
        source_rules.long_functions,
        {"a": LONG.replace("    print()\n", "", 1)},
        {"a": LONG},
        id="function",
    ),
    pytest.param(
        source_rules.thick_adapters,
        {"cognito_mr_auth/asgi": '"""M.\n\nMore.\n"""\n# why\n' + "x = 1\n\n" * 120, "a": "x = 1\n" * 121},
        {"cognito_mr_auth/asgi": "x = 1\n" * 121},
        id="adapter",
    ),
    pytest.param(
        source_rules.thick_adapters,
        {
            "cognito_mr_auth/flask/_views": "x = 1\n" * 120,
            "cognito_mr_auth/flasks/_views": "x = 1\n" * 121,
            "cognito_mr_auth/aws_lambda/_authorizer": "x = 1\n" * 121,
        },
        {"cognito_mr_auth/flask/_views": "x = 1\n" * 121},
        id="part-of-an-adapter",
    ),
    pytest.param(
        source_rules.thick_adapters,
        {"cognito_mr_auth/aws_lambda/chalice/__init__": "x = 1\n" * 120},
        {"cognito_mr_auth/aws_lambda/chalice/__init__": "x = 1\n" * 121},
        id="adapter-in-a-folder",
    ),
    pytest.param(
        source_rules.unmeasured_adapters,
        {
            "cognito_mr_auth/flask/_views": "guard = RequestGuard.of(given)\n",
            "cognito_mr_auth/_web/readiness": "guard = RequestGuard.of(given)\n",
            "cognito_mr_auth/quart": "guard: RequestGuard\n",
        },
        {"cognito_mr_auth/quart": "guard = RequestGuard.of(given)\n"},
        id="adapter-in-no-list",
    ),
    pytest.param(source_rules.undocumented, {"a": CLEAN}, {"a": "N = 1\n"}, id="module-docstring"),
    pytest.param(
        source_rules.undocumented,
        {"a": '"""M."""\nclass A:\n    """A."""\n    def _f(self): ...\n'},
        {"a": '"""M."""\nclass A:\n    """A."""\n    def f(self): ...\n'},
        id="method-docstring",
    ),
    pytest.param(
        source_rules.type_ignores,
        {"a": "x = 1  # type: ignore\n" + "\n" * 999},
        {"a": "x = 1  # type: ignore\n" + "\n" * 998},
        id="type-ignores",
    ),
    pytest.param(
        source_rules.import_cycles,
        {"p/__init__": "", "p/a": "from . import b", "p/b": "import json"},
        {"p/__init__": "", "p/a": "from . import b", "p/b": "from .a import f"},
        id="cycle",
    ),
    pytest.param(
        source_rules.import_cycles,
        {"p/__init__": "", "p/a": "from . import b", "p/b": ""},
        {"p/__init__": "", "p/a": "from . import b", "p/b": "def f():\n    from . import a"},
        id="cycle-in-a-function",
    ),
    pytest.param(
        source_rules.import_cycles,
        {"p/__init__": "", "p/a": "from . import b", "p/b": ""},
        {"p/__init__": "", "p/a": "from . import b", "p/b": "if TYPE_CHECKING:\n    from . import a"},
        id="cycle-of-types",
    ),
    pytest.param(
        source_rules.import_cycles,
        {"p/__init__": "from . import a", "p/a": "import p.b", "p/b": ""},
        {"p/__init__": "from . import a", "p/a": "import p.b", "p/b": "from p import a"},
        id="longer-cycle",
    ),
]


@pytest.mark.parametrize(("rule", "clean", "faulty"), RULES)
def test_the_rule_bites(
    rule: Callable[[Path], list[str]],
    clean: dict[str, str],
    faulty: dict[str, str],
    tmp_path: Path,
) -> None:
    """Each rule passes what is just within it and names what is just beyond."""
    for name, files in {"clean": clean, "faulty": faulty}.items():
        for path, text in files.items():
            target = tmp_path / name / f"{path}.py"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    assert rule(tmp_path / "clean") == []
    assert len(rule(tmp_path / "faulty")) == 1


MIRRORED = [
    pytest.param("_jwt/test_claims.py", [], id="its-module"),
    pytest.param("_jwt/test_claims_of_machines.py", [], id="a-topic-of-it"),
    pytest.param("_jwt/test_jwt.py", [], id="the-package"),
    pytest.param("security/test_anything.py", [], id="of-the-whole"),
    pytest.param("_jwt/test_claim.py", ["_jwt/test_claim.py"], id="no-module"),
    pytest.param("test_claims.py", ["test_claims.py"], id="another-folder"),
    pytest.param("attic/test_claims.py", ["attic/test_claims.py"], id="no-folder"),
]


@pytest.mark.parametrize(("name", "found"), MIRRORED)
def test_the_mirror_bites(name: str, found: list[str], tmp_path: Path) -> None:
    """A test file that names no module of its folder is found."""
    module, test = tmp_path / "src/cognito_mr_auth/_jwt/claims.py", tmp_path / "tests" / name
    for path in (module, test):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (module.parents[1] / "verifier.py").touch()
    assert source_rules.unmirrored(tmp_path / "src", tmp_path / "tests") == found


TEXTS = [
    pytest.param("--extra-index-url=x", True, id="index-option"),
    pytest.param("see https://pypi.example/simple/x", True, id="index-address"),
    pytest.param("cd /root/x", True, id="root"),
    pytest.param('path = "/home/me/x"', True, id="home"),
    pytest.param("in /work/main", True, id="work"),
    pytest.param("open('/tmp/x')", True, id="temporary"),
    pytest.param("https://api.example/work/x, ${DIR}/tmp/x, a/opt, /workshop", False, id="harmless"),
]


@pytest.mark.parametrize(("text", "found"), TEXTS)
def test_the_text_rule_bites(text: str, found: bool) -> None:
    """A package index or a path of one machine is found, a path within an address is not."""
    assert bool(source_rules.foreign_text(text, code=True)) is found


DOCUMENTS = [
    pytest.param("<!-- not run -->\n```python\n1 / 0\n```\n", 0, id="not-run"),
    pytest.param("<!-- file a.py -->\n```python\n1 / 0\n```\n", 0, id="a-file"),
    pytest.param("```sh\nexit 1\n```\n", 0, id="another-language"),
    pytest.param("Text.\n\n```python\n1 / 0\n```\n", 1, id="a-fault"),
]


@pytest.mark.parametrize(("text", "status"), DOCUMENTS)
def test_documents_bite(text: str, status: int, tmp_path: Path) -> None:
    """A document whose code fails fails, and the traceback names its line."""
    (tmp_path / "DOC.md").write_text(text)
    done = _run(tmp_path, sys.executable, docs.__file__, "DOC.md")
    assert done.returncode == status, done.stderr
    assert ('"DOC.md", line 4' in done.stderr) is bool(status)


# --- Skips and declared needs

TESTS_WITH_SKIPS = {
    "module": "import pytest\npytest.skip('why not', allow_module_level=True)",
    "importorskip": "import pytest\npytest.importorskip('no_such_module', reason='why not')",
    "class": "import unittest as u\n@u.skip('why not')\nclass T(u.TestCase):\n  def test_it(_): 1",
    "mark": "import pytest\n@pytest.mark.skip(reason='why not')\ndef test_it(): pass",
    "skipif": "import pytest\n@pytest.mark.skipif(True, reason='why not')\ndef test_it(): pass",
    "call": "import pytest\ndef test_it(): pytest.skip('why not')",
    "fixture": "import pytest as p\n@p.fixture\ndef f(): p.skip('why not')\ndef test_it(f): 1",
    "need": "import pytest\n@pytest.mark.needs('no_such_module')\ndef test_it(): pass",
    "xfail": "import pytest\n@pytest.mark.xfail(reason='why not')\ndef test_it(): 1 / 0",
}


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A test run of its own that has our conftest.py and nothing else of ours."""
    for name in ("COGNITO_MR_AUTH_REQUIRE", "COGNITO_MR_AUTH_CORE_ONLY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    shutil.copy(needs.TESTS / "conftest.py", pytester.path)
    shutil.copytree(needs.TESTS / "support", pytester.path / "support")
    pytester.makeini("[pytest]\npythonpath = .\nmarkers = needs: as ours")
    return pytester


def test_a_skip_is_a_failure_where_all_is_required(
    inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every kind of skip passes quietly by itself and fails, with its reason, under REQUIRE=all."""
    inner.makepyfile(**{f"test_{kind}": code for kind, code in TESTS_WITH_SKIPS.items()})
    count = len(TESTS_WITH_SKIPS)
    assert inner.runpytest_subprocess().parseoutcomes() == {"skipped": count - 1, "xfailed": 1}

    monkeypatch.setenv("COGNITO_MR_AUTH_REQUIRE", "all")
    required = inner.runpytest_subprocess("--continue-on-collection-errors")
    assert required.ret != 0
    assert required.parseoutcomes() == {"failed": 2, "errors": count - 2}  # as pytest counts set-up
    for kind in TESTS_WITH_SKIPS:
        message = f"COGNITO_MR_AUTH_REQUIRE=all allows no skip: test_{kind}.*(why not|no_such_module)"
        required.stdout.re_match_lines_random([message])


def test_a_declared_need_is_kept(inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module whose need is missing is skipped, not imported; a core-only run leaves it out."""
    table = inner.path / "support" / "needs.py"
    table.write_text(table.read_text().replace('"cli": (', '"cli": ("no_such_module", '))
    inner.mkdir("cli").joinpath("test_cli.py").write_text("import no_such_module\ndef test_it(): pass")
    inner.makepyfile(
        test_core="import pytest\ndef test_it(): pass\n"
        "@pytest.mark.needs('no_such_module')\ndef test_more(): 1 / 0"
    )
    assert inner.runpytest_subprocess().parseoutcomes() == {"passed": 1, "skipped": 2}
    monkeypatch.setenv("COGNITO_MR_AUTH_CORE_ONLY", "1")
    monkeypatch.setenv("COGNITO_MR_AUTH_REQUIRE", "all")
    assert inner.runpytest_subprocess().parseoutcomes() == {"passed": 1, "deselected": 1}


def test_what_a_python_cannot_have_is_left_out(
    inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under REQUIRE=all a package without a wheel leaves its tests out; another that is missing fails."""
    table = inner.path / "support" / "needs.py"
    table.write_text(table.read_text().replace('"cli": (', '"cli": ("no_wheel", '))
    inner.mkdir("cli").joinpath("test_cli.py").write_text("import no_wheel\ndef test_it(): pass")
    inner.makepyfile(
        test_core="import pytest\ndef test_it(): pass\n"
        "@pytest.mark.needs('no_wheel')\ndef test_more(): 1 / 0\n"
        "@pytest.mark.needs('no_such_module')\ndef test_missing(): pass"
    )
    monkeypatch.setenv("COGNITO_MR_AUTH_WITHOUT", "another,no_wheel")
    assert inner.runpytest_subprocess().parseoutcomes() == {"passed": 1, "deselected": 1, "skipped": 1}
    monkeypatch.setenv("COGNITO_MR_AUTH_REQUIRE", "all")
    required = inner.runpytest_subprocess("-k", "test_it or test_missing").parseoutcomes()
    assert required == {"passed": 1, "deselected": 1, "errors": 1}


def test_a_second_environment_has_tests_of_its_own(
    inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What needs one of its own is left out elsewhere, installed or not; what needs none of its is, there."""
    table = inner.path / "support" / "needs.py"
    table.write_text(
        table.read_text()
        .replace('"cli": (', '"cli": ("colorsys", ')
        .replace("= _second()", "= {'odd': Second({'colorsys'}, {'json'}), 'even': Second({'wave'}, set())}")
    )
    inner.mkdir("cli").joinpath("test_cli.py").write_text("import colorsys\ndef test_it(): pass")
    inner.makepyfile(
        test_main="import pytest\ndef test_it(): pass\n"
        "@pytest.mark.needs('colorsys')\ndef test_more(): pass\n"
        "@pytest.mark.needs('json')\ndef test_again(): pass\n"
        "@pytest.mark.needs('json', 'wave')\ndef test_even(): pass\n"
        "@pytest.mark.needs('zlib')\ndef test_less(): pass"
    )
    monkeypatch.setenv("COGNITO_MR_AUTH_REQUIRE", "all")
    assert inner.runpytest_subprocess().parseoutcomes() == {"passed": 3, "deselected": 2}
    monkeypatch.setenv("COGNITO_MR_AUTH_SECOND", "odd")
    assert inner.runpytest_subprocess().parseoutcomes() == {"passed": 3, "deselected": 3}
