"""The deployment zip: right for Lambda's machines, the same each time, and whole on its own."""

from __future__ import annotations

import json
import os
import platform
import re
import stat
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import MAGIC_NUMBER, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.lambda_events import with_token
from support.run import PROJECT

from cognito_mr_auth.testing import FakeUserPool

LAMBDA = PROJECT / "examples" / "lambda"
SCRIPT = LAMBDA / "build_zip.py"
ROUTES = LAMBDA / "routes.json"
# pip downloads some 6 MB; its own time limits are shorter.
PATIENCE_S = 150

# ELF header: e_machine, two octets at offset 18 ("System V ABI", and its supplements for each machine).
ELF_MACHINES = {"x86_64": 62, "arm64": 183}
HERE = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
OTHER = "3.12" if PYTHON == "3.11" else "3.11"


@cache
def build_zip() -> Any:
    """The script as a module."""
    spec = spec_from_file_location("build_zip", SCRIPT)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The script as users start it."""
    variables = {name: text for name, text in os.environ.items() if not name.startswith("COGNITO_")}
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        env={**variables, "PYTHONPATH": str(PROJECT / "src")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


class Built(NamedTuple):
    """What one run of the script left, and the pool whose keys are in it."""

    path: Path
    said: str
    pool: FakeUserPool
    key_url: str

    def files(self) -> dict[str, bytes]:
        """Name -> content."""
        with zipfile.ZipFile(self.path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def modes(self) -> dict[str, int]:
        """Name -> type and permissions, as unzip gives them."""
        with zipfile.ZipFile(self.path) as archive:
            return {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Built]]:
    """Runs the script once for each architecture, side by side, with this Python's version."""
    directory = tmp_path_factory.mktemp("zips")

    def make(architecture: str) -> Built:
        pool, path = FakeUserPool(), directory / f"{architecture}.zip"
        with pool.serve() as endpoints:  # gone before any function is started
            done = run(
                *("--user-pool-id", pool.user_pool_id, "--jwks-url", endpoints.original.url),
                *("--architecture", architecture, "--python", PYTHON),
                *("--routes", ROUTES, "--output", path),
            )
            url = endpoints.original.url
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        return Built(path, done.stdout, pool, url)

    with ThreadPoolExecutor() as threads:
        making = {architecture: threads.submit(make, architecture) for architecture in ELF_MACHINES}
        yield lambda architecture: making[architecture].result()


# --- What is in it


@pytest.mark.parametrize("architecture", ELF_MACHINES)
def test_the_zip_fits_the_machine(architecture: str, built: Callable[[str], Built]) -> None:
    """It holds handler, keys, routes and that machine's binaries, and nothing that Lambda has no use for."""
    made = built(architecture)
    files, modes = made.files(), made.modes()
    assert "cognito_mr_auth/aws_lambda/__init__.py" in files
    assert files["routes.json"] == ROUTES.read_bytes()
    assert json.loads(files["cognito-keys.json"])["user_pool_id"] == made.pool.user_pool_id
    binaries = {name: data for name, data in files.items() if name.endswith(".so")}
    assert any(name.startswith("cryptography/") for name in binaries)
    for name, data in binaries.items():
        assert data.startswith(b"\x7fELF"), name
        assert struct.unpack_from("<H", data, 18) == (ELF_MACHINES[architecture],), name
    assert {name: mode for name, mode in modes.items() if mode != expected_mode(name)} == {}
    assert list(files) == sorted(files)
    assert [name for name in files if unwanted(name)] == []
    assert [name for name in files if re.search(r"cryptography-.*LICENSE", name)]


def expected_mode(name: str) -> int:
    """Readable for whichever user the function runs as, and writable for the owner alone."""
    return stat.S_IFREG | (0o755 if name.endswith(".so") else 0o644)


def unwanted(name: str) -> bool:
    """Bytecode, commands, installers' notes."""
    last = name.rpartition("/")[2]
    return (
        "__pycache__" in name or name.startswith("bin/") or last in ("RECORD", "direct_url.json", "INSTALLER")
    )


@pytest.mark.parametrize("architecture", ELF_MACHINES)
def test_the_size_is_printed(architecture: str, built: Callable[[str], Built]) -> None:
    """The sizes printed are the file's and its content's, and far within Lambda's limits."""
    made = built(architecture)
    zipped, unzipped = (
        int(found.replace(",", "")) for found in re.findall(r"([0-9,]+) bytes (?:un)?zipped", made.said)
    )
    assert zipped == made.path.stat().st_size
    assert unzipped == sum(map(len, made.files().values()))
    assert zipped < 20_000_000
    assert "warning" not in made.said
    assert f"python{PYTHON} on {architecture}, keys of {made.pool.user_pool_id}, 1 endpoints" in made.said


# --- The function alone

