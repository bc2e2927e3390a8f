"""`python -m cognito_mr_auth.testing`: the fake pool around one command, or for one terminal."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.run import DEADLINE_S, running

from cognito_mr_auth import Verifier
from cognito_mr_auth._config import environment
from cognito_mr_auth.testing import FakeUserPool, _run
from cognito_mr_auth.testing._environment import variables_of

PYTHON = [sys.executable, "-c"]

# Reads tokens from its input and says what the verifier of its environment makes of each.
VERIFY = """
import sys
from cognito_mr_auth import Verifier
verifier = Verifier.from_env()
for line in sys.stdin:
    found = verifier.verify(line.strip())
    print("verified", found.user_pool_id, found.issuer.kind, *sorted(found.scopes), *found.groups, flush=True)
    break
"""

# Says when it is ready, and ends with the number of the signal that it was sent first.
WAIT = """
import signal, sys
both = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, both)
print("ready", flush=True)
sys.exit(40 + signal.sigwait(both))
"""


# --- With a command


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param([], "us-west-2_Fake00001 original aws.cognito.signin.user.admin", id="plain"),
        pytest.param(["--scope", "orders/read"], "us-west-2_Fake00001 original orders/read", id="scope"),
        pytest.param(
            ["--scope", "a/b", "--scope", "c/d", "--group", "ops", "--group", "dev"],
            "us-west-2_Fake00001 original a/b c/d ops dev",
            id="scopes-and-groups",
        ),
        pytest.param(
            ["--pool-id", "us-east-1_Mine", "--client-id", "2mine", "--scope=a/b"],
            "us-east-1_Mine original a/b",
            id="pool-id",
        ),
        pytest.param(
            ["--token-use", "id", "--group", "ops"], "us-west-2_Fake00001 original ops", id="id-token"
        ),
    ],
)
@pytest.mark.outside
def test_the_command_can_verify_the_token(arguments: list[str], said: str) -> None:
    """The command finds the pool in its environment, and TOKEN is a token of it, scopes and groups too."""
    with running([*arguments, "--", *PYTHON, VERIFY]) as runner:
        runner.tell(runner.until("TOKEN="))
        assert runner.until("verified ") == said
        assert runner.end() == 0


@pytest.mark.outside
def test_the_other_token_lacks_the_scopes_alone() -> None:
    """TOKEN_WITHOUT_SCOPES is as good as TOKEN and has only what every sign-in through the SDK gets."""
    with running(["--scope", "orders/read", "--group", "ops", "--", *PYTHON, VERIFY]) as runner:
        runner.tell(runner.until("TOKEN_WITHOUT_SCOPES="))
        assert runner.until("verified ").endswith("original aws.cognito.signin.user.admin ops")


def minted(*arguments: str) -> dict[str, dict[str, Any]]:
    """The claims of each token that the command line asks for."""
    pool = FakeUserPool()
    tokens = _run._tokens(pool, _run._parser().parse_args(arguments))
    with pool.offline_verifier("any") as verifier:
        return {name: verifier.verify(token).to_dict()["claims"] for name, token in tokens.items()}


@pytest.mark.parametrize(
    ("use", "names"),
    [
        ([], {"TOKEN": "access"}),
        (["--token-use", "access"], {"TOKEN": "access"}),
        (["--token-use", "id"], {"TOKEN": "id"}),
        (["--token-use", "any"], {"TOKEN": "access", "ID_TOKEN": "id"}),
        (
            ["--token-use", "any", "--scope", "a/b"],
            {"TOKEN": "access", "TOKEN_WITHOUT_SCOPES": "access", "ID_TOKEN": "id"},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_kinds_of_token(use: list[str], names: dict[str, str]) -> None:
    """TOKEN is what the program takes; each token has the user, groups and claims that were asked for."""
    found = minted(*use, "--username", "bob", "--group", "ops", "--claim", "custom:tenant=acme")
    assert {name: claims["token_use"] for name, claims in found.items()} == names
    for claims in found.values():
        assert claims.get("username", claims.get("cognito:username")) == "bob"
        assert claims["cognito:groups"] == ["ops"]
        assert claims["custom:tenant"] == "acme"


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("a=b", "b"),
        ("a=", ""),
        ("a=b=c", "b=c"),
        ("a=1", 1),
        ('a="1"', "1"),
        ("a=false", False),
        ("a=null", None),
        ('a=["x", {"y": 2}]', ["x", {"y": 2}]),
        ("a=[", "["),
        ("a=NaN", "NaN"),
        ("a=-Infinity", "-Infinity"),
        ("a=" + 5000 * "[", 5000 * "["),
        ('a="\\ud800"', '"\\ud800"'),
        ("a=\u00e9\U0001f511", "\u00e9\U0001f511"),
    ],
    ids=[str(number) for number in range(14)],
)
def test_a_claim_of_ones_choice(given: str, value: object) -> None:
    """JSON where it is JSON that a token may hold, else the very text."""
    name, _, _ = given.partition("=")
    assert _run._claim(given) == (name, value)


def test_claims_are_overridden_and_left_out() -> None:
    """The last value counts, and `--without` more than any."""
    found = minted("--claim", "jti=one", "--claim", "jti=two", "--claim", "version=9", "--without", "version")
    assert found["TOKEN"]["jti"] == "two"
    assert "version" not in found["TOKEN"]


@pytest.mark.parametrize(("use", "names"), [("access", False), ("id", True), ("any", True)], ids=str)
@pytest.mark.outside
def test_the_program_gets_the_token_use(use: str, names: bool) -> None:
    """COGNITO_TOKEN_USE is set where it is not the default."""
    show = "import os; print('use', os.environ.get('COGNITO_TOKEN_USE'))"
    with running(["--token-use", use, "--", *PYTHON, show]) as runner:
        assert runner.until("use ") == (use if names else "None")


@pytest.mark.outside
def test_a_newcomer_sees_what_to_paste() -> None:
    """The token and the request to send come before anything that the command prints."""
    with running(["--", *PYTHON, "print('the command')"]) as runner:
        assert runner.end() == 0
    token, curl, command = runner.lines
    assert token.startswith("TOKEN=eyJ")
    assert curl == '    curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8000/me'
    assert command == "the command"


@pytest.mark.outside
def test_variables_of_a_real_pool_are_out_of_the_way(tmp_path: Path) -> None:
    """What a shell has set for a real pool neither spoils the fake one nor reaches its key file."""
    key_file = tmp_path / "keys.json"
    real = {
        "COGNITO_USER_POOL_ID": "eu-west-1_Real",
        "COGNITO_CLIENT_IDS": "2another3456789",
        "COGNITO_AUDIENCE": "https://api.example",
        "COGNITO_ISSUER_KINDS": "updated",
        "COGNITO_KEY_FILE": str(key_file),
        "COGNITO_TOKEN_USE": "id",
    }
    with running(["--", *PYTHON, VERIFY], real) as runner:
        runner.tell(runner.until("TOKEN="))
        assert runner.until("verified ").startswith("us-west-2_Fake00001")
        assert runner.end() == 0
    assert not key_file.exists()


@pytest.mark.outside
def test_every_variable_that_is_read_is_set_or_unset() -> None:
    """No variable of Verifier.from_env() is left to chance."""
    pool = FakeUserPool()
    with pytest.raises(RuntimeError, match="not serving"):
        variables_of(pool)
    with pool.serve():
        variables = variables_of(pool)
    assert variables.keys() == environment.VARIABLES | environment.FORMER.keys()
    given = {
        environment.PREFIX + name for name in ("USER_POOL_ID", "CLIENT_IDS", "REPLICA_REGIONS", "JWKS_URLS")
    }
    assert {name for name, value in variables.items() if value is not None} == given
    alone = FakeUserPool(replica_regions=[])
    with alone.serve():
        assert variables_of(alone)["COGNITO_REPLICA_REGIONS"] is None


@pytest.mark.parametrize("regions", [[], ["us-east-1"], ["us-east-1", "eu-west-1"]], ids=len)
@pytest.mark.outside
def test_every_endpoint_can_be_in_the_variables(regions: list[str]) -> None:
    """A verifier that is made of the variables asks the endpoints of every Region."""
    pool = FakeUserPool(replica_regions=regions)
    with pool.serve() as endpoints:
        variables = variables_of(pool, every_endpoint=True)
        given = {name: value for name, value in variables.items() if value is not None}
        with Verifier.from_env(given) as verifier:
            verifier.warm()
        assert [each.requests for each in endpoints] == [1] * len(endpoints)


@pytest.mark.outside
def test_this_environments_programs_come_first() -> None:
    """The command and its children find the programs installed beside this Python, activated or not."""
    name = Path(sys.executable).name
    find = f"import shutil; print('found', shutil.which({name!r}))"
    with running(["--", name, "-c", find], {"PATH": os.defpath}) as runner:
        assert runner.until("found ") == shutil.which(name, path=str(Path(sys.executable).parent))
        assert runner.end() == 0


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        pytest.param([*PYTHON, "pass"], 0, None, id="well"),
        pytest.param([*PYTHON, "raise SystemExit(3)"], 3, None, id="its-own"),
        pytest.param([*PYTHON, "import os; os.kill(os.getpid(), 9)"], 128 + 9, None, id="killed"),
        pytest.param(["no-such-command-of-ours"], 127, "no-such-command-of-ours: No such file", id="unknown"),
        pytest.param(["/"], 126, "/: Permission denied", id="not-executable"),
        pytest.param(
            [*PYTHON, "import sys; print(sys.argv[1:])", "--", "-x"], 0, "['--', '-x']", id="arguments"
        ),
    ],
)
@pytest.mark.outside
def test_the_exit_status_is_the_commands(command: list[str], status: int, said: str | None) -> None:
    """It ends as the command did, or as a shell would have said that there is none."""
    with running(["--", *command]) as runner:
        assert runner.end() == status
        assert runner.alone
    assert said is None or runner.lines[-1].startswith(said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--"], "no COMMAND after --", id="no-command"),
        pytest.param(["uvicorn", "app:app"], "unrecognized arguments: uvicorn app:app", id="no-dashes"),
        pytest.param(["--pool-id", "x y", "--", "true"], "user_pool_id='x y'", id="pool-id"),
        pytest.param(["--sc", "a/b", "--", "true"], "unrecognized arguments", id="abbreviated"),
        pytest.param(["--claim", "tenant"], "'tenant' is not NAME=VALUE", id="claim-without-value"),
        pytest.param(["--claim", "=acme"], "'=acme' is not NAME=VALUE", id="claim-without-name"),
        pytest.param(["--claim", "a=\udcff"], "is not NAME=VALUE", id="claim-no-utf-8"),
        pytest.param(["--client-id", "x y"], "client_ids", id="client-id"),
        pytest.param(["--token-use", "refresh"], "invalid choice: 'refresh'", id="token-use"),
        pytest.param(["--token-use", "id", "--scope", "a/b"], "an ID token has no scopes", id="id-scopes"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is started for a command line that cannot be right."""
    with pytest.raises(SystemExit) as ended:
        _run.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.outside
