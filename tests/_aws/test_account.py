"""A pool in all its Regions: whom what is asked of, and what a dead Region leaves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from support import aws as rig
from support.aws import CLIENT_ID, POOL_ID, PRIMARY, SECONDARY, StubbedAWS

from cognito_mr_auth._aws.account import MAX_DESCRIBED, read_account, read_regions, source_of
from cognito_mr_auth._aws.model import AppClient, Domain, EncryptionKey, RegionAnswer, Trouble
from cognito_mr_auth._aws.reading import Reader
from cognito_mr_auth._aws.side_by_side import Deadline

LONG = 60.0


@pytest.fixture
def aws() -> Iterator[StubbedAWS]:
    """AWS without an answer yet."""
    with rig.stubbed() as found:
        yield found


def test_a_replica_that_aws_names_is_asked_too(aws: StubbedAWS) -> None:
    """The primary alone was configured; the Region that it names is asked in a second round."""
    for region in (PRIMARY, SECONDARY):
        rig.add_region(aws, region)
    found = read_regions(Reader(aws, POOL_ID), [PRIMARY], Deadline(LONG))
    assert list(found) == [PRIMARY, SECONDARY]
    assert all(not isinstance(each.pool, Trouble) for each in found.values())


def test_a_dead_region_is_asked_once(aws: StubbedAWS) -> None:
    """What does not answer one call is not asked for the next, which would wait as long."""
    aws.kill(PRIMARY)
    rig.add_region(aws, SECONDARY)
    found = read_regions(Reader(aws, POOL_ID), [PRIMARY, SECONDARY], Deadline(LONG))
    assert found[PRIMARY] == RegionAnswer(
        Trouble("unreachable", "cognito-idp:DescribeUserPool", "ConnectTimeoutError"),
        Trouble("unreachable", "cognito-idp:ListUserPoolReplicas", "ConnectTimeoutError"),
    )
    assert source_of(found) == SECONDARY


@pytest.mark.parametrize(
    ("pools", "source"),
    [
        pytest.param(["not-permitted", "unreachable"], PRIMARY, id="a-refusal-is-an-answer"),
        pytest.param(["not-there", "throttled"], SECONDARY, id="where-it-may-be"),
        pytest.param(["not-there", "not-there"], None, id="nowhere"),
        pytest.param(["unreachable", "late"], None, id="silence"),
        pytest.param(["no-credentials", "no-credentials"], None, id="no-credentials"),
    ],
)
def test_whom_to_ask_about_the_whole(pools: list[Any], source: str | None) -> None:
    """The first Region that may know something, the primary first."""
    answers = {
        region: RegionAnswer(Trouble(kind), Trouble(kind))
        for region, kind in zip((PRIMARY, SECONDARY), pools, strict=True)
    }
    assert source_of(answers) == source


def test_everything(aws: StubbedAWS) -> None:
    """Regions, keys, app clients, scopes and domains; each Region that has answered is reported."""
    for region in (PRIMARY, SECONDARY):
        rig.add_region(aws, region, Domain="shop")
        rig.add_key(aws, region)
    aws.answer(PRIMARY, "list_user_pool_clients", rig.clients(CLIENT_ID))
    aws.answer(
        PRIMARY,
        "list_user_pool_clients",
        rig.clients("x", "y"),
        ClientType="DCR",
        UserPoolId=POOL_ID,
        MaxResults=60,
    )
    aws.answer(PRIMARY, "list_resource_servers", {"ResourceServers": []})
    aws.answer(PRIMARY, "describe_user_pool_domain", {"DomainDescription": {}})
    aws.answer(PRIMARY, "describe_user_pool_client", rig.app_client())
    told: list[str] = []
    found = read_account(
        Reader(aws, POOL_ID),
        [PRIMARY, SECONDARY],
        Deadline(LONG),
        wanted={CLIENT_ID, "of-another-pool"},
        scopes=True,
        done=told.append,
    )
    assert found.source == PRIMARY
    assert (found.clients, found.dynamic, found.scopes) == ({CLIENT_ID: "app 1"}, 2, frozenset())
    assert found.domains == {"shop": Domain("shop", None)}
    assert list(found.described) == [CLIENT_ID]
    assert isinstance(found.described[CLIENT_ID], AppClient)
    assert {region: type(each) for region, each in found.keys.items()} == {
        PRIMARY: EncryptionKey,
        SECONDARY: EncryptionKey,
    }
    assert set(told) == {PRIMARY, SECONDARY, f"key {PRIMARY}", f"key {SECONDARY}", f"the pool in {PRIMARY}"}
    aws.check()


def test_without_a_list_each_client_is_asked_for(aws: StubbedAWS) -> None:
    """Where the list is refused, the configured ones are looked up; a refusal there ends it."""
    rig.add_region(aws, PRIMARY, secondaries=(), KeyConfiguration=None)
    aws.refuse(PRIMARY, "list_user_pool_clients")
    aws.refuse(PRIMARY, "list_user_pool_clients")
    aws.refuse(PRIMARY, "describe_user_pool_client", "ResourceNotFoundException")
    aws.refuse(PRIMARY, "describe_user_pool_client", "TooManyRequestsException")
    found = read_account(Reader(aws, POOL_ID), [PRIMARY], Deadline(LONG), wanted={"a", "b", "c"})
    kinds = {name: each.kind for name, each in found.described.items() if isinstance(each, Trouble)}
    assert kinds == {"a": "not-there", "b": "throttled", "c": "throttled"}
    assert isinstance(found.dynamic, Trouble)
    aws.check()


def test_only_some_clients_are_looked_at(aws: StubbedAWS) -> None:
    """A pool of many app clients takes no minutes."""
    rig.add_region(aws, PRIMARY, secondaries=(), KeyConfiguration=None)
    aws.answer(
        PRIMARY, "list_user_pool_clients", rig.clients(*(f"c{n:02}" for n in range(MAX_DESCRIBED + 1)))
    )
    aws.answer(PRIMARY, "list_user_pool_clients", rig.clients())
    for _ in range(MAX_DESCRIBED):
        aws.answer(PRIMARY, "describe_user_pool_client", rig.app_client())
    found = read_account(Reader(aws, POOL_ID), [PRIMARY], Deadline(LONG), wanted=None)
    assert len(found.described) == MAX_DESCRIBED
    aws.check()


class _Slow(Reader):
    """A reader that hangs in one call."""

    def __init__(self, aws: StubbedAWS, hangs: str, release: threading.Event) -> None:
        super().__init__(aws, POOL_ID)
        self._hangs = hangs
        self._release = release

    def _call(self, service: str, region: str, method: str, **arguments: Any) -> Any:
        if method == self._hangs:
            self._release.wait(LONG)
            return Trouble("unreachable")  # and no further call, which another test's AWS would answer
        return super()._call(service, region, method, **arguments)


class _Soon(Deadline):
    """A deadline that is over once its event is set, however quick the machine is."""

    def __init__(self, over: threading.Event) -> None:
        super().__init__(LONG)
        self._over = over

    @property
    def remaining(self) -> float:
        return 0.05 if self._over.is_set() else LONG


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Lets what hangs go at the end."""
    event = threading.Event()
    yield event
    event.set()