FUNCTION = """
import json, sys
tree = sys.argv[1]
sys.path.insert(0, tree)
from cognito_mr_auth import aws_lambda

class Context:
    get_remaining_time_in_millis = staticmethod(lambda: 8000)

def answer(event):
    try:
        return getattr(aws_lambda, "handler")(event, Context())
    except aws_lambda.Unauthorized as error:
        return str(error)

answers = [answer(event) for event in json.load(sys.stdin)]
loaded = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
foreign = [name for name, path in loaded.items() if "-packages" in path]
ours = loaded["cryptography"].startswith(tree) and loaded["cognito_mr_auth"].startswith(tree)
json.dump({"answers": answers, "foreign": foreign, "ours": ours}, sys.stdout)
"""


def unzipped(made: Built, directory: Path) -> Path:
    """The zip's content as Lambda lays it out."""
    for name, data in made.files().items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(stat.S_IMODE(made.modes()[name]))
    return directory


def test_the_function_stands_alone(built: Callable[[str], Built], tmp_path: Path) -> None:
    """With the zip's files and the standard library alone, and no network, it answers REST events."""
    made = built(HERE)
    tree = unzipped(made, tmp_path)
    good = made.pool.access_token(scopes=["orders/read"])
    forged = good.rpartition(".")[0] + "." + made.pool.access_token().rpartition(".")[2]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", FUNCTION, tree],
        env={
            "COGNITO_USER_POOL_ID": made.pool.user_pool_id,
            "COGNITO_CLIENT_IDS": made.pool.client_id,
            "COGNITO_JWKS_URLS": made.key_url,  # nothing listens there any more
            "COGNITO_BAKED_KEY_FILE": str(tree / "cognito-keys.json"),
            "COGNITO_AUTHORIZER_KIND": "rest-request",
            "COGNITO_AUTHORIZER_ROUTES_FILE": "routes.json",
            "LAMBDA_TASK_ROOT": str(tree),
        },
        input=json.dumps([with_token("rest-request", token) for token in (good, forged)]),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    document, refusal = found["answers"]
    assert document["context"]["scope"] == "orders/read"
    assert {"Allow"} <= {each["Effect"] for each in document["policyDocument"]["Statement"]}
    assert refusal == "Unauthorized"
    assert found["foreign"] == []
    assert found["ours"] is True


def test_bytecode_is_taken_as_it_is(tmp_path: Path) -> None:
    """Compiled sources are used whatever their time, and name the place where Lambda has them."""
    tree = sample(tmp_path, ["a.py", "b/c.py", "b/no-python.py"])
    (tree / "b/c.py").write_text("def f(): pass\n", "utf-8")
    build_zip().compile_all(tree)
    [compiled] = (tree / "b/__pycache__").glob("c.*.pyc")
    data = compiled.read_bytes()
    assert data[:4] == MAGIC_NUMBER
    assert struct.unpack_from("<I", data, 4) == (1,)  # PEP 552: a hash, unchecked
    assert b"/var/task/b/c.py" in data
    assert str(tree).encode() not in data


# --- The same bytes


def sample(directory: Path, names: list[str]) -> Path:
    """A tree whose files are made in this order."""
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, "utf-8")
    return directory


