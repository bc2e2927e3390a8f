"""A pool made of what AWS says: what is taken, what options win over, and each way in which AWS is silent."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError
from support import aws as rig
from support.aws import CLIENT_ID, POOL_ID, PRIMARY, SECONDARY, StubbedAWS

from cognito_mr_auth import ANY_CLIENT, UserPool, discovery
from cognito_mr_auth._aws import boto
from cognito_mr_auth._aws.side_by_side import Deadline
from cognito_mr_auth.discovery import DiscoveryError
from cognito_mr_auth.errors import ConfigurationError


class Session:
    """A session of boto3, whose clients are the test's."""

    def __init__(self, aws: Any) -> None:
        self._aws = aws

    def client(self, service: str, *, region_name: str, config: Any) -> Any:
        assert config.connect_timeout == 2
        return self._aws(service, region_name)


@pytest.fixture
def aws() -> Iterator[StubbedAWS]:
    """AWS without an answer yet."""
    with rig.stubbed() as found:
        yield found


def discover(aws: Any, **options: Any) -> UserPool:
    """The pool, as that AWS describes it."""
    return discovery.user_pool(POOL_ID, session=Session(aws), **options)


REGULAR = {"ClientType": "REGULAR", "UserPoolId": POOL_ID, "MaxResults": 60}


def test_a_pool(aws: StubbedAWS) -> None:
    """Replica Regions, whatever their status, and regular app clients; every kind of issuer is accepted."""
    aws.answer(PRIMARY, "list_user_pool_replicas", rig.replicas((SECONDARY, "INACTIVE")))
    aws.answer(PRIMARY, "list_user_pool_clients", rig.clients(CLIENT_ID, "2another"), **REGULAR)
    aws.answer(SECONDARY, "list_user_pool_clients", rig.clients(CLIENT_ID), **REGULAR)
    found = discover(aws)
    assert found.replica_regions == (SECONDARY,)
    assert found.client_ids == {CLIENT_ID, "2another"}
    assert {issuer.kind for issuer in found.issuers.values()} == {"original", "replica", "updated"}
    aws.check()


def test_options_win(aws: StubbedAWS) -> None:
    """What is given is not asked for; the other options go to the pool as they are."""
    aws.answer(PRIMARY, "list_user_pool_replicas", rig.replicas((SECONDARY, "ACTIVE")))
    found = discover(aws, client_ids=[CLIENT_ID], issuer_kinds=["replica"], audience="https://api.example")
    assert (found.client_ids, found.replica_regions) == ({CLIENT_ID}, (SECONDARY,))
    assert {issuer.kind for issuer in found.issuers.values()} == {"replica"}
    assert found.audience == {"https://api.example"}
    aws.check()


def test_nothing_to_ask() -> None:
    """Where both are given, AWS and boto3 are left alone."""
    found = discover(None, client_ids=ANY_CLIENT, replica_regions=[SECONDARY])
    assert (found.client_ids, found.replica_regions) == (None, (SECONDARY,))


def test_the_default_session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a session, boto3's own, with the profile that AWS_PROFILE names."""
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="AWS_PROFILE"):
        discovery.user_pool(POOL_ID)


def test_a_dead_primary(aws: StubbedAWS) -> None:
    """A replica that is named answers for it."""
    aws.kill(PRIMARY)
    aws.answer(SECONDARY, "list_user_pool_clients", rig.clients(CLIENT_ID))
    assert discover(aws, replica_regions=[SECONDARY]).client_ids == {CLIENT_ID}


SILENCE: list[Any] = [
    pytest.param("AccessDeniedException", "not-permitted", {"cognito-idp:ListUserPoolReplicas"}, id="denied"),
    pytest.param("OperationNotEnabledException", "not-enabled", set(), id="not-enabled"),
    pytest.param("TooManyRequestsException", "throttled", set(), id="throttled"),
    pytest.param("ExpiredTokenException", "no-credentials", set(), id="expired"),
    pytest.param("InternalErrorException", "failed", set(), id="failed"),
]