def test_handlers_are_put_back(capfd: pytest.CaptureFixture[str]) -> None:
    """Called from a program, main() leaves that program's signal handlers as they were."""
    before = [signal.getsignal(each) for each in _run.SIGNALS]
    assert _run.main(["--", *PYTHON, "raise SystemExit(5)"]) == 5
    assert [signal.getsignal(each) for each in _run.SIGNALS] == before
    assert capfd.readouterr().out.startswith("TOKEN=")


# --- With --control

# Says who has been asked, and how a verifier gets on while the primary Region is away.
REHEARSE = """
import sys, urllib.request
from cognito_mr_auth import Verifier
control = sys.stdin.readline().strip()
def ask(path, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(control + path, method=method), timeout=30) as answer:
        return answer.read().decode()
ask("/primary/503", "POST")
ask("/rotate", "POST")
with Verifier.from_env() as verifier:
    verifier.verify(sys.stdin.readline().strip())
    verifier.verify(ask("/token/updated").strip())
print("state", *(line.split()[2] for line in ask("").splitlines()[:3]), flush=True)
"""


@pytest.mark.outside
def test_another_terminal_takes_a_region_away() -> None:
    """CONTROL is a URL at which endpoints fail and keys rotate, while the command verifies on."""
    with running(["--control", "--scope", "a/b", "--", *PYTHON, REHEARSE]) as runner:
        runner.tell(runner.until("CONTROL="))
        runner.tell(runner.until("TOKEN="))
        assert runner.until("state ") == "503 well 503"
        assert runner.end() == 0
        assert runner.alone


