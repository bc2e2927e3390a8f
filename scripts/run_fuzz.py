"""Fuzzes tokens, key sets and key files with atheris, all three at once.

usage: python scripts/run_fuzz.py [SECONDS]     (`make fuzz` gives 600, `make test-all` 30)

Makes its own environment in .venvs/fuzz from fuzz/requirements.txt. It uses the first Python for which
atheris has a wheel: this one, else another that is found. The corpus stays in .venvs/fuzz-corpus, so that a
later run continues from there. Exit status 1 if there is a finding, which is printed as base64, or if nothing
could be run. Add a finding to tests/fuzz/test_findings.py, and fix its cause.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from test_all import REQUIRED, find

PROJECT = Path(__file__).resolve().parents[1]
VENVS = PROJECT / ".venvs"
HOME = VENVS / "fuzz"
CORPUS = VENVS / "fuzz-corpus"
PINS = PROJECT / "fuzz" / "requirements.txt"
PYTHON = HOME / "bin" / "python"
TARGETS = ("token", "jwks", "key_file")

DEFAULT_SECONDS = 600
# libFuzzer ends by itself. A process that does not is ended.
GRACE_SECONDS = 60
# No input may take longer. The largest are 64 KiB, and a check of one takes a millisecond.
SLOW_SECONDS = 10
MAX_BYTES = {"token": 4096, "jwks": 8192, "key_file": 8192}
MEMORY_MB = 1024


# --- The environment


def candidates() -> Iterator[str]:
    """Yield Pythons to try: the one that runs this, then the others that are found."""
    yield sys.executable
    for minor in REQUIRED:
        if python := find(minor, os.environ):
            yield python


def prepare() -> bool:
    """Make the environment, unless it exists with these pins. Return whether it exists now."""
    stamp = HOME / "pins.stamp"
    want = hashlib.sha256(PINS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text("utf-8") == want:
        return True
    VENVS.mkdir(exist_ok=True)
    for python in candidates():
        subprocess.run([python, "-m", "venv", "--clear", HOME], check=True)
        pip: list[str | Path] = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        # To build atheris from source would need a whole clang.
        install = [*pip, "--no-compile", "--only-binary", ":all:", "--require-hashes", "--requirement", PINS]
        if subprocess.run(install, check=False).returncode == 0:
            stamp.write_text(want, "utf-8")
            return True
        print(f"no atheris for {python}: trying another Python", flush=True)
    return False


def environment() -> dict[str, str]:
    """Return the variables of a target: this tree's sources, and nothing that changes how Python runs."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("COVERAGE", "PYTHON"))}
    # tests/ is needed for `support`, which reads the vectors.
    return clean | {"PYTHONPATH": os.pathsep.join(map(str, (PROJECT / "src", PROJECT, PROJECT / "tests")))}


# --- The runs


def start(name: str, seconds: int) -> subprocess.Popen[bytes]:
    """Write the seeds and start one target. Its log and its findings are beside its corpus."""
    seeds, learnt, found = CORPUS / f"{name}-seeds", CORPUS / name, CORPUS / f"{name}-found"
    for folder in (learnt, found):
        folder.mkdir(parents=True, exist_ok=True)
    for old in found.iterdir():
        old.unlink()
    fuzz: list[str | Path] = [PYTHON, "-m", "fuzz"]
    subprocess.run([*fuzz, "--seed", name, seeds], env=environment(), cwd=PROJECT, check=True)
    options = {
        "dict": CORPUS / f"{name}-seeds.dict",
        "max_total_time": seconds,
        "max_len": MAX_BYTES[name],
        "timeout": SLOW_SECONDS,
        "rss_limit_mb": MEMORY_MB,
        "artifact_prefix": f"{found}{os.sep}",
        "print_final_stats": 1,
    }
    command = [*fuzz, name, *(f"-{key}={value}" for key, value in options.items()), learnt, seeds]
    with (CORPUS / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, env=environment(), cwd=PROJECT, stdout=log, stderr=log)


def finish(name: str, process: subprocess.Popen[bytes], deadline: float) -> bool:
    """Wait for one target and print its result. Return whether it ended well and found nothing."""
    try:
        status = process.wait(max(1.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
    log = (CORPUS / f"{name}.log").read_text("utf-8", "replace")
    runs = re.search(r"number_of_executed_units: *(\d+)", log)
    covered = re.findall(r"cov: (\d+)", log)
    findings = sorted((CORPUS / f"{name}-found").iterdir())
    print(
        f"{name:9} {runs[1] if runs else '?':>9} inputs, {covered[-1] if covered else '?'} edges, "
        f"{len(findings)} findings, status {status}",
        flush=True,
    )
    for path in findings:
        print(f"  {path.name}: {base64.b64encode(path.read_bytes()).decode()}")
    if status != 0:
        print(log[-4000:])
    return status == 0 and runs is not None and not findings


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    """Run all targets at once. Return the exit status."""
    seconds = int(arguments[0]) if arguments else DEFAULT_SECONDS
    signal.signal(signal.SIGTERM, _stop)
    if not prepare():
        print("atheris has a wheel for no Python that was found: nothing was fuzzed", file=sys.stderr)
        return 1
    version = subprocess.run([PYTHON, "--version"], capture_output=True, text=True, check=True).stdout
    print(f"fuzzing for {seconds} s with {version.strip()}", flush=True)
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name in TARGETS:
            running[name] = start(name, seconds)
        deadline = time.monotonic() + seconds + GRACE_SECONDS
        ended_well = [finish(name, process, deadline) for name, process in running.items()]
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    return 0 if all(ended_well) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