@pytest.mark.parametrize(("code", "reason", "permissions"), SILENCE)
def test_aws_says_no(aws: StubbedAWS, code: str, reason: str, permissions: set[str]) -> None:
    """Never "no replica": an error of its own with the reason, and nothing of AWS's message."""
    aws.refuse(PRIMARY, "list_user_pool_replicas", code)
    with pytest.raises(DiscoveryError) as caught:
        discover(aws)
    error = caught.value
    assert (error.reasons, error.permissions) == ({PRIMARY: reason}, permissions)
    assert f"{PRIMARY}: {reason}" in str(error)
    assert "mallory" not in str(error)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (str(copy), copy.reasons, copy.permissions) == (str(error), error.reasons, error.permissions)


def test_no_credentials(aws: StubbedAWS) -> None:
    """The most common mistake has its reason too."""
    aws.kill(PRIMARY, NoCredentialsError())
    with pytest.raises(DiscoveryError, match="no-credentials"):
        discover(aws)


def test_no_such_pool(aws: StubbedAWS) -> None:
    """That is the configuration's fault."""
    aws.refuse(PRIMARY, "list_user_pool_replicas", "ResourceNotFoundException")
    with pytest.raises(ConfigurationError, match="no such pool in us-west-2"):
        discover(aws)


def test_no_app_client(aws: StubbedAWS) -> None:
    """A pool without app clients has no tokens; it is never taken for ANY_CLIENT."""
    aws.answer(PRIMARY, "list_user_pool_replicas", rig.replicas())
    aws.answer(PRIMARY, "list_user_pool_clients", rig.clients())
    with pytest.raises(ConfigurationError, match="no app client"):
        discover(aws)


@pytest.mark.parametrize("options", [{"replica_regions": ["nowhere"]}, {"replica_regions": PRIMARY}], ids=str)
def test_nonsense_fails_first(options: dict[str, Any]) -> None:
    """Before AWS is asked."""
    with pytest.raises(ConfigurationError):
        discover(None, **options)


def older_than(**known: set[str]) -> Any:
    """A client of an older boto3: what its model knows."""
    shapes = {
        "UserPoolType": known.get("pool", {"IssuerConfiguration"}),
        "clients": known.get("clients", set()),
    }
    model = SimpleNamespace(
        shape_for=lambda name: SimpleNamespace(members=shapes[name]),
        operation_model=lambda _: SimpleNamespace(input_shape=SimpleNamespace(members=shapes["clients"])),
    )
    return SimpleNamespace(meta=SimpleNamespace(service_model=model), list_user_pool_replicas=lambda **_: {})


@pytest.mark.parametrize(
    ("client", "version"),
    [
        pytest.param(older_than(pool={"Id"}), "1.43.19", id="no-issuers"),
        pytest.param(older_than(), "1.44.3", id="no-types-of-clients"),
    ],
)
def test_an_old_boto3(client: Any, version: str) -> None:
    """It would leave replicas out, or could not leave self-registered app clients out: an ImportError."""
    with pytest.raises(boto.OldBotoError, match=f"boto3 {version} or later"):
        discover(lambda *_: client)


def test_an_older_boto3_with_clients_given() -> None:
    """What it cannot tell is not needed then."""
    assert discover(lambda *_: older_than(), client_ids=["a"]).replica_regions == ()


def test_a_client_that_cannot_be_made() -> None:
    """AWS's configuration is broken: the reason says which kind of trouble."""

    def broken(*_: Any) -> Any:
        raise NoCredentialsError

    with pytest.raises(DiscoveryError) as caught:
        discover(broken)
    assert caught.value.reasons == {PRIMARY: "no-credentials"}


def test_what_hangs_is_late() -> None:
    """At the deadline no caller waits any more."""
    release = threading.Event()
    try:
        with pytest.raises(DiscoveryError) as caught:
            discovery._first(lambda _: release.wait(60), [PRIMARY], Deadline(0.01))
        assert caught.value.reasons == {PRIMARY: "late"}
    finally:
        release.set()


def test_a_fault_of_ours_is_no_answer() -> None:
    """A response in an unknown form."""

    def fault(_region: str) -> Any:
        raise KeyError

    with pytest.raises(DiscoveryError) as caught:
        discovery._first(fault, [PRIMARY], Deadline(60))
    assert caught.value.reasons == {PRIMARY: "failed"}
