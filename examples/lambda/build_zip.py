"""Builds the zip of a Lambda authorizer: this library, its dependencies, and the pool's keys.

    python examples/lambda/build_zip.py --user-pool-id us-west-2_EXAMPLE --replica-region us-east-1 \
        --architecture arm64 --python 3.13 --routes examples/lambda/routes.json --output authorizer.zip

Needs pip. To fetch keys it also needs this project installed. The zip holds no code of yours, because the
function's handler is cognito_mr_auth.aws_lambda.handler. The same files give the same zip, bit for bit.

Exit status: 0 written, 1 it could not be built, 2 wrong usage, 3 no usable key.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import py_compile
import shutil
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

RUNNING: Final = f"{sys.version_info[0]}.{sys.version_info[1]}"
PROJECT: Final = Path(__file__).resolve().parents[2]
NAME: Final = "cognito-mr-auth"
# The folder in which the function finds both files: COGNITO_BAKED_KEY_FILE=/var/task/cognito-keys.json.
TASK: Final = "/var/task"
KEYS: Final = "cognito-keys.json"
ROUTES: Final = "routes.json"

MACHINES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}
# The C library of each runtime decides which wheels run: Amazon Linux 2 (glibc 2.26) or 2023 (2.34).
_AMAZON_LINUX_2: Final = ("manylinux_2_17", "manylinux2014")
_AMAZON_LINUX_2023: Final = ("manylinux_2_28", *_AMAZON_LINUX_2)
PLATFORMS: Final = {
    "3.11": _AMAZON_LINUX_2,
    "3.12": _AMAZON_LINUX_2023,
    "3.13": _AMAZON_LINUX_2023,
    "3.14": _AMAZON_LINUX_2023,
}

# AWS Lambda quotas: 50 MB zipped in a direct upload (more goes through S3), 250 MB unzipped, layers included.
MAX_ZIPPED_BYTES: Final = 50 * 1024 * 1024
MAX_UNZIPPED_BYTES: Final = 250 * 1024 * 1024
# A verifier uses keys for `max_stale` (24 hours) after they were fetched.
KEYS_LIVE_S: Final = 24 * 3600
# How long the other endpoints may take after the first usable response.
EVENTS_S: Final = 2.0

# Files that installers write for installers; one holds a path of this machine. Licences and METADATA stay.
NOT_FOR_LAMBDA: Final = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
# The earliest date that a zip can hold.
EPOCH_OF_ZIP: Final = 315532800  # 1980-01-01T00:00:00Z


class BuildError(Exception):
    """Why there is no zip, and the exit status."""

    def __init__(self, problem: str, status: int = 1) -> None:
        super().__init__(problem)
        self.status = status


class Size(NamedTuple):
    """Bytes in the zip file, bytes of its content, and the number of files."""

    zipped: int
    unzipped: int
    files: int


# --- Keys


class Heard:
    """The verifier's hook: which endpoints have answered or failed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._urls: set[str] = set()

    def __call__(self, event: Any) -> None:
        """Receive an event; some events concern no endpoint."""
        with self._changed:
            self._urls.add(getattr(event, "url", ""))
            self._changed.notify_all()

    def wait(self, urls: set[str]) -> None:
        """Wait until each of these endpoints has answered or failed, for EVENTS_S at most."""
        with self._changed:
            self._changed.wait_for(lambda: urls <= self._urls, EVENTS_S)


def fetched_keys(user_pool_id: str, replica_regions: Sequence[str], jwks_url: str | None) -> bytes:
    """Return the file of `cognito-mr-auth keys fetch`: the keys of every endpoint that answers now."""
    try:
        from cognito_mr_auth import ANY_CLIENT, UserPool, Verifier, errors
    except ImportError:
        raise BuildError(f"to fetch keys, install {NAME} for {sys.executable} first") from None
    heard = Heard()
    with TemporaryDirectory() as directory:
        path = Path(directory) / KEYS
        try:
            pool = UserPool(
                user_pool_id,
                client_ids=ANY_CLIENT,  # keys belong to the pool; the function's setting names clients
                replica_regions=replica_regions,
                jwks_urls=jwks_url,
                key_file=path,
            )
            with Verifier(pool, token_use="any", on_event=heard) as verifier:
                verifier.warm()
                asked = verifier.health()["providers"][user_pool_id]["endpoints"]
                heard.wait({endpoint["url"] for endpoint in asked})  # events come after the file is written
            return path.read_bytes()
        except errors.ConfigurationError as error:
            raise BuildError(str(error), 2) from None
        except (errors.KeysUnavailable, FileNotFoundError):
            raise BuildError(f"no endpoint of {user_pool_id} gave a usable key", 3) from None


