"""`doctor`: each situation, what it prints, and with which exit status.

AWS's API is botocore's Stubber, the endpoints are real ones on loopback.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import InvalidConfigError, NoCredentialsError
from click.testing import CliRunner, Result
from support import aws as rig
from support.aws import CLIENT_ID, NOW, POOL_ID, PRIMARY, SECONDARY, StubbedAWS

from cognito_mr_auth._aws import boto
from cognito_mr_auth._aws.reading import READS, Reader
from cognito_mr_auth.cli import main
from cognito_mr_auth.cli._doctor.command import Dependencies
from cognito_mr_auth.cli._doctor.endpoints import Fetcher
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool

PROJECT = Path(__file__).resolve().parents[3]
OUTPUTS = Path(__file__).with_name("outputs")


class World(NamedTuple):
    """A pool's endpoints, what AWS's API says of it, and the configuration to compare."""

    pool: FakeUserPool
    endpoints: FakeEndpoints
    aws: StubbedAWS
    settings: dict[str, Any]


@pytest.fixture(scope="module")
def served() -> Iterator[FakeUserPool]:
    """A pool whose endpoints serve on loopback; each test heals them."""
    pool = FakeUserPool(POOL_ID)
    with pool.serve():
        yield pool


@pytest.fixture
def world(served: FakeUserPool) -> Iterator[World]:
    """All endpoints well, AWS without an answer yet, the verifier configured as the pool is."""
    assert served.endpoints is not None
    served.endpoints.heal()
    settings = {
        "user_pool_id": POOL_ID,
        "client_ids": [CLIENT_ID],
        "replica_regions": [SECONDARY],
        "jwks_urls": served.endpoints.jwks_urls,
    }
    with rig.stubbed() as aws:
        yield World(served, served.endpoints, aws, settings)


def run(
    world: World, *options: str, clients: Callable[[str | None], Any] | None = None, now: float = NOW
) -> Result:
    """The command, with the configuration in the environment."""
    dependencies = Dependencies(
        clients=clients or (lambda _profile: world.aws),
        fetcher=lambda: Fetcher(wall=lambda: now),
        environ={"COGNITO_USER_POOLS": json.dumps([world.settings])},
    )
    return CliRunner().invoke(main, ["doctor", "--from-env", *options], obj=dependencies)


def said(world: World, result: Result) -> str:
    """What was printed, with names in place of what differs from run to run."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    text = re.sub(r"\bin \d+ ms", "in N ms", result.output)
    for key in world.pool.keys:
        text = text.replace(key.kid, "KID")
    return text


# -- the situations -------------------------------------------------------------------------------


def well(world: World) -> None:
    """Everything is set up for the loss of a Region."""
    for region in (PRIMARY, SECONDARY):
        rig.add_region(world.aws, region)
        rig.add_key(world.aws, region)
    rig.add_clients(world.aws, PRIMARY)


def replica_not_active(world: World) -> None:
    """The replica was created, and never activated."""
    for region in (PRIMARY, SECONDARY):
        rig.add_region(world.aws, region, secondaries=((SECONDARY, "INACTIVE"),))
        rig.add_key(world.aws, region)
    rig.add_clients(world.aws, PRIMARY)
    world.endpoints.replica.fail(403)


def replica_not_configured(world: World) -> None:
    """The pool has a replica that the verifier's configuration lacks."""
    well(world)
    world.settings["replica_regions"] = []
    replica = world.pool.issuer("replica")
    world.settings["jwks_urls"] = {
        issuer: url for issuer, url in world.endpoints.jwks_urls.items() if issuer != replica
    }


def client_unknown(world: World) -> None:
    """An ID of another pool's client was configured."""
    well_but_clients(world)
    rig.add_clients(world.aws, PRIMARY, CLIENT_ID, "2another")
    world.settings["client_ids"] = [CLIENT_ID, "3ofanotherpool"]


def well_but_clients(world: World) -> None:
    """As `well`, before the answers about app clients."""
    for region in (PRIMARY, SECONDARY):
        rig.add_region(world.aws, region)
        rig.add_key(world.aws, region)