def test_the_same_files_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the order in which files were made, nor their times and modes, nor where they lie shows."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    names = ["b/x.py", "a.py", "b/a.abi3.so", "b-c.txt"]
    one, other = sample(tmp_path / "one", names), sample(tmp_path / "other", names[::-1])
    os.utime(other / "a.py", (1, 1))
    (other / "b/x.py").chmod(0o600)
    zips = [tmp_path / "one.zip", tmp_path / "other.zip"]
    sizes = [build_zip().write_zip(tree, path) for tree, path in zip((one, other), zips, strict=True)]
    assert zips[0].read_bytes() == zips[1].read_bytes()
    assert sizes[0] == sizes[1] == (zips[0].stat().st_size, sum(map(len, names)), 4)
    with zipfile.ZipFile(zips[0]) as archive:
        assert archive.namelist() == sorted(names)
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        pytest.param("1762000000", (2025, 11, 1, 12, 26, 40), id="given"),
        pytest.param("0", (1980, 1, 1, 0, 0, 0), id="before-zip"),
    ],
)
def test_the_time_may_be_given(
    epoch: str, expected: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SOURCE_DATE_EPOCH is the time of every entry."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    build_zip().write_zip(sample(tmp_path / "tree", ["a"]), tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.infolist()[0].date_time == expected


# --- What goes wrong


def key_file(directory: Path, **changes: Any) -> Path:
    """A file as `keys fetch` writes it, except for these members."""
    endpoint = {
        "url": "https://example.com/jwks.json",
        "begun": changes.pop("begun", time.time()),
        "jwks": "{}",
    }
    document = {"format": 1, "user_pool_id": "us-west-2_EXAMPLE", "endpoints": [endpoint], **changes}
    path = directory / "keys.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


def wrote(directory: Path, text: str) -> Path:
    """A file with that text."""
    path = directory / "file.json"
    path.write_text(text, "utf-8")
    return path


POOL = ["--user-pool-id", "us-west-2_EXAMPLE"]
WRONG: dict[str, tuple[Callable[[Path], list[str | Path]], int, str]] = {
    "pool-id": (lambda _: ["--user-pool-id", "EXAMPLE"], 2, "user_pool_id='EXAMPLE'"),
    "region": (lambda _: [*POOL, "--replica-region", "us-west-2"], 2, "the pool's own Region"),
    "plain-http": (lambda _: [*POOL, "--jwks-url", "http://example.com/k"], 2, "https is required"),
    "no-endpoint": (lambda _: [*POOL, "--jwks-url", "http://127.0.0.1:9/k"], 3, "gave a usable key"),
    "no-key-file": (lambda at: ["--key-file", at / "none"], 2, "No such file"),
    "key-file-of-none": (lambda at: ["--key-file", wrote(at, "[]")], 2, "is none of"),
    "key-file-garbage": (lambda at: ["--key-file", wrote(at, "{")], 2, "is none of"),
    "key-file-empty": (lambda at: ["--key-file", key_file(at, endpoints=[])], 2, "is none of"),
    "key-file-of-no-time": (lambda at: ["--key-file", key_file(at, begun=1e300)], 2, "is none of"),
    "key-file-other-pool": (
        lambda at: [*POOL, "--key-file", key_file(at, user_pool_id="us-west-2_Other")],
        2,
        "is of us-west-2_Other, not of us-west-2_EXAMPLE",
    ),
    "key-file-old": (lambda at: ["--key-file", key_file(at, begun=time.time() - 86401)], 2, "fetch it anew"),
    "no-routes": (lambda at: ["--no-keys", "--routes", at / "none"], 2, "No such file"),
    "routes-garbage": (lambda at: ["--no-keys", "--routes", wrote(at, "GET /")], 2, "is no JSON object"),
    "routes-list": (lambda at: ["--no-keys", "--routes", wrote(at, "[]")], 2, "is no JSON object"),
}


@pytest.mark.parametrize("row", WRONG)
def test_what_is_wrong_is_said(row: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake is one line on standard error and an exit status; nothing is built."""
    arguments, status, said = WRONG[row]
    output = tmp_path / "a.zip"
    assert build_zip().main([*map(str, arguments(tmp_path)), "--output", str(output)]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("build_zip: ")
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert not output.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="keys-not-given"),
        pytest.param(["--no-keys", "--key-file", "keys.json"], id="keys-given-twice"),
        pytest.param(["--no-keys", "--architecture", "i386"], id="machine"),
        pytest.param(["--no-keys", "--python", "3.6"], id="python"),
        pytest.param(["--no-keys", "--bytecode", "--python", OTHER], id="bytecode-of-another"),
    ],
)
def test_wrong_usage_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Usage that cannot be right is exit status 2."""
    with pytest.raises(SystemExit) as caught:
        build_zip().main([*arguments, "--output", "a.zip"])
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_what_lambda_refuses_is_not_written(tmp_path: Path) -> None:
    """Beyond the limit on unzipped bytes there is no zip, and what stood there stays."""
    script, output = build_zip(), tmp_path / "a.zip"
    output.write_text("as before", "utf-8")
    with pytest.raises(script.BuildError, match=r"^7 bytes unzipped; Lambda takes 6$"):
        script.write_zip(sample(tmp_path / "tree", ["abc/def"]), output, most=6)
    assert output.read_text("utf-8") == "as before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "tree"]
    assert (script.MAX_ZIPPED_BYTES, script.MAX_UNZIPPED_BYTES) == (52_428_800, 262_144_000)


def test_the_output_must_be_writable(tmp_path: Path) -> None:
    """A missing directory is a message, not a traceback."""
    script = build_zip()
    with pytest.raises(script.BuildError, match="cannot be written: No such file"):
        script.write_zip(sample(tmp_path / "tree", ["a"]), tmp_path / "none" / "a.zip")


def test_a_time_is_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A SOURCE_DATE_EPOCH that is no number is reported."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    script = build_zip()
    with pytest.raises(script.BuildError, match="SOURCE_DATE_EPOCH"):
        script.write_zip(sample(tmp_path / "tree", ["a"]), tmp_path / "a.zip")


def test_pip_speaks_for_itself() -> None:
    """An error of pip is reported with pip's own text."""
    script = build_zip()
    with pytest.raises(script.BuildError, match=r"(?s)pip nonsense failed:.*nonsense"):
        script.pip("nonsense")


def test_keys_need_the_library(tmp_path: Path) -> None:
    """Without this project installed, asking for keys says what to install."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", SCRIPT, *POOL, "--output", tmp_path / "a.zip"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"build_zip: to fetch keys, install cognito-mr-auth for .* first\n", done.stderr)


def test_the_age_of_a_key_file_is_printed(tmp_path: Path) -> None:
    """The output says how long the keys are usable, and whether some endpoints' are older."""
    script = build_zip()
    now = 1_762_000_000
    fresh = {"url": "https://a.example/jwks.json", "begun": time.time(), "jwks": "{}"}
    old = {**fresh, "url": "https://b.example/jwks.json", "begun": now}
    path = key_file(tmp_path, endpoints=[fresh, old])
    said = script.told_of(path.read_bytes(), None)
    assert said.startswith("keys of us-west-2_EXAMPLE, 2 endpoints, of use until ")
    assert said.endswith("; some endpoints' are older than that")
