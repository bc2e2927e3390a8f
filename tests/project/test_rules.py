"""The project's own rules: sizes, imports, documents, index, text."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import docs, needs, source_rules

PROJECT = Path(__file__).resolve().parents[2]
SRC = PROJECT / "src"

RULES = [
    source_rules.long_files,
    source_rules.long_functions,
    source_rules.thick_adapters,
    source_rules.unmeasured_adapters,
    source_rules.undocumented,
    source_rules.type_ignores,
    source_rules.import_cycles,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_src_keeps_the_rule(rule: Callable[[Path], list[str]]) -> None:
    """src/ keeps each rule of `support.source_rules`."""
    assert rule(SRC) == []


def test_test_files_mirror_src() -> None:
    """A test of one module lies where the module lies, and has its name."""
    assert source_rules.unmirrored(SRC, needs.TESTS) == []


# --- The index


def test_the_index_is_complete_and_sorted() -> None:
    """`__all__` lists every public name that the package binds: constants, classes, modules."""
    package = importlib.import_module("cognito_mr_auth")
    tree = ast.parse((SRC / "cognito_mr_auth" / "__init__.py").read_text("utf-8"))
    bound = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") != "__future__"
        for alias in node.names
    }
    promised = {"ANY_CLIENT", "Principal", "UserPool", "Verifier", "errors", "events", "policy"}
    listed = package.__all__
    assert {name for name in bound if not name.startswith("_")} | promised == set(listed)
    assert list(listed) == sorted(listed, key=lambda n: (not n.isupper(), n[0].islower(), n))
    assert [name for name in listed if not hasattr(package, name)] == []


# --- What an import costs

# Frameworks must never be loaded; the standard modules cost a tenth to a fifth of the whole each.
TOO_EXPENSIVE = ["asyncio", "click", "fastapi", "flask", "httpx", "jwt", "rich", "starlette"]
TOO_EXPENSIVE += ["concurrent.futures", "dataclasses", "logging", "pathlib"]

IMPORT_ALONE = "import cognito_mr_auth"
BUILD_A_VERIFIER = """
from cognito_mr_auth import ANY_CLIENT, Principal, UserPool, Verifier, errors, policy
Verifier(UserPool("us-west-2_EXAMPLE", client_ids=["1example23456789"]), token_use="access")
"""


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(IMPORT_ALONE, id="import"),
        pytest.param(BUILD_A_VERIFIER, id="build-a-verifier"),
    ],
)
def test_the_import_is_cheap(code: str) -> None:
    """Neither the import nor building a verifier loads a framework or expensive standard modules."""
    assert sorted(set(TOO_EXPENSIVE) & _modules_after(code)) == []


def test_the_plugin_imports_nothing_of_ours() -> None:
    """The pytest plugin, which every test run of its environment loads, imports nothing of ours."""
    loaded = _modules_after("import cognito_mr_auth_pytest")
    assert [name for name in loaded if name.partition(".")[0] == "cognito_mr_auth"] == []


def _modules_after(code: str) -> set[str]:
    # Without coverage, which loads much of the list itself.
    program = f"{code}\nimport sys, json\nprint(json.dumps(list(sys.modules)))"
    environment = {name: text for name, text in os.environ.items() if "COVERAGE" not in name}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return set(json.loads(done.stdout))


# --- Documents


README = list(docs.every_block((PROJECT / "README.md").read_text("utf-8")))


@pytest.mark.needs(*needs.DOCUMENTS["README.md"])
@pytest.mark.parametrize("block", [pytest.param(block, id=f"line-{block.line + 1}") for block in README])
def test_each_block_of_the_readme_runs_alone(block: docs.Block) -> None:
    """Each Python block of the README, pasted alone, runs in a fresh interpreter."""
    assert docs.pasted(block.code) is None


# Their blocks build on each other, and do not say so.
TOGETHER = {f"docs/{name}.md" for name in ("configuration", "doctor", "metrics", "operations", "runbook")}
DOCUMENTS = ["README.md", *sorted(f"docs/{path.name}" for path in (PROJECT / "docs").glob("*.md"))]


@pytest.mark.parametrize(
    "document",
    [pytest.param(each, marks=pytest.mark.needs(*needs.DOCUMENTS.get(each, ()))) for each in DOCUMENTS],
)
def test_the_blocks_of_the_document_run(document: str, tmp_path: Path) -> None:
    """Each Python block of the document runs, alone unless it says that it continues the one before it."""
    together = ["--together"] if document in TOGETHER else []
    done = subprocess.run(
        [sys.executable, docs.__file__, *together, PROJECT / document],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("document", sorted({*DOCUMENTS} - TOGETHER))
def test_a_block_that_does_not_run_alone_says_so(document: str) -> None:
    """A block that no test of its page runs is a whole file of a name, or says of what it is a part."""
    for block in docs.every_block((PROJECT / document).read_text("utf-8")):
        silent = block.left_out and not block.file and block.mark is None
        assert not silent, f"{document}:{block.line + 1}"


# --- Text


def test_no_text_names_an_index_or_this_machine() -> None:
    """No file of the project names a package index or a directory of one machine."""
    # In CI another user may own the clone.
    git = ["git", "-c", f"safe.directory={PROJECT}"]
    listed = [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(listed, cwd=PROJECT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout, or no git")
    files = [PROJECT / os.fsdecode(name) for name in names.split(b"\0") if name]
    this = Path(__file__).with_name("test_gates.py"), Path(source_rules.__file__)  # hold them as examples
    found = {}
    for path in files:
        if path.is_file() and path not in this:
            document = path.suffix == ".md" or path.is_relative_to(PROJECT / "tests")
            found[path] = source_rules.foreign_text(path.read_text("utf-8"), code=not document)
    assert {path: hits for path, hits in found.items() if hits} == {}


def test_the_glossary_stays_short() -> None:
    """Twenty terms at most, each once."""
    terms = re.findall(
        r"^- \*\*(.+?)\*\*:", (PROJECT / "docs" / "glossary.md").read_text("utf-8"), re.MULTILINE
    )
    assert 10 <= len(set(terms)) == len(terms) <= 20


def test_no_text_cites_what_no_clone_has() -> None:
    """What a comment or a page points at lies in the clone: docs/architecture.md, an RFC, an AWS page."""
    absent = re.compile("|".join(("DES" + "IGN", "STY" + "LE", "HOU" + "SE")))
    found = {}
    for folder in ("src", "tests", "docs", "scripts", "benchmarks", "examples", "fuzz", "netns", "soak"):
        for path in sorted((PROJECT / folder).rglob("*")):
            if path.suffix in (".md", ".py", ".toml", ".yaml") and (
                hits := absent.findall(path.read_text("utf-8"))
            ):
                found[path.relative_to(PROJECT).as_posix()] = hits
    assert found == {}


# --- Tests


def test_every_need_is_declared() -> None:
    """A test file that imports more than the core when it loads says so in support/needs.py."""
    ours = {path.stem for path in needs.TESTS.iterdir()}
    everywhere = needs.EVERYWHERE | ours | sys.stdlib_module_names
    undeclared = {}
    for _, path, tree in source_rules.modules(needs.TESTS):
        beyond = source_rules.top_level_imports(tree) - everywhere - needs.needed_by(path)
        if beyond:
            undeclared[path.relative_to(needs.TESTS).as_posix()] = sorted(beyond)
    assert undeclared == {}