def keys(options: argparse.Namespace) -> bytes | None:
    """Return the key file to bake, or None."""
    if options.no_keys:
        return None
    if options.key_file is None:
        return fetched_keys(options.user_pool_id, options.replica_region, options.jwks_url)
    return bytes_of(options.key_file, "key file")


def told_of(baked: bytes, user_pool_id: str | None) -> str:
    """Return a line about a key file. One of another pool or with old keys is refused."""
    try:
        document = json.loads(baked)
        pool, times = document["user_pool_id"], [each["begun"] for each in document["endpoints"]]
        oldest, newest = min(times), max(times)
        left = newest + KEYS_LIVE_S - time.time()
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(newest + KEYS_LIVE_S))
    except (ValueError, TypeError, KeyError, OverflowError):
        raise BuildError("the key file is none of `cognito-mr-auth keys fetch`", 2) from None
    if user_pool_id not in (None, pool):
        raise BuildError(f"the key file is of {pool}, not of {user_pool_id}", 2)
    if left <= 0:
        raise BuildError(f"the key file was of use until {when}; fetch it anew", 2)
    return f"keys of {pool}, {len(times)} endpoints, of use until {when}" + (
        "" if newest - oldest < KEYS_LIVE_S else "; some endpoints' are older than that"
    )


def bytes_of(path: Path, what: str) -> bytes:
    """Return the file's content. A missing file is wrong usage."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BuildError(f"the {what} {path} cannot be read: {error.strerror}", 2) from None


def routes(path: Path) -> bytes:
    """Return the route table's file. The handler checks its content when the function starts."""
    table = bytes_of(path, "route table")
    try:
        document = json.loads(table)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise BuildError(f"the route table {path} is no JSON object", 2)
    return table


# --- Packages


def pip(*arguments: str | Path) -> None:
    """Run this Python's pip. The error's message has its output."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    done = subprocess.run(  # noqa: S603 - our own arguments, no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BuildError(f"pip {arguments[0]} failed:\n{done.stdout.strip()}")


def install(tree: Path, architecture: str, python: str, version: str | None) -> None:
    """Install this library and its dependencies for Lambda's platform; a version comes from an index."""
    with TemporaryDirectory() as wheels:
        if version is None:
            pip("wheel", "--no-deps", "--wheel-dir", wheels, PROJECT)
            [wanted] = map(str, Path(wheels).glob("*.whl"))
        else:
            wanted = f"{NAME}=={version}" if version else NAME
        tags = [f"--platform={each}_{MACHINES[architecture]}" for each in PLATFORMS[python]]
        only = ["--only-binary=:all:", "--implementation=cp", f"--python-version={python}", *tags]
        pip("install", "--target", tree, "--no-compile", "--no-warn-conflicts", *only, wanted)


def trim(tree: Path) -> None:
    """Remove what Lambda does not need: commands, bytecode, installers' files."""
    shutil.rmtree(tree / "bin", ignore_errors=True)
    for path in list(tree.rglob("__pycache__")):
        shutil.rmtree(path)
    for path in list(tree.glob("*.dist-info/*")):
        if path.name in NOT_FOR_LAMBDA:
            path.unlink()