def test_what_was_had_before_the_deadline_is_kept(aws: StubbedAWS, release: threading.Event) -> None:
    """A hanging call takes what comes after it, and nothing that was there."""
    rig.add_region(aws, PRIMARY, secondaries=())
    aws.answer(PRIMARY, "list_user_pool_clients", rig.clients(CLIENT_ID))
    aws.answer(PRIMARY, "list_user_pool_clients", rig.clients())
    rig.add_key(aws, PRIMARY)
    over = threading.Event()

    def done(name: str) -> None:
        if name.startswith("key"):
            over.set()

    reader = _Slow(aws, "describe_user_pool_client", release)
    found = read_account(reader, [PRIMARY], _Soon(over), wanted={CLIENT_ID}, scopes=False, done=done)
    assert (found.clients, found.described) == ({CLIENT_ID: "app 1"}, {})
    assert found.scopes == Trouble("late", "cognito-idp:ListResourceServers")


def test_a_region_that_hangs_is_late(aws: StubbedAWS, release: threading.Event) -> None:
    """At the deadline what has not answered is late, and the rest is unknown for the same reason."""
    reader = _Slow(aws, "describe_user_pool", release)
    found = read_account(reader, [PRIMARY], Deadline(0.01), wanted=None)
    assert found.regions[PRIMARY].pool == Trouble("late", "cognito-idp:DescribeUserPool")
    assert found.source is None
    assert found.clients == Trouble("late", "cognito-idp:ListUserPoolClients")


def test_a_fault_of_ours_is_a_trouble(aws: StubbedAWS) -> None:
    """A response in an unknown form fails only its own rows."""
    rig.add_region(aws, PRIMARY, secondaries=())

    class Broken(Reader):
        def clients(self, region: str, **only: str) -> Any:
            raise KeyError(region)

        def key(self, region: str, arn: str) -> Any:
            raise ValueError(arn)

    found = read_account(Broken(aws, POOL_ID), [PRIMARY], Deadline(LONG), wanted=None)
    assert found.clients == Trouble("failed", "cognito-idp:ListUserPoolClients", "KeyError")
    assert found.keys == {PRIMARY: Trouble("failed", "kms:DescribeKey", "ValueError")}


def test_an_older_boto3_cannot_tell_dynamic_clients(aws: StubbedAWS) -> None:
    """Then no row says that there are none."""
    rig.add_region(aws, PRIMARY, secondaries=(), KeyConfiguration=None)
    aws.answer(PRIMARY, "list_user_pool_clients", rig.clients())
    real = rig.client("cognito-idp", PRIMARY)
    shape = SimpleNamespace(input_shape=SimpleNamespace(members={}))
    model = SimpleNamespace(operation_model=lambda _: shape, shape_for=real.meta.service_model.shape_for)
    meta = SimpleNamespace(service_model=model)
    methods = ("describe_user_pool", "list_user_pool_replicas", "list_user_pool_clients")
    older = SimpleNamespace(meta=meta, **{name: getattr(real, name) for name in methods})
    found = read_account(Reader(lambda *_: older, POOL_ID), [PRIMARY], Deadline(LONG), wanted=None)
    assert (found.clients, found.dynamic) == ({}, None)
