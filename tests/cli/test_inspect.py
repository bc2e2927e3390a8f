"""`inspect`: shows what a token says, and never more."""

from __future__ import annotations

import json
from datetime import timedelta, timezone
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cognito_mr_auth.cli import main
from cognito_mr_auth.cli._surroundings import Surroundings
from cognito_mr_auth.testing import FakeUserPool

NOW = 1_900_000_000
POOL_ID = "us-west-2_Fake00001"


def _inspect(token: str, *options: str, **environ: str) -> Result:
    surroundings = Surroundings(environ, lambda: NOW, timezone(timedelta(hours=-8)))
    return CliRunner().invoke(main, ["inspect", *options], input=token, obj=surroundings)


@pytest.fixture(scope="module")
def pool() -> FakeUserPool:
    """A pool to mint with."""
    return FakeUserPool(POOL_ID)


def test_it_says_unverified_and_hides_the_signature(pool: FakeUserPool) -> None:
    """Header and claims, each marked; the output cannot be used as a token."""
    token = pool.access_token(groups=["ops"])
    done = _inspect(token)
    assert done.exit_code == 0
    assert done.output.startswith("UNVERIFIED")
    assert done.output.count("(unverified)") == 2
    assert '"cognito:groups"' in done.output
    assert token.rsplit(".", 1)[1] not in done.output


def test_json_says_unverified_too(pool: FakeUserPool) -> None:
    """A program gets one document that says the same."""
    document = json.loads(_inspect(pool.id_token(), "--json").output)
    assert next(iter(document)) == "verified"
    assert document["verified"] is False
    assert document["header"]["alg"] == "RS256"
    assert document["claims"]["token_use"] == "id"


# -- what a person asks first ----------------------------------------------------------------------

TIMES = {"iat": NOW - 720, "exp": NOW + 2460}
WEST = f"https://cognito-idp.us-west-2.amazonaws.com/{POOL_ID}"


def _rows(output: str) -> dict[str, str]:
    """The rows before the first line that is none."""
    rows = [line for line in output.partition("\nheader (unverified)")[0].splitlines() if line[:2] == "  "]
    return {row[2:10].strip(): row[11:] for row in rows if row[2:6] not in ("why:", "do: ")}


def test_whose_for_whom_until_when(pool: FakeUserPool) -> None:
    """And from which pool, in the local time of whoever asks."""
    token = pool.access_token(subject="s-1", username="jane", claims=TIMES, audience="https://api.example")
    rows = _rows(_inspect(token).output)
    assert rows.pop("signing").startswith('alg "RS256", kid "')
    assert rows == {
        "whose": 'user "jane", sub "s-1"',
        "for": f'app client "{pool.client_id}", audience "https://api.example"',
        "kind": "access token",
        "issued": "2030-03-17 09:34:40 -08:00 (12 min ago)",
        "until": "2030-03-17 10:27:40 -08:00 (for 41 min more)",
        "issuer": f'"{WEST}"',
        "pool": f"{POOL_ID}, its original issuer in us-west-2; not compared with your pools: "
        "give them with --user-pool-id or --from-env",
    }


STRANGE: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"exp": NOW - 180}, {"until": "2030-03-17 09:43:40 -08:00 (expired 3 min ago)"}),
    ({"exp": 10**300}, {"until": f"no time: 1{'0' * 119}... (301 characters)"}),
    ({"exp": "soon\x1b"}, {"until": 'no time: "soon\\u001b"'}),
    ({"iat": True}, {"issued": "no time: true"}),
    ({"token_use": ["access"]}, {"kind": 'neither: token_use ["access"]'}),
    ({"sub": {"a": 1}}, {"whose": 'user "a-user", sub {"a": 1}'}),
    ({"iss": "https://a\u202eb"}, {"issuer": '"https://a\\u202eb"'}),
    ({"username": 'x", verified by "us'}, {"whose": 'user "x\\", verified by \\"us", sub "s"'}),
]