def updated_required(world: World) -> None:
    """The verifier accepts the updated issuer alone, and the pool never switched."""
    for region in (PRIMARY, SECONDARY):
        rig.add_region(world.aws, region, IssuerConfiguration={"Type": "ORIGINAL"})
        rig.add_key(world.aws, region)
    rig.add_clients(world.aws, PRIMARY)
    world.settings["issuer_kinds"] = ["updated"]
    world.endpoints.updated.fail(403)


def single_region_key(world: World) -> None:
    """The pool is encrypted with a key that exists in one Region."""
    for region in (PRIMARY, SECONDARY):
        rig.add_region(world.aws, region)
    rig.add_key(world.aws, PRIMARY, regions=())
    world.aws.refuse(SECONDARY, "describe_key", "NotFoundException", "kms")
    rig.add_clients(world.aws, PRIMARY)


def keys_differ(world: World) -> None:
    """One Region serves another key under the same kid."""
    well(world)
    world.endpoints.replica.fail("conflict")


def no_permission(world: World) -> None:
    """The credentials are good, and allow nothing."""
    for region in (PRIMARY, SECONDARY):
        world.aws.refuse(region, "describe_user_pool")
        world.aws.refuse(region, "list_user_pool_replicas")
    world.aws.refuse(PRIMARY, "list_user_pool_clients")
    rig.add_dynamic(world.aws, PRIMARY, code="AccessDeniedException")
    world.aws.refuse(PRIMARY, "describe_user_pool_client")


def primary_dead(world: World) -> None:
    """Nothing answers in the primary Region."""
    world.aws.kill(PRIMARY)
    rig.add_region(world.aws, SECONDARY)
    rig.add_clients(world.aws, SECONDARY)
    rig.add_key(world.aws, SECONDARY)
    world.endpoints.original.fail("refuse")
    world.endpoints.updated.fail("refuse")


def all_dead(world: World) -> None:
    """Nothing answers anywhere."""
    for region in (PRIMARY, SECONDARY):
        world.aws.kill(region)
    world.endpoints.fail("refuse")


def no_credentials(world: World) -> None:
    """boto3 finds no credentials, so the half that needs none is done."""
    for region in (PRIMARY, SECONDARY):
        world.aws.kill(region, NoCredentialsError())


def throttled(world: World) -> None:
    """AWS limits the rate of calls about app clients."""
    well_but_clients(world)
    world.aws.answer(PRIMARY, "list_user_pool_clients", rig.clients(CLIENT_ID))
    rig.add_dynamic(world.aws, PRIMARY)
    world.aws.refuse(PRIMARY, "describe_user_pool_client", "TooManyRequestsException")


def unknown_words(world: World) -> None:
    """AWS has invented a status and a type since."""
    for region in (PRIMARY, SECONDARY):
        rig.add_region(
            world.aws,
            region,
            secondaries=((SECONDARY, "PENDING_\x1b[31mCREATE"),),
            IssuerConfiguration={"Type": "HYBRID"},
        )
        rig.add_key(world.aws, region)
    rig.add_clients(world.aws, PRIMARY)


def trigger_missing(world: World) -> None:
    """The replica lacks the trigger that adds scopes and groups to tokens."""
    rig.add_region(world.aws, PRIMARY)
    rig.add_region(world.aws, SECONDARY, LambdaConfig=None)
    for region in (PRIMARY, SECONDARY):
        rig.add_key(world.aws, region)
    rig.add_clients(world.aws, PRIMARY)


def another_account(world: World) -> None:
    """The credentials belong to an account without this pool."""
    for region in (PRIMARY, SECONDARY):
        world.aws.refuse(region, "describe_user_pool", "ResourceNotFoundException")
        world.aws.refuse(region, "list_user_pool_replicas", "ResourceNotFoundException")


SITUATIONS = [
    (well, 0),
    (replica_not_active, 0),
    (replica_not_configured, 1),
    (client_unknown, 1),
    (updated_required, 1),
    (single_region_key, 1),
    (keys_differ, 1),
    (no_permission, 0),
    (primary_dead, 0),
    (all_dead, 3),
    (no_credentials, 0),
    (throttled, 0),
    (unknown_words, 0),
    (trigger_missing, 1),
    (another_account, 1),
]


