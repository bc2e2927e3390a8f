"""The kit and the library together: what the fake issues, a Verifier accepts, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cognito_mr_auth import UserPool, Verifier, errors
from cognito_mr_auth.testing import MALFORMED, REMOVE, FakeClock, FakeUserPool


def test_an_offline_verifier_takes_three_lines() -> None:
    """The three lines of the documentation."""
    pool = FakeUserPool()
    verifier = pool.offline_verifier()
    principal = verifier.verify(pool.access_token(groups=["ops"], scopes=["orders/read"]))
    assert (principal.username, principal.groups) == ("alice", ("ops",))
    assert principal.scopes == {"orders/read"}
    assert principal.user_pool_id == pool.user_pool_id


@pytest.fixture(scope="module")
def pool() -> FakeUserPool:
    """A pool for tests that leave its keys alone."""
    return FakeUserPool()


@pytest.fixture(scope="module")
def verifier(pool: FakeUserPool) -> Iterator[Verifier]:
    """Accepts access and ID tokens of every issuer."""
    with pool.offline_verifier("any") as verifier:
        yield verifier


@pytest.mark.parametrize("issuer", ["original", "replica", "updated"])
@pytest.mark.parametrize("mint", ["access_token", "id_token", "machine_token"])
def test_every_kind_is_accepted(pool: FakeUserPool, verifier: Verifier, mint: str, issuer: Any) -> None:
    """Each kind of token, from each kind of issuer: the derivations of both sides agree."""
    principal = verifier.verify(getattr(pool, mint)(issuer=issuer))
    assert principal.issuer.kind == issuer
    assert principal.issuer.url == pool.issuer(issuer)
    assert principal.is_machine == (mint == "machine_token")


@pytest.mark.parametrize("pool_id", ["cn-north-1_A", "eusc-de-east-1_A", "us-gov-west-1_A", "eu-west-1_A"])
def test_issuers_agree_in_every_partition(pool_id: str) -> None:
    """The fake derives the very issuers that UserPool accepts."""
    pool = FakeUserPool(pool_id, replica_regions=())
    derived = {pool.issuer("original"), pool.issuer("updated")}
    assert set(pool.user_pool().issuers) == derived


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scopes": ["orders/read"], "groups": ["ops", "dev"]},
        {"username": "bob", "subject": "5f0c"},
        {"federated": True},
        {"issuer": "updated"},
        {"issuer": "replica"},
        {"issuer": "replica", "region": "us-east-1"},
        {"issued_at": 1_790_000_000, "expires_in": 4e8, "not_before": 1_790_000_000},
        {"claims": {"custom:tenant": {"acme": [1]}}},
    ],
    ids=repr,
)
def test_headers_and_principals_are_those_of_a_token(
    pool: FakeUserPool, verifier: Verifier, options: dict[str, Any]
) -> None:
    """`headers` sends an access token with the same options; `principal` is what a verifier would give."""
    [(name, value)] = pool.headers(**options).items()
    scheme, token = value.split(" ")
    assert (name, scheme) == ("Authorization", "Bearer")
    verified = verifier.verify(token)
    # Each token has identifiers of its own, and a moment.
    own = {
        name: verified.claims[name] for name in ("jti", "origin_jti", "event_id", "iat", "exp", "auth_time")
    }
    made = pool.principal(**(options | {"claims": {**options.get("claims", {}), **own}}))
    assert made == verified
    assert made.to_dict() == verified.to_dict()
    assert (made.issuer, made.user_pool_id) == (verified.issuer, pool.user_pool_id)


def test_a_principal_is_made_without_checks() -> None:
    """Bound, of another client, past its time or of a machine: nothing is checked."""
    pool = FakeUserPool(clock=FakeClock(wall=1_790_000_000.0))
    made = pool.principal(audience="https://api.example", client_id="other", expires_in=-60)
    assert (made.claims["aud"], made.client_id) == ("https://api.example", "other")
    assert made.expires_at == 1_790_000_000 - 60
    machine = pool.principal(subject=pool.client_id, claims={"username": REMOVE})
    assert (machine.is_machine, machine.username) == (True, None)


REFUSED: list[tuple[str, Callable[[FakeUserPool], str], type[errors.TokenRejected]]] = [
    ("expired", lambda p: p.access_token(expires_in=-60), errors.TokenExpired),
    ("not yet valid", lambda p: p.id_token(not_before=2e9 + 1e9), errors.TokenNotYetValid),
    ("wrong client", lambda p: p.access_token(client_id="other"), errors.ClaimRejected),
    ("no subject", lambda p: p.id_token(claims={"sub": REMOVE}), errors.ClaimRejected),
    ("foreign key", lambda p: p.access_token(signed_by="foreign"), errors.SignatureInvalid),
    ("unknown key", lambda p: p.access_token(signed_by="unknown"), errors.KeyUnknown),
    ("other pool", lambda p: FakeUserPool().access_token(), errors.KeyUnknown),
    ("unknown issuer", lambda p: p.access_token(claims={"iss": "x"}), errors.IssuerUnknown),
]


@pytest.mark.parametrize(("mint", "error"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_wrong_is_refused(
    pool: FakeUserPool,
    verifier: Verifier,
    mint: Callable[[FakeUserPool], str],
    error: type[errors.TokenRejected],
) -> None:
    """Each shape that must fail fails for its own reason."""
    with pytest.raises(error):
        verifier.verify(mint(pool))


@pytest.mark.parametrize("name", MALFORMED)
def test_every_malformed_token_is_refused(pool: FakeUserPool, verifier: Verifier, name: str) -> None:
    """No row of MALFORMED is accepted, in an access or an ID token."""
    for mint in (pool.access_token, pool.id_token):
        with pytest.raises(errors.TokenRejected):
            verifier.verify(mint(malformed=name))


def test_a_bound_token_needs_its_audience(pool: FakeUserPool) -> None:
    """user_pool() takes UserPool's own arguments, and verifiers take the result."""
    bound = pool.user_pool(audience="https://api.example")
    verifier = pool.offline_verifier(pool=bound)
    assert verifier.verify(pool.access_token(audience="https://api.example")).subject
    with pytest.raises(errors.ClaimRejected):
        verifier.verify(pool.access_token())


