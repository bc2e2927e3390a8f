"""The project's rules for source files that no tool checks: functions from a source tree to its violations.

Owns the rules and their limits alone. test_rules.py holds src/ to them, test_gates.py shows that
each one bites. They read source text and import nothing that they check.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from . import suites

# docs/architecture.md promises these limits.
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
# Each file of an adapter, so that none of them grows a second subject.
MAX_ADAPTER_CODE_LINES = 120
ADAPTERS = (
    "aiohttp",
    "asgi",
    "django",
    "drf",
    "fastapi",
    "flask",
    "grpc",
    "litestar",
    "mcp",
    "ninja",
    "pyjwt",
)
ADAPTERS += ("starlette", "wsgi", "aws_lambda.chalice", "aws_lambda.edge", "aws_lambda.powertools")
ADAPTERS += tuple(f"aws_lambda._proxy.{name}" for name in ("cognito_auth", "function_guard", "handler_guard"))
# Comparable libraries have 0.5 to 6.4.
MAX_TYPE_IGNORES_PER_1000_LINES = 1

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def modules(src: Path) -> Iterator[tuple[str, Path, ast.Module]]:
    """Dotted name, path and syntax tree of every module below a source directory."""
    for path in sorted(src.rglob("*.py")):
        parts = path.relative_to(src).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, path, ast.parse(path.read_text("utf-8"))


def long_files(src: Path) -> list[str]:
    """Files beyond the limit."""
    counts = {path: len(path.read_text("utf-8").splitlines()) for _, path, _ in modules(src)}
    return [f"{path}: {n} lines" for path, n in counts.items() if n > MAX_FILE_LINES]


def long_functions(src: Path) -> list[str]:
    """Functions beyond the limit, counted from `def` to the last line, docstring included."""
    return [
        f"{path}:{node.lineno}: {node.name} has {lines} lines"
        for _, path, tree in modules(src)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]


def thick_adapters(src: Path) -> list[str]:
    """Files of adapters beyond the limit of code; comments, docstrings and blank lines do not count."""
    counts = {name: len(_code_lines(path, tree)) for name, path, tree in modules(src) if _is_adapters(name)}
    return [f"{name}: {n} lines of code" for name, n in counts.items() if n > MAX_ADAPTER_CODE_LINES]


def unmeasured_adapters(src: Path) -> list[str]:
    """Modules that make a guard for their users, and are no file of an adapter in the list."""
    makers = [name for name, path, _ in modules(src) if "RequestGuard.of(" in path.read_text("utf-8")]
    return [name for name in makers if not _is_adapters(name) and "._web." not in name]


def _is_adapters(name: str) -> bool:
    return any(f"{name}.".startswith(f"cognito_mr_auth.{adapter}.") for adapter in ADAPTERS)


def _code_lines(path: Path, tree: ast.Module) -> set[int]:
    docstrings: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | Definition) and ast.get_docstring(node) is not None:
            docstrings |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    silent.add(tokenize.ENDMARKER)
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline)
    rows = [range(token.start[0], token.end[0] + 1) for token in tokens if token.type not in silent]
    return {line for row in rows for line in row} - docstrings


def unmirrored(src: Path, tests: Path) -> list[str]:
    """Test files whose place names no module: `tests/_jwt/test_claims.py` is for `_jwt/claims.py`.

    A topic may follow the module's name, and a package's `__init__` is tested under the package's name.
    """
    package = src / "cognito_mr_auth"
    found = []
    for path in sorted(tests.rglob("test_*.py")):
        place = path.relative_to(tests)
        if not suites.mirrors(place):
            continue
        folder = package / place.parent
        modules = {each.stem.lstrip("_") for each in (folder, *folder.glob("*.py"))}
        name = place.stem.removeprefix("test_")
        if not folder.is_dir() or not any(f"{name}_".startswith(f"{module}_") for module in modules):
            found.append(place.as_posix())
    return found


def undocumented(src: Path) -> list[str]:
    """Modules, and classes and functions without a leading underscore, that have no docstring.

    A class's public methods count too; an overload or a property's setter needs none of its own.
    """
    found = []
    for _, path, tree in modules(src):
        if not ast.get_docstring(tree):
            found.append(f"{path}: the module")
        found += [
            f"{path}:{node.lineno}: {node.name}"
            for node in _public(tree)
            if not ast.get_docstring(node) and not _repeats(node)
        ]
    return found


def _public(scope: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    for node in scope.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node)


def _repeats(node: Definition) -> bool:
    marks = [ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list]
    return not {"overload", "override", "setter", "deleter"}.isdisjoint(marks)


def type_ignores(src: Path) -> list[str]:
    """All `type: ignore` comments, if they are more than the lines of the tree allow."""
    found, lines = [], 0
    for _, path, _ in modules(src):
        text = path.read_text("utf-8")
        lines += len(text.splitlines())
        found += [
            f"{path}:{token.start[0]}: {token.string}"
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type == tokenize.COMMENT and re.match(r"#\s*type:\s*ignore", token.string)
        ]
    return found if len(found) * 1000 > lines * MAX_TYPE_IGNORES_PER_1000_LINES else []


def import_cycles(src: Path) -> list[str]:
    """Groups of modules that import each other, inside functions and for types alone included."""
    trees = {name: (path, tree) for name, path, tree in modules(src)}
    graph = {
        name: {target for target in _imported(name, path, tree, set(trees)) if target != name}
        for name, (path, tree) in trees.items()
    }
    reach = {name: _reachable(name, graph) for name in graph}
    groups = {
        frozenset(other for other in graph if name in reach[other] and other in reach[name])
        for name in graph
        if name in reach[name]
    }
    return sorted(" <-> ".join(sorted(group)) for group in groups)


def _imported(name: str, path: Path, tree: ast.Module, known: set[str]) -> Iterator[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(package, node)
            # `from package import module` loads the module; any other name is the package's own.
            named = {f"{origin}.{alias.name}" for alias in node.names}
            yield from (named & known) or ({origin} & known)


def _origin(package: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    base = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _inner(node: ast.AST) -> list[ast.stmt]:
    blocks = [getattr(node, part, []) for part in ("body", "orelse", "finalbody")]
    blocks += [handler.body for handler in getattr(node, "handlers", [])]
    return [statement for block in blocks for statement in block]


def top_level_imports(tree: ast.Module) -> set[str]:
    """The first parts of the names of all that a module imports from outside while it loads."""
    names = {
        alias.name if isinstance(node, ast.Import) else node.module or ""
        for node in _inner(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "level", 0)
        for alias in node.names
    }
    return {name.partition(".")[0] for name in names}


def _reachable(start: str, graph: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    todo = list(graph[start])
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += graph[name]
    return seen


# --- Project text

_INDEX = r"--(?:extra-)?index-url|--find-links|files\.pythonhosted\.org|https?://[^\s\"'`]*/simple\b"
_NOT_INSIDE_A_PATH = r"(?<![\w.~$}/:-])"
_SOMEBODYS = rf"{_NOT_INSIDE_A_PATH}/(?:root|work|home/\w+|Users/\w+)\b"
# A Lambda function's writable directory and its layers: documents and tests may name them.
_TEMPORARY = rf"{_NOT_INSIDE_A_PATH}/(?:opt|tmp)\b"


def foreign_text(text: str, *, code: bool) -> list[str]:
    """Package indexes and paths of somebody's machine in a text, as `line number: the match`."""
    pattern = re.compile("|".join([_INDEX, _SOMEBODYS] + [_TEMPORARY] * code))
    return [
        f"{number}: {match.group()}"
        for number, line in enumerate(text.splitlines(), 1)
        for match in pattern.finditer(line)
    ]
