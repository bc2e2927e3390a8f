"""`verify`: the Verifier's decision as text, JSON and an exit status."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cognito_mr_auth.cli import main
from cognito_mr_auth.cli._surroundings import Surroundings
from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool

POOL_ID = "us-west-2_Fake00001"


@pytest.fixture(scope="module")
def pool() -> FakeUserPool:
    """A pool with one replica."""
    return FakeUserPool(POOL_ID)


@pytest.fixture(scope="module")
def endpoints(pool: FakeUserPool) -> Iterator[FakeEndpoints]:
    """Its endpoints on loopback."""
    with pool.serve() as endpoints:
        yield endpoints


@pytest.fixture
def settings(pool: FakeUserPool, endpoints: FakeEndpoints) -> list[str]:
    """What `verify` needs to know of the pool."""
    url = endpoints.original.url
    return ["--user-pool-id", POOL_ID, "--jwks-url", url, "--replica-region", "us-east-1"]


def _verify(settings: list[str], token: str, *options: str, use: str | None = None) -> Result:
    arguments = ["verify", *settings, *([] if use is None else ["--token-use", use]), *options]
    return CliRunner().invoke(main, arguments, input=token)


@pytest.mark.outside
def test_a_good_token_is_accepted(pool: FakeUserPool, settings: list[str]) -> None:
    """Why, what to do, pool, issuer, use and expiry are shown; no claim that says who it is."""
    token = pool.access_token(issuer="replica", subject="somebody-special")
    done = _verify(settings, token, "--client-id", pool.client_id)
    assert done.exit_code == 0, done.output
    verdict, why, do, *_ = done.output.splitlines()
    assert (verdict, why[:7], do) == ("accepted", "  why: ", "  do:  nothing until it expires")
    assert f"provider   {POOL_ID}" in done.output
    assert "issuer     replica, https://cognito-idp.us-east-1" in done.output
    assert re.search(
        r"  expires    [-0-9]{10} [:0-9]{8} [+-][:0-9]{5} \(for (59 min|1 h) more\)\n", done.output
    )
    assert "somebody-special" not in done.output


@pytest.mark.outside
def test_claims_are_shown_on_request(pool: FakeUserPool, settings: list[str]) -> None:
    """With --claims all of them, escaped."""
    token = pool.access_token(claims={"x": "\x1b[2J"})
    plain = _verify(settings, token, "--any-client", "--claims").output
    assert '"x": "\\u001b[2J"' in plain
    bare = json.loads(_verify(settings, token, "--any-client", "--json").output)
    full = json.loads(_verify(settings, token, "--any-client", "--json", "--claims").output)
    assert bare["outcome"] == full["outcome"] == "accepted"
    assert "claims" not in bare
    assert full["claims"]["x"] == "\x1b[2J"
    assert full["issuer"]["kind"] == "original"
    assert 3500 < full["expires_in"] <= 3600


@pytest.mark.outside
def test_a_file_will_do(pool: FakeUserPool, settings: list[str], tmp_path: Path) -> None:
    """The token may stand in a file, with the line end that an editor adds."""
    (tmp_path / "token").write_text(pool.id_token() + "\n")
    done = _verify(settings, "", "--any-client", str(tmp_path / "token"), use="any")
    assert done.exit_code == 0, done.output


@pytest.mark.outside
def test_only_the_named_issuers_and_clients_pass(pool: FakeUserPool, settings: list[str]) -> None:
    """--issuer-kind and --client-id may be repeated, and what they do not name is refused."""
    only = ["--issuer-kind", "updated", "--issuer-kind", "replica", "--client-id", "x", "--client-id"]
    for issuer, status in {"updated": 0, "replica": 0, "original": 1}.items():
        token = pool.access_token(issuer=issuer)  # type: ignore[arg-type]
        assert _verify(settings, token, *only, pool.client_id).exit_code == status
    assert _verify(settings, pool.access_token(), "--client-id", "x").exit_code == 1


@pytest.mark.outside
def test_a_bound_token_needs_its_audience(pool: FakeUserPool, settings: list[str]) -> None:
    """--audience is the resource that the token must be bound to; it may be repeated, and except machines."""
    options = ["--any-client", "--audience", "https://api.example"]
    token = pool.access_token(audience="https://api.example")
    assert _verify(settings, token, *options).exit_code == 0
    assert _verify(settings, pool.access_token(), *options).exit_code == 1
    assert _verify(settings, token, *options[:2], "https://old.example", *options[1:]).exit_code == 0
    assert _verify(settings, pool.machine_token(), *options).exit_code == 1
    assert _verify(settings, pool.machine_token(), *options, "--unbound-machines").exit_code == 0
    assert _verify(settings, pool.access_token(), *options, "--unbound-machines").exit_code == 1
    assert _verify(settings, token, "--any-client", "--unbound-machines").exit_code == 2


@pytest.mark.outside
def test_a_refused_token_gets_its_reason_and_hint(pool: FakeUserPool, settings: list[str]) -> None:
    """In words, and as JSON with reason, status and hint."""
    token = pool.id_token()
    done = _verify(settings, token, "--any-client")
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        "refused: claim_rejected",
        "  why: the token's token_use is not the expected one; this is an ID token; send the access token",
        "  do:  send the other kind of token, or set the kind that you expect: --token-use",
    ]
    document = json.loads(_verify(settings, token, "--any-client", "--json").output)
    assert (document["outcome"], document["status"], document["retryable"]) == ("refused", 401, False)
    assert "access token" in document["hint"]
    assert "retry_after" not in document


@pytest.mark.outside
def test_a_reason_without_a_hint(pool: FakeUserPool, settings: list[str]) -> None:
    """Then there is still something to do."""
    done = _verify(settings, pool.access_token(signed_by="foreign"), "--any-client")
    assert done.exit_code == 1
    assert done.output.startswith(
        "refused: signature_invalid\n  why: the token's signature is invalid\n  do:  do not"
    )


@pytest.mark.outside
def test_an_outage_has_its_own_exit_status(pool: FakeUserPool, settings: list[str]) -> None:
    """Without keys the token is neither accepted nor refused."""
    dead = [*settings, "--jwks-url", "http://127.0.0.1:9/jwks.json", "--any-client"]
    done = _verify(dead, pool.access_token())
    assert done.exit_code == 3
    verdict, why, do = done.output.splitlines()
    assert verdict == "unavailable: keys_unavailable"
    assert "original issuer in us-west-2: connect" in why
    assert re.fullmatch(r"  do:  try again in [0-9]+ s; doctor shows which endpoints answer", do)
    document = json.loads(_verify(dead, pool.access_token(), "--json").output)
    assert (document["outcome"], document["status"]) == ("unavailable", 503)
    assert document["retry_after"] >= 1


@pytest.mark.outside
def test_a_key_file_serves_offline(pool: FakeUserPool, settings: list[str], tmp_path: Path) -> None:
    """Keys that were fetched once verify without any network."""
    path = str(tmp_path / "keys.json")
    fetched = CliRunner().invoke(main, ["keys", "fetch", *settings, "--key-file", path])
    assert fetched.exit_code == 0, fetched.output
    options = ["--key-file", path, "--offline", "--any-client"]
    assert _verify(settings, pool.access_token(), *options).exit_code == 0
    assert _verify(settings, pool.access_token(signed_by="unknown"), *options).exit_code == 1


# -- the configuration from the environment --------------------------------------------------------


@pytest.fixture
def environ(pool: FakeUserPool, endpoints: FakeEndpoints) -> dict[str, str]:
    """The variables of an application that verifies this pool's tokens."""
    return {
        "COGNITO_USER_POOL_ID": POOL_ID,
        "COGNITO_CLIENT_IDS": pool.client_id,
        "COGNITO_REPLICA_REGIONS": "us-east-1",
        "COGNITO_JWKS_URLS": endpoints.original.url,
    }