@pytest.mark.outside
def test_a_shell_gets_the_control_too() -> None:
    """Without a command CONTROL is one of the lines that a shell evaluates, and the URLs are those of all."""
    with running(["--control"]) as runner:
        url = runner.until("CONTROL=")
        runner.until("#")
        [urls] = [line for line in runner.lines if line.startswith("export COGNITO_JWKS_URLS=")]
        assert urls.count("http://127.0.0.1:") == 3
        runner.signal(signal.SIGTERM)
        assert runner.end() == 0
    assert url.startswith("http://127.0.0.1:")


@pytest.mark.outside
def test_control_is_for_who_asks_for_it() -> None:
    """Without the option only the endpoints listen, and any program can read the one URL."""
    with running(["--", *PYTHON, "import os; print(os.environ['COGNITO_JWKS_URLS'])"]) as runner:
        assert runner.end() == 0
    assert not any(line.startswith("CONTROL=") for line in runner.lines)
    assert runner.lines[-1].startswith("http://127.0.0.1:")


# --- Signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.outside
def test_a_signal_is_passed_on_and_ends_both(number: signal.Signals) -> None:
    """SIGTERM and SIGINT to the runner reach the command, whose status it then ends with."""
    with running(["--", *PYTHON, WAIT]) as runner:
        runner.until("ready")
        runner.signal(number)
        assert runner.end() == 40 + number
        assert runner.alone


