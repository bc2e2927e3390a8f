"""The fake pool for a program that reads COGNITO_* variables, so that an example runs without AWS.

Owns the command line and the child's life. It starts one command, passes SIGINT and SIGTERM on to it, and
exits with its status. It must never signal any other process, nor write a file.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

from cognito_mr_auth._config.environment import PREFIX
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.principal import IssuerKind

from ._endpoints.endpoints import FakeEndpoints
from ._environment import variables_of
from ._pool import FakeUserPool
from ._tokens.mint import REMOVE, TokenOptions

__all__ = ["main"]

# Cognito's longest life of an access token, so that a token pasted in the morning lasts the day.
TOKEN_LIFETIME_S = 24 * 3600
# A shell's statuses if no command ran (POSIX 2.8.2), and if a signal ended it.
NOT_FOUND, NOT_EXECUTABLE, KILLED = 127, 126, 128
SIGNALS = (signal.SIGINT, signal.SIGTERM)
# The default address of uvicorn, hypercorn, gunicorn and Django.
EXAMPLE_URL = "http://127.0.0.1:8000/me"


def main(argv: Sequence[str]) -> int:
    """Serve a fake pool while a command runs, or until a signal comes. Return the exit status."""
    argv = list(argv)
    cut = argv.index("--") if "--" in argv else len(argv)
    command = argv[cut + 1 :]
    parser = _parser()
    asked = parser.parse_args(argv[:cut])
    if "--" in argv and not command:
        parser.error("no COMMAND after --")
    if asked.scope and asked.token_use == "id":
        parser.error("--scope: an ID token has no scopes; --token-use any gives both kinds of token")
    pool = FakeUserPool(asked.pool_id, client_id=asked.client_id)
    try:
        pool.user_pool()
    except ConfigurationError as error:
        parser.error(str(error))
    with _Relay() as relay, pool.serve() as endpoints, _control(pool, endpoints, asked) as control:
        variables = variables_of(pool, every_endpoint=asked.control)
        if asked.token_use != "access":  # which is the default of whoever reads it
            variables[f"{PREFIX}TOKEN_USE"] = asked.token_use
        tokens = _tokens(pool, asked)
        if command:
            _say(*control, _token_lines(tokens), f"    {_curl()}")
            return _run(command, variables, relay)
        _say(_export_lines(variables), *control, _token_lines(tokens), f"#   {_curl()}")
        relay.wait()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cognito_mr_auth.testing",
        usage="%(prog)s [OPTION]... [-- COMMAND ARG...]",
        description="Serve a fake user pool on loopback and print a token of it. With a COMMAND, run it "
        "with the COGNITO_* variables set and end with its status; else print the variables and serve "
        "until Ctrl-C or SIGTERM.",
        allow_abbrev=False,
    )
    parser.add_argument("--scope", action="append", default=[], metavar="S", help="a scope of TOKEN")
    parser.add_argument("--group", action="append", default=[], metavar="G", help="a group of each token")
    parser.add_argument(
        "--token-use",
        default="access",
        choices=("access", "id", "any"),
        help="what COGNITO_TOKEN_USE says: the kind of TOKEN; with any there is ID_TOKEN too",
    )
    parser.add_argument("--username", metavar="NAME", help="the user of each token")
    parser.add_argument(
        "--claim",
        action="append",
        default=[],
        type=_claim,
        metavar="NAME=VALUE",
        help="a claim to add to each token, or to override; VALUE is JSON, or else text",
    )
    parser.add_argument(
        "--without", action="append", default=[], metavar="NAME", help="a claim to leave out of each token"
    )
    parser.add_argument("--pool-id", default="us-west-2_Fake00001", metavar="ID", help="default: %(default)s")
    parser.add_argument("--client-id", default="1example23456789", metavar="ID", help="default: %(default)s")
    parser.add_argument(
        "--control",
        action="store_true",
        help="serve every endpoint of the pool, and print CONTROL, a URL on loopback that makes them fail, "
        "heals them and rotates keys",
    )
    return parser


@contextmanager
def _control(
    pool: FakeUserPool, endpoints: FakeEndpoints, asked: argparse.Namespace
) -> Iterator[Sequence[str]]:
    """Serve ``--control`` meanwhile, if requested. Yields the line that shows its URL."""
    if not asked.control:
        yield ()
        return
    from ._control import Control
    from ._control_server import serving

    def mint(issuer: IssuerKind) -> str:
        return _tokens(pool, asked, issuer)["TOKEN"]

    with serving(Control(pool, endpoints, mint)) as url:
        yield (f"CONTROL={url}",)


def _claim(text: str) -> tuple[str, object]:
    """Return the name and value of ``--claim``."""
    name, equals, value = text.partition("=")
    if not name or not equals or not _is_unicode(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        found = json.loads(value, parse_constant=_no_json)
        return name, found if _is_unicode(json.dumps(found, ensure_ascii=False)) else value
    except (ValueError, RecursionError):
        return name, value


def _is_unicode(text: str) -> bool:
    """Whether a token can contain it: no lone surrogate, which an octet that is not UTF-8 becomes."""
    return not any("\ud800" <= each <= "\udfff" for each in text)


def _no_json(constant: str) -> None:
    raise ValueError(constant)  # NaN and the infinities are not JSON, but Python reads them


# ---- the output


def _tokens(pool: FakeUserPool, asked: argparse.Namespace, issuer: IssuerKind = "original") -> dict[str, str]:
    """TOKEN has the scopes. TOKEN_WITHOUT_SCOPES has only the scope of every sign-in through the SDK."""
    user: dict[str, Any] = {"username": asked.username, "groups": asked.group}
    options = TokenOptions(
        expires_in=TOKEN_LIFETIME_S,
        issuer=issuer,
        claims=dict(asked.claim) | dict.fromkeys(asked.without, REMOVE),
    )
    if asked.token_use == "id":
        return {"TOKEN": pool.id_token(**user, **options)}
    plain = pool.access_token(**user, **options)
    tokens = {"TOKEN": plain}
    if asked.scope:
        scoped = pool.access_token(scopes=asked.scope, **user, **options)
        tokens = {"TOKEN": scoped, "TOKEN_WITHOUT_SCOPES": plain}
    if asked.token_use == "any":
        tokens["ID_TOKEN"] = pool.id_token(**user, **options)
    return tokens


def _token_lines(tokens: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={token}" for name, token in tokens.items())


def _export_lines(variables: Mapping[str, str | None]) -> str:
    exports = [
        f"export {name}={shlex.quote(value)}" for name, value in variables.items() if value is not None
    ]
    return "\n".join([*exports, f"unset {' '.join(name for name in variables if variables[name] is None)}"])


def _curl() -> str:
    return f'curl -H "Authorization: Bearer $TOKEN" {EXAMPLE_URL}'


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()  # before a child writes to the same file


# ---- the child


class _Relay:
    """Receives SIGINT and SIGTERM, for `wait` or for a child as soon as there is one.

    The kernel may deliver a signal to any thread, which does not wake the main thread from its own wait. A
    SIGTERM was seen lost behind a SIGINT, once in a hundred runs. So the main thread waits only for a byte in
    a pipe. The interpreter writes one for each signal, and another thread writes one when the child ends.
    """

    def __enter__(self) -> Self:
        self._child: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []
        self._wakeup_read, self._wakeup_write = os.pipe()
        os.set_blocking(self._wakeup_write, False)
        self._wakeup_before = signal.set_wakeup_fd(self._wakeup_write, warn_on_full_buffer=False)
        self._before = {each: signal.signal(each, self._take) for each in SIGNALS}
        return self

    def __exit__(self, *_exc: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._wakeup_write)
        os.close(self._wakeup_read)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self._child is None:
            self._early.append(number)
        elif number != signal.SIGINT or not _in_foreground():
            self._child.send_signal(number)

    def wait(self) -> None:
        """Wait until a signal has come."""
        os.read(self._wakeup_read, 1)

    def lead_to(self, child: subprocess.Popen[bytes]) -> int:
        """Pass signals on to this child, also those that came while it started. Return its status."""
        self._child = child
        for number in self._early:
            child.send_signal(number)
        watch = threading.Thread(target=self._watch, args=(child,), daemon=True)
        watch.start()
        while child.returncode is None:
            os.read(self._wakeup_read, 64)
        watch.join()
        return child.returncode

    def _watch(self, child: subprocess.Popen[bytes]) -> None:
        child.wait()
        os.write(self._wakeup_write, b"!")


def _in_foreground() -> bool:
    """Whether a Ctrl-C at the terminal reaches the child too, so that a forwarded one would be its second.

    uvicorn, for example, stops at once on a second SIGINT, even with open connections.
    """
    try:
        with open("/dev/tty", "rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:  # there is no terminal, as in a service or a test
        return False


def _run(command: Sequence[str], variables: Mapping[str, str | None], relay: _Relay) -> int:
    """Run the command to its end. Return its exit status, as a shell would."""
    inherited = {name: value for name, value in os.environ.items() if name not in variables}
    given = {name: value for name, value in variables.items() if value is not None}
    # First in PATH, so that `uvicorn` is the one of this environment though that is not activated.
    path = [os.path.dirname(sys.executable), inherited.get("PATH", os.defpath)]
    environment = {**inherited, **given, "PATH": os.pathsep.join(path)}
    try:
        child = subprocess.Popen(command, env=environment)  # noqa: S603 - the user's own command
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
    status = relay.lead_to(child)
    return status if status >= 0 else KILLED - status