@pytest.mark.parametrize(("claims", "expected"), STRANGE, ids=[f"row-{n}" for n in range(len(STRANGE))])
def test_strange_claims(pool: FakeUserPool, claims: dict[str, Any], expected: dict[str, str]) -> None:
    """Claims of any type and length have their place, escaped and cut."""
    token = pool.access_token(claims=TIMES | {"sub": "s", "username": "a-user"} | claims)
    rows = _rows(_inspect(token).output)
    assert {name: rows[name] for name in expected} == expected


def test_a_token_without_claims(pool: FakeUserPool) -> None:
    """What is absent is said to be."""
    rows = _rows(_inspect(pool.sign(None, {})).output)
    assert rows["whose"] == "sub absent"
    assert rows["for"] == "app client absent"
    assert rows["until"] == "no time: absent"
    assert rows["pool"].startswith("no user pool has such an issuer; ")


def test_a_machines_token(pool: FakeUserPool) -> None:
    """The command does not look up the user."""
    rows = _rows(_inspect(pool.machine_token(claims=TIMES)).output)
    assert rows["whose"] == f'the app client itself, no user: sub "{pool.client_id}"'


EAST = ["--user-pool-id", POOL_ID, "--replica-region", "us-east-1"]
VARIABLES = {"COGNITO_USER_POOL_ID": POOL_ID, "COGNITO_CLIENT_IDS": "1example23456789"}
COMPARED = [
    pytest.param(EAST, {}, "its replica issuer in us-east-1; one of those given", [], id="options"),
    pytest.param(
        EAST[:2],
        {},
        "one of those given, but its configuration does not name this Region",
        ["issuer_unknown"],
        id="region",
    ),
    pytest.param(
        [*EAST, "--issuer-kind", "original"],
        {},
        "leaves out this kind of issuer",
        ["issuer_unknown"],
        id="kind",
    ),
    pytest.param(
        ["--user-pool-id", "us-west-2_X"],
        {},
        "none of those given: us-west-2_X",
        ["issuer_unknown"],
        id="another",
    ),
    pytest.param(
        [*EAST, "--client-id", "x", "--token-use", "id"], {}, "one of those", ["claim_rejected"], id="id"
    ),
    pytest.param([], VARIABLES, "does not name this Region", ["issuer_unknown"], id="variables"),
    pytest.param(
        ["--from-env"],
        VARIABLES | {"COGNITO_REPLICA_REGIONS": "us-east-1", "COGNITO_CLIENT_IDS": "x"},
        "one of those given",
        ["claim_rejected"],
        id="asked-for",
    ),
    pytest.param(
        [],
        {"COGNITO_USER_POOL_ID": POOL_ID},
        "not compared with your pools: the COGNITO_ variables cannot be used: COGNITO_CLIENT_IDS is not set",
        [],
        id="broken-variables",
    ),
]


@pytest.mark.parametrize(("options", "environ", "said", "reasons"), COMPARED)
def test_compared_with_what_is_configured(
    pool: FakeUserPool, options: list[str], environ: dict[str, str], said: str, reasons: list[str]
) -> None:
    """Which pool and issuer it matches, what would be refused; variables that are wrong stop nobody."""
    done = _inspect(pool.access_token(issuer="replica", claims=TIMES), *options, **environ)
    assert done.exit_code == 0, done.output
    assert said in _rows(done.output)["pool"]
    assert [line[18:] for line in done.output.splitlines() if line.startswith("would be refused")] == reasons
    document = json.loads(
        _inspect(pool.access_token(issuer="replica", claims=TIMES), "--json", *options, **environ).output
    )
    assert [each["reason"] for each in document["would_be_refused"]] == reasons
    assert document["names"] == {"kind": "replica", "region": "us-east-1", "user_pool_id": POOL_ID}
    assert (document["match"] is None) is ("not compared" in said)