def compile_all(tree: Path) -> None:
    """Put bytecode beside the sources, because Lambda cannot write any and would compile at each cold start.

    Python loads it without a check of the source, and only this version of Python loads it.
    """
    compileall.compile_dir(
        tree,
        quiet=2,  # some packages contain templates that are not Python
        stripdir=str(tree),
        prependdir=TASK,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


# --- The zip


def entries(tree: Path) -> Iterator[tuple[str, bytes, int]]:
    """Yield name, content and mode of each file, in an order that does not depend on the file system."""
    found = {path.relative_to(tree).as_posix(): path for path in tree.rglob("*") if path.is_file()}
    for name, path in sorted(found.items()):
        yield name, path.read_bytes(), 0o755 if ".so" in path.suffixes else 0o644


def moment() -> tuple[int, int, int, int, int, int]:
    """Return the time of every entry: SOURCE_DATE_EPOCH, or the earliest that a zip can hold."""
    try:
        seconds = max(EPOCH_OF_ZIP, int(os.environ.get("SOURCE_DATE_EPOCH", EPOCH_OF_ZIP)))
        at = time.gmtime(seconds)
    except (ValueError, OverflowError):
        raise BuildError("SOURCE_DATE_EPOCH is no number of seconds", 2) from None
    return at.tm_year, at.tm_mon, at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec


def write_zip(tree: Path, output: Path, most: int = MAX_UNZIPPED_BYTES) -> Size:
    """Write the tree as a zip, whole or not at all. The same files give the same bytes."""
    when, unzipped, files = moment(), 0, 0
    partial = output.with_name(f"{output.name}.{os.getpid()}.partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, data, mode in entries(tree):
                entry = zipfile.ZipInfo(name, when)
                entry.create_system = 3  # Unix on every machine, because otherwise Lambda sees no modes
                entry.external_attr = (stat.S_IFREG | mode) << 16
                archive.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)
                unzipped, files = unzipped + len(data), files + 1
        size = Size(partial.stat().st_size, unzipped, files)
        if size.unzipped > most:
            raise BuildError(f"{size.unzipped:,} bytes unzipped; Lambda takes {most:,}")
        partial.replace(output)
    except OSError as error:
        raise BuildError(f"{output} cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)
    return size


# --- The command


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Builds the zip of a Lambda authorizer.", allow_abbrev=False)
    add = parser.add_argument
    add("--output", required=True, type=Path, metavar="FILE.zip")
    add("--architecture", choices=MACHINES, default="arm64", help="the function's; %(default)s if not given")
    add(
        "--python", choices=PLATFORMS, default="3.13", help="the function's runtime; %(default)s if not given"
    )
    add("--routes", type=Path, metavar="FILE.json", help=f"a route table, which goes in as {ROUTES}")
    add("--bytecode", action="store_true", help="compile: larger, starts faster; needs --python's Python")
    add(
        "--from-index",
        nargs="?",
        const="",
        metavar="VERSION",
        help=f"{NAME} from an index, not this checkout",
    )
    add("--user-pool-id", action="append", help="the pool whose keys are fetched and baked in")
    add("--replica-region", action="append", default=[], metavar="REGION", help="may be repeated")
    add("--jwks-url", metavar="URL", help="ask this endpoint alone, for tests")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--key-file", type=Path, help="bake this file of `cognito-mr-auth keys fetch`")
    source.add_argument(
        "--no-keys", action="store_true", help="bake none: the function fetches its first keys"
    )
    options = parser.parse_args(arguments)
    if len(options.user_pool_id or ()) > 1:
        parser.error("--user-pool-id: one pool; for several, add their files to the zip (baked_key_file)")
    options.user_pool_id = options.user_pool_id[0] if options.user_pool_id else None
    if not (options.user_pool_id or options.key_file or options.no_keys):
        parser.error("give --user-pool-id, --key-file or --no-keys")
    if options.bytecode and options.python != RUNNING:
        parser.error(f"--bytecode: this is Python {RUNNING}; run it with {options.python}")
    return options


def build(options: argparse.Namespace) -> Iterator[str]:
    """Do everything, and yield a report line by line."""
    baked = keys(options)
    about = "no keys" if baked is None else told_of(baked, options.user_pool_id)
    table = None if options.routes is None else routes(options.routes)
    with TemporaryDirectory() as directory:
        tree = Path(directory)
        install(tree, options.architecture, options.python, options.from_index)
        trim(tree)
        if options.bytecode:
            compile_all(tree)
        for name, data in ((KEYS, baked), (ROUTES, table)):
            if data is not None:
                (tree / name).write_bytes(data)
        size = write_zip(tree, options.output)
    yield f"{options.output}: {size.zipped:,} bytes zipped, {size.unzipped:,} bytes unzipped"
    yield f"{size.files} files for python{options.python} on {options.architecture}, {about}"
    if size.zipped > MAX_ZIPPED_BYTES:
        yield f"warning: beyond {MAX_ZIPPED_BYTES:,} bytes zipped, Lambda takes it through S3 alone"
    if options.python != RUNNING:  # a limit of pip, which evaluates markers for its own Python
        yield f"note: dependencies are those of Python {RUNNING}; run this with {options.python} to be exact"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status."""
    try:
        for line in build(parsed(arguments)):
            sys.stdout.write(line + "\n")
    except BuildError as error:
        sys.stderr.write(f"build_zip: {error}\n")
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