@pytest.mark.outside
def test_user_pool_is_offline_unless_serving(pool: FakeUserPool) -> None:
    """Offline with the keys as they are, or with the served URLs, or as `offline=` says."""
    assert isinstance(pool.user_pool(), UserPool)
    assert pool.user_pool().offline
    assert not pool.user_pool(offline=False).offline
    with pool.serve() as endpoints:
        assert not pool.user_pool().offline
        assert pool.user_pool(offline=True).offline
        served = {endpoint.url for endpoint in pool.user_pool()._key_set_config.endpoints}
        assert served == {endpoint.url for endpoint in endpoints}


def test_a_verifier_needs_endpoints(pool: FakeUserPool) -> None:
    """verifier() before serve() says what to do."""
    with pytest.raises(RuntimeError, match="offline_verifier"):
        pool.verifier()


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.outside
def test_a_verifier_survives_the_loss_of_its_primary(tls: bool) -> None:
    """While the primary hangs, a cold verifier gets the keys from another endpoint."""
    pool = FakeUserPool(tls=tls)
    with pool.serve() as endpoints:
        endpoints.original.fail("hang")
        with pool.verifier() as verifier:
            assert verifier.verify(pool.access_token(issuer="original")).username == "alice"
        endpoints.heal()


@pytest.mark.outside
def test_an_outage_is_not_the_callers_fault() -> None:
    """With every endpoint down and no keys, the answer is 503, not 401."""
    pool = FakeUserPool()
    with pool.serve() as endpoints:
        endpoints.fail("refuse")
        with pool.verifier("any") as verifier, pytest.raises(errors.KeysUnavailable):
            verifier.verify(pool.id_token())


@pytest.mark.parametrize("wall_only", [False, True], ids=["FakeClock", "wall only"])
def test_a_verifier_follows_the_pools_clock(wall_only: bool) -> None:
    """The clock of the fake is the verifier's too, whether it gives one time or two."""
    clock = FakeClock()
    pool = FakeUserPool(clock=(lambda: clock.wall) if wall_only else clock)
    verifier = pool.offline_verifier()
    token = pool.access_token(expires_in=300)
    assert verifier.verify(token).expires_at == int(clock.wall) + 300
    clock.advance(306)
    with pytest.raises(errors.TokenExpired):
        verifier.verify(token)
    assert abs(time.time() - clock.wall) > 3600