@pytest.mark.outside
def test_a_signal_that_comes_too_early_is_kept() -> None:
    """A signal while the command is being started ends it all the same."""
    with _run._Relay() as relay:
        os.kill(os.getpid(), signal.SIGTERM)
        with subprocess.Popen([*PYTHON, "import signal; signal.pause()"]) as child:
            relay.lead_to(child)
            assert child.wait(DEADLINE_S) == -signal.SIGTERM


# Counts what it is sent; SIGTERM, which comes last, makes it say how many SIGINT there were. It takes
# signals one by one: a handler and pause() would miss one that comes just before the pause.
COUNT = """
import signal, sys
both = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, both)
print("ready", flush=True)
count = 0
while signal.sigwait(both) == signal.SIGINT:
    count += 1
    print("interrupted", flush=True)
sys.exit(count)
"""

# A session whose terminal is the standard input, as a shell's is.
ON_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "cognito_mr_auth.testing", *sys.argv[1:]])
"""


@pytest.mark.outside
def test_ctrl_c_at_a_terminal_reaches_the_command_once() -> None:
    """A terminal sends Ctrl-C to both; it is not passed on once more, as a second means haste to many."""
    ours, theirs = pty.openpty()
    with (
        open(ours, "rb+", buffering=0) as keyboard,
        subprocess.Popen(
            [*PYTHON, ON_A_TERMINAL, "--", *PYTHON, COUNT],
            stdin=theirs,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        os.close(theirs)
        assert process.stdout is not None
        try:
            lines = iter(process.stdout)
            assert any(line == "ready\n" for line in lines)
            keyboard.write(b"\x03")
            assert next(lines) == "interrupted\n"
            os.kill(process.pid, signal.SIGTERM)  # Python runs SIGINT's handler before this one's
            assert process.wait(DEADLINE_S) == 1
        finally:
            process.kill()


# --- Without a command


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.outside
def test_without_a_command_it_serves_a_shell(number: signal.Signals) -> None:
    """A shell can evaluate all that is printed and then reach the pool, until a signal ends it."""
    with running(["--scope", "orders/read"]) as runner:
        runner.until("#")
        shell = f'eval "$1"; printf %s "$TOKEN" | exec "$0" -c \'{VERIFY}\''
        done = subprocess.run(
            ["sh", "-ec", shell.replace("$0", sys.executable), "sh", "\n".join(runner.lines)],
            env={**os.environ, "COGNITO_TOKEN_USE": "id", "COGNITO_KEY_FILE": "/nowhere/keys.json"},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.stdout == "verified us-west-2_Fake00001 original orders/read\n", done.stderr
        runner.signal(number)
        assert runner.end() == 0
        assert runner.alone
