"""`inspect`: shows what a token says, and never more."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from cognito_mr_auth.cli import main
from cognito_mr_auth.testing import FakeUserPool


def _inspect(token: str, *options: str) -> Result:
    return CliRunner().invoke(main, ["inspect", *options], input=token)


@pytest.fixture(scope="module")
def pool() -> FakeUserPool:
    """A pool to mint with."""
    return FakeUserPool()


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