def _with(environ: dict[str, str], token: str, *options: str) -> Result:
    return CliRunner().invoke(main, ["verify", *options], input=token, obj=Surroundings(environ))


@pytest.mark.parametrize("options", [["--from-env"], []], ids=["asked-for", "nothing-else-is-given"])
@pytest.mark.outside
def test_the_variables_configure(pool: FakeUserPool, environ: dict[str, str], options: list[str]) -> None:
    """Every variable counts as it does for the application: client, token use, leeway."""
    assert _with(environ, pool.access_token(), *options).exit_code == 0
    assert _with(environ, pool.access_token(client_id="another"), *options).exit_code == 1
    ids = environ | {"COGNITO_TOKEN_USE": "id"}
    assert _with(ids, pool.id_token(), *options, "--claims").exit_code == 0
    assert json.loads(_with(ids, pool.access_token(), *options, "--json").output)["outcome"] == "refused"


NOT_FROM_VARIABLES = [
    pytest.param(
        {"COGNITO_CLIENT_IDS": None}, ["--from-env"], "COGNITO_CLIENT_IDS is not set", id="incomplete"
    ),
    pytest.param({"COGNITO_CLIENT_IDS": None}, [], "COGNITO_CLIENT_IDS is not set", id="incomplete-unasked"),
    pytest.param({"COGNITO_LEEWAY": "900"}, [], "COGNITO_LEEWAY: ", id="a-setting-of-the-verifier"),
    pytest.param({"COGNITO_MAX_STALE": "1"}, [], "COGNITO_REFRESH_AFTER", id="lifetimes"),
    pytest.param({}, ["--from-env", "--any-client"], "leave the other options out", id="both"),
    pytest.param({}, ["--any-client"], "--user-pool-id", id="an-option-without-its-pool"),
    pytest.param({}, ["--user-pool-id", ""], "user_pool_id=''", id="a-script-with-an-unset-variable"),
    pytest.param({"COGNITO_USER_POOL_ID": None}, [], "--user-pool-id", id="no-variable-names-a-pool"),
    pytest.param({"COGNITO_USER_POOL_ID": None}, ["--from-env"], "COGNITO_USER_POOL_ID", id="asked-for-none"),
]