@pytest.mark.parametrize(
    ("prepare", "status"), SITUATIONS, ids=[prepare.__name__ for prepare, _ in SITUATIONS]
)
@pytest.mark.outside
def test_a_situation(prepare: Callable[[World], None], status: int, world: World) -> None:
    """What is printed of each is in outputs/; no secret, no account and no message of AWS's is in it."""
    prepare(world)
    result = run(world)
    assert said(world, result) == (OUTPUTS / f"{prepare.__name__}.txt").read_text("utf-8")
    assert result.exit_code == status
    assert not re.search("s3cr3t|mallory|123456789012", result.output)
    world.aws.check()


def test_every_output_is_a_situations() -> None:
    """No expected output is left over."""
    names = {prepare.__name__ for prepare, _ in SITUATIONS}
    assert {each.stem for each in OUTPUTS.iterdir()} == names


@pytest.mark.outside
def test_json(world: World) -> None:
    """A program gets the same rows in one document, and nothing else on standard output."""
    no_permission(world)
    document = json.loads(run(world, "--json").stdout)
    (pool,) = document["pools"]
    assert (document["verdict"], pool["verdict"], pool["user_pool_id"]) == ("unknown", "unknown", POOL_ID)
    assert pool["answered"] is True
    rows = {each["name"]: each for each in pool["checks"]}
    assert rows["replicas"]["permission"] == "cognito-idp:ListUserPoolReplicas"
    assert rows["proxy"] == {
        "name": "proxy",
        "verdict": "ok",
        "said": "none",
        "do": None,
        "permission": None,
    }


@pytest.mark.outside
def test_only_listed_calls_are_made(world: World) -> None:
    """Each call is one of `READS`, whose names all read."""
    well_but_clients(world)
    world.aws.answer(PRIMARY, "list_user_pool_clients", rig.clients(CLIENT_ID))
    rig.add_dynamic(world.aws, PRIMARY)
    world.aws.answer(PRIMARY, "list_resource_servers", {"ResourceServers": []})
    world.aws.answer(PRIMARY, "describe_user_pool_client", rig.app_client())
    assert "scope openid" in run(world, "--scope", "openid").output
    made = {f"{service}:{operation}" for service, _, operation in world.aws.calls}
    assert made == set(READS.values()) - {"cognito-idp:DescribeUserPoolDomain"}
    assert all(re.match(r"(cognito-idp|kms):(Describe|Get|List)[A-Z]", each) for each in READS.values())


# -- what cannot be asked --------------------------------------------------------------------------


def missing(_profile: str | None) -> Any:
    """As it is without the extra."""
    raise boto.MissingBotoError("no boto3")


def old(_profile: str | None) -> Any:
    """A boto3 whose model knows neither replicas nor issuers."""
    model = SimpleNamespace(shape_for=lambda _: SimpleNamespace(members={"Id": None}))
    return lambda _service, _region: SimpleNamespace(meta=SimpleNamespace(service_model=model))


def broken(_profile: str | None) -> Any:
    """AWS's configuration names a provider of credentials that cannot be."""

    def factory(_service: str, _region: str) -> Any:
        raise InvalidConfigError(error_msg="secret words")

    return factory


NOT_ASKED = {
    "no-boto3": (missing, [], 0, 'do: pip install "cognito-mr-auth[cli,aws]"'),
    "broken-configuration": (
        broken,
        [],
        0,
        "there are no AWS credentials that work (InvalidConfigError)",
    ),
    "not-wanted": (missing, ["--no-aws"], 0, "AWS                         not asked (--no-aws)"),
    "old-boto3": (old, [], 2, "boto3 1.43.19 or later is needed"),
}


@pytest.mark.parametrize(("clients", "options", "status", "text"), NOT_ASKED.values(), ids=NOT_ASKED)
@pytest.mark.outside
def test_without_aws(
    clients: Callable[[str | None], Any], options: list[str], status: int, text: str, world: World
) -> None:
    """The half that needs no AWS is done; but an old boto3 would answer wrongly, so it stops everything."""
    result = run(world, *options, clients=clients)
    assert result.exit_code == status
    assert text in said(world, result)
    assert ("agreement of keys" in result.output) is (status == 0)
    assert "secret words" not in result.output