def test_what_would_be_refused_has_why_and_what_to_do(pool: FakeUserPool) -> None:
    """All of it, also without a configuration."""
    token = pool.access_token(malformed="alg_none", claims={"iat": NOW - 7200, "exp": NOW - 180})
    assert (
        "would be refused: algorithm_not_allowed\n"
        "  why: the token's signature algorithm is not RS256\n"
        "  do:  use the token of the sign-in, because Cognito signs only with RS256\n"
        "would be refused: token_expired\n"
        "  why: the token has expired\n"
        "  do:  get a new one with the refresh token\n"
        "header (unverified)\n"
    ) in _inspect(token).output


def test_it_calls_no_token_good(pool: FakeUserPool) -> None:
    """Whoever wrote the token chose all that is shown, so a perfect look means nothing."""
    token = pool.access_token(issuer="replica", signed_by="foreign", claims=TIMES)
    said = _inspect(token, *EAST).output.partition("header (unverified)")[0]
    assert "inspect sees no reason to refuse it; only verify can tell whether it is genuine" in said
    assert "The signature was not checked" in said
    assert not any(word in said.lower() for word in ("valid", "accepted", "trusted", "would pass"))


def test_wrong_usage_stays_wrong_usage(pool: FakeUserPool) -> None:
    """A configuration that was asked for and cannot be had is exit status 2."""
    token = pool.access_token()
    assert _inspect(token, "--from-env").exit_code == 2
    assert _inspect(token, "--client-id", "x").exit_code == 2
    assert _inspect(token, "--user-pool-id", "pool").exit_code == 2
    assert _inspect(token, *EAST, "--client-id", "x", "--any-client").exit_code == 2


@pytest.mark.parametrize("name", ["alg_none", "hs256_with_public_key", "header_jku"])
def test_it_shows_what_no_verifier_accepts(pool: FakeUserPool, name: str) -> None:
    """A forged token can be looked at."""
    assert _inspect(pool.access_token(malformed=name)).exit_code == 0


REFUSED = [
    ("prose", "refused: token_malformed\n  why: the token is malformed\n  do:  give the whole"),
    ("five_segments", "why: the token is malformed; this is an encrypted token"),
    ("bearer_prefix", '; pass the token without "Bearer "'),
    ("padded_payload", "why: the payload is unreadable: not base64url"),
    ("noncanonical_payload", "why: the payload is unreadable: not canonical base64url"),
    ("header_not_object", "why: the header is unreadable: not a JSON object"),
    ("payload_duplicate_member", "why: the payload is unreadable: duplicate member"),
    ("payload_nan", "why: the payload is unreadable: NaN or infinity"),
]


@pytest.mark.parametrize(("name", "expected"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_cannot_be_read_strictly_is_not_shown(pool: FakeUserPool, name: str, expected: str) -> None:
    """If a token could be read in two ways, `inspect` shows no reading and says why."""
    done = _inspect(pool.access_token(malformed=name))
    assert done.exit_code == 1
    assert expected in done.output


def test_a_refusal_as_json() -> None:
    """A program gets the reason."""
    done = _inspect("a.b", "--json")
    assert done.exit_code == 1
    assert json.loads(done.output)["reason"] == "token_malformed"


HOSTILE = [
    pytest.param("\x1b]0;owned\x07\x1b[2J", id="escape-sequences"),
    pytest.param("\x9b31m", id="c1-csi"),
    pytest.param("\x7f\x08\r", id="delete-and-backspace"),
    pytest.param("\u202egnp.exe", id="right-to-left"),
    pytest.param("[bold red]x[/]", id="rich-markup"),
]


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["plain", "json"])
@pytest.mark.parametrize("text", HOSTILE)
def test_a_claim_cannot_write_to_the_terminal(pool: FakeUserPool, text: str, options: list[str]) -> None:
    """Names and values appear in printable ASCII, and in JSON they keep their meaning."""
    done = _inspect(pool.access_token(claims={text: text}), *options)
    assert done.output.replace("\n", "").isprintable()
    assert done.output.isascii()
    if options:
        assert json.loads(done.output)["claims"][text] == text