@pytest.mark.parametrize(("changes", "options", "says"), NOT_FROM_VARIABLES)
def test_what_is_not_clear_is_wrong_usage(
    changes: dict[str, str | None], options: list[str], says: str
) -> None:
    """Variables that cannot be right are named; options and variables are never mixed."""
    environ = {"COGNITO_USER_POOL_ID": POOL_ID, "COGNITO_CLIENT_IDS": "x", "COGNITO_REFRESH_AFTER": "900"}
    changed = {name: value for name, value in (environ | changes).items() if value is not None}
    done = _with(changed, "a.b.c", *options)
    assert done.exit_code == 2, done.output
    assert says in done.output


@pytest.mark.outside
def test_an_applications_key_file_is_never_written(
    pool: FakeUserPool, environ: dict[str, str], settings: list[str], tmp_path: Path
) -> None:
    """Its owner may be another user, who could not read a file that this one wrote."""
    path = tmp_path / "keys.json"
    configured = environ | {"COGNITO_KEY_FILE": str(path)}
    done = _with(configured, pool.access_token())
    assert done.exit_code == 0
    assert "accepted\n" in done.output
    assert "note: key file: read baked: missing\n" in done.output
    options = ["--key-file", str(path), "--any-client"]
    assert _verify(settings, pool.access_token(), *options).exit_code == 0
    assert list(tmp_path.iterdir()) == []


USAGE = [
    pytest.param([], "--client-id", id="no-client"),
    pytest.param(["--any-client", "--client-id", "x"], "--any-client", id="both"),
    pytest.param(["--any-client", "--offline"], "offline", id="offline-without-keys"),
    pytest.param(["--any-client", "--user-pool-id", "pool"], "'pool'", id="pool-id"),
    pytest.param(["--any-client", "--replica-region", "moon"], "'moon'", id="region"),
    pytest.param(["--any-client", "--jwks-url", "http://keys.example/"], "https", id="http"),
    pytest.param(["--any-client", "--issuer-kind", "other"], "updated", id="issuer-kind"),
    pytest.param(["--any-client", "--token-use", "refresh"], "access", id="token-use"),
    pytest.param(["--any-client", "/no/such/file"], "/no/such/file", id="no-such-file"),
    pytest.param(["--client-id", "\x1b[2J"], "\\x1b", id="control-characters"),
]


@pytest.mark.parametrize(("options", "says"), USAGE)
@pytest.mark.outside
def test_wrong_usage(settings: list[str], options: list[str], says: str) -> None:
    """What cannot be right is exit status 2, and the message names it."""
    done = _verify(settings, "a.b.c", *options)
    assert done.exit_code == 2
    assert says in done.output