@pytest.mark.outside
def test_a_profile_is_handed_on(world: World) -> None:
    """--profile goes to boto3; one that is not there is a usage error."""

    def refusing(profile: str | None) -> Any:
        raise ConfigurationError(f"profile={profile!r}: none")

    result = run(world, "--profile", "prod", clients=refusing)
    assert (result.exit_code, "profile='prod': none" in result.output) == (2, True)


def test_boto3s_own_session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a test's clients, boto3's; a profile that is not there is a usage error."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    options = ["--user-pool-id", POOL_ID, "--profile", "nowhere"]
    result = CliRunner().invoke(main, ["doctor", *options])
    assert (result.exit_code, "profile='nowhere'" in result.output) == (2, True)
    assert callable(Dependencies().clients(None))


# -- options --------------------------------------------------------------------------------------


WRONG = {
    "nothing": [],
    "both": ["--from-env", "--user-pool-id", POOL_ID],
    "clients-twice": ["--user-pool-id", POOL_ID, "--client-id", "a", "--any-client"],
    "pool-id": ["--user-pool-id", "pool"],
    "environment": ["--from-env"],
    "kind": ["--user-pool-id", POOL_ID, "--issuer-kind", "new"],
}


@pytest.mark.parametrize("options", WRONG.values(), ids=WRONG)
def test_wrong_usage(options: list[str]) -> None:
    """What cannot be right is exit status 2, and nothing is asked."""
    dependencies = Dependencies(clients=missing, environ={})
    assert CliRunner().invoke(main, ["doctor", *options], obj=dependencies).exit_code == 2


CLIENTS = {
    "none": ([], "not compared; the pool has 1example23456789 (app 1)"),
    "any": (["--any-client"], "ANY_CLIENT accepts every one of the pool: 1example23456789 (app 1)"),
    "one": (["--client-id", CLIENT_ID], "all that are configured are the pool's: 1example23456789"),
}


@pytest.mark.parametrize(("options", "text"), CLIENTS.values(), ids=CLIENTS)
@pytest.mark.outside
def test_a_pool_from_options(options: list[str], text: str, world: World) -> None:
    """Without an environment, options say what the verifier is given."""
    well(world)
    url = world.endpoints.original.url
    arguments = ["--user-pool-id", POOL_ID, "--replica-region", SECONDARY, "--jwks-url", url, *options]
    dependencies = Dependencies(clients=lambda _: world.aws, fetcher=lambda: Fetcher(wall=lambda: NOW))
    result = CliRunner().invoke(main, ["doctor", *arguments], obj=dependencies)
    assert text in said(world, result)
    assert result.exit_code == 0


@pytest.mark.outside
def test_several_pools(world: World, served: FakeUserPool) -> None:
    """Each pool of the environment has its table; leeway is the environment's where it has one."""
    second = world.settings | {
        "user_pool_id": "us-west-2_Fake00002",
        "jwks_urls": world.endpoints.original.url,
    }
    variables = {"COGNITO_USER_POOLS": json.dumps([world.settings, second])}
    dependencies = Dependencies(clients=missing, fetcher=Fetcher, environ=variables)
    result = CliRunner().invoke(main, ["doctor", "--from-env"], obj=dependencies)
    assert result.exit_code == 0
    assert re.findall("^user pool (.*)$", result.output, re.MULTILINE) == [POOL_ID, "us-west-2_Fake00002"]


# -- the policy in the documentation ---------------------------------------------------------------


def test_the_documented_policy_allows_what_is_called() -> None:
    """The IAM policy of docs/doctor.md allows each call that the code can make, and no other."""
    page = (PROJECT / "docs" / "doctor.md").read_text("utf-8")
    (policy,) = re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    statements = json.loads(policy)["Statement"]
    allowed = [action for each in statements for action in each["Action"]]
    assert sorted(allowed) == sorted(READS.values())
    assert {each["Effect"] for each in statements} == {"Allow"}
    assert all(re.match("arn:aws:|\\*$", each) for statement in statements for each in statement["Resource"])


def test_nothing_that_writes_is_reachable() -> None:
    """A method that is not listed cannot be called, whatever boto3 offers."""
    reader = Reader(lambda _service, _region: SimpleNamespace(), POOL_ID)
    with pytest.raises(KeyError):
        reader._call("cognito-idp", PRIMARY, "update_user_pool", UserPoolId=POOL_ID)
