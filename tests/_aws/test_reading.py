"""Each call of AWS's API becomes a value, without the members that must not be kept."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
from botocore import exceptions
from support import aws as rig
from support.aws import CLIENT_ID, NOW, POOL_ID, PRIMARY, StubbedAWS

from cognito_mr_auth._aws.model import (
    AppClient,
    Domain,
    EncryptionKey,
    PoolSettings,
    Replica,
    Trouble,
)
from cognito_mr_auth._aws.reading import MAX_PAGES, Reader


@pytest.fixture
def aws() -> Iterator[StubbedAWS]:
    """AWS without an answer yet."""
    with rig.stubbed() as found:
        yield found


@pytest.fixture
def reader(aws: StubbedAWS) -> Reader:
    """A reader of the pool, at a moment that stands still."""
    return Reader(aws, POOL_ID, lambda: NOW)


def test_the_pool(aws: StubbedAWS, reader: Reader) -> None:
    """Issuer, key, plan, domains and triggers; the dates of answers are noted."""
    aws.answer(
        PRIMARY, "describe_user_pool", rig.pool_settings(Domain="shop", CustomDomain="auth.example.com")
    )
    assert reader.pool(PRIMARY) == PoolSettings(
        "UPDATED",
        "CUSTOMER_MANAGED_KEY",
        rig.key_arn(),
        "ESSENTIALS",
        ("shop", "auth.example.com"),
        frozenset({"PreTokenGenerationConfig V2_0"}),
    )
    (sample,) = reader.dates
    assert (sample.date, sample.sent, sample.received) == (NOW, NOW, NOW)
    assert PRIMARY in sample.source


def test_what_a_pool_never_set(aws: StubbedAWS, reader: Reader) -> None:
    """Absent members are AWS's documented defaults."""
    function = f"arn:aws:lambda:{PRIMARY}:123456789012:function:claims"
    aws.answer(
        PRIMARY,
        "describe_user_pool",
        {"UserPool": {"LambdaConfig": {"KMSKeyID": rig.key_arn(), "PreSignUp": function}}},
    )
    assert reader.pool(PRIMARY) == PoolSettings(
        "ORIGINAL", "AWS_OWNED_KEY", None, None, (), frozenset({"PreSignUp"})
    )


def test_replicas(aws: StubbedAWS, reader: Reader) -> None:
    """All pages, without the primary; a Region that only the ARN names counts."""
    first = rig.replicas(("us-east-1", "ACTIVE")) | {"NextToken": "more"}
    aws.answer(PRIMARY, "list_user_pool_replicas", first, UserPoolId=POOL_ID)
    arn = f"arn:aws:cognito-idp:eu-west-1:123456789012:userpool/{POOL_ID}"
    second = {"UserPoolReplicas": [{"UserPoolArn": arn}, {"Status": "ACTIVE"}]}
    aws.answer(PRIMARY, "list_user_pool_replicas", second, UserPoolId=POOL_ID, NextToken="more")
    assert reader.replicas(PRIMARY) == (Replica("us-east-1", "ACTIVE"), Replica("eu-west-1", ""))


def test_endless_pages_end(aws: StubbedAWS, reader: Reader) -> None:
    """An API that always has another page is a trouble, and never a short list."""
    for _ in range(MAX_PAGES):
        aws.answer(PRIMARY, "list_user_pool_clients", rig.clients("a") | {"NextToken": "more"})
    found = reader.clients(PRIMARY)
    assert found == Trouble("failed", "cognito-idp:ListUserPoolClients", "more than 20 pages")


@pytest.mark.parametrize(
    "method", ["list_user_pool_replicas", "list_user_pool_clients", "list_resource_servers"]
)
def test_a_list_that_breaks_off_is_no_list(aws: StubbedAWS, reader: Reader, method: str) -> None:
    """A refused page is a trouble, whatever came before it."""
    read = {
        "list_user_pool_replicas": reader.replicas,
        "list_user_pool_clients": reader.clients,
        "list_resource_servers": reader.scopes,
    }[method]
    empty: dict[str, Any] = {"ResourceServers": []} if "servers" in method else {}
    aws.answer(PRIMARY, method, empty | {"NextToken": "more"})
    aws.refuse(PRIMARY, method, "TooManyRequestsException")
    found = read(PRIMARY)
    assert isinstance(found, Trouble)
    assert found.kind == "throttled"


LIFETIMES = [
    ({}, 3600, 3600),
    ({"IdTokenValidity": 2}, 3600, 7200),
    (
        {
            "AccessTokenValidity": 5,
            "IdTokenValidity": 1,
            "TokenValidityUnits": {"AccessToken": "minutes", "IdToken": "days"},
        },
        300,
        86400,
    ),
    ({"AccessTokenValidity": 900, "TokenValidityUnits": {"AccessToken": "seconds"}}, 900, 3600),
]


@pytest.mark.parametrize(("members", "access", "identity"), LIFETIMES, ids=str)
def test_a_clients_lifetimes(
    aws: StubbedAWS, reader: Reader, members: dict[str, Any], access: int, identity: int
) -> None:
    """Number and unit; an hour where AWS's default stands."""
    aws.answer(PRIMARY, "describe_user_pool_client", rig.app_client(**members))
    assert reader.client(PRIMARY, CLIENT_ID) == AppClient(
        CLIENT_ID, access, identity, revocable=True, scopes=frozenset({"openid", "orders/read"})
    )


def test_no_secret_is_kept(aws: StubbedAWS, reader: Reader) -> None:
    """AWS answers with the client's secret; nothing that lives on holds it."""
    aws.answer(PRIMARY, "describe_user_pool_client", rig.app_client())
    found = reader.client(PRIMARY, CLIENT_ID)
    assert "s3cr3t" not in repr((found, vars(reader)))


def test_scopes(aws: StubbedAWS, reader: Reader) -> None:
    """A scope is the resource server's identifier, a slash and its name."""
    servers = [
        {"Identifier": "orders", "Scopes": [{"ScopeName": "read", "ScopeDescription": "x"}]},
        {"Identifier": "empty"},
    ]
    aws.answer(PRIMARY, "list_resource_servers", {"ResourceServers": servers})
    assert reader.scopes(PRIMARY) == {"orders/read"}


@pytest.mark.parametrize("region", ["us-east-1", None])
def test_a_domain(aws: StubbedAWS, reader: Reader, region: str | None) -> None:
    """Where it fails over to, if anywhere."""
    failover = {"SecondaryRegion": region, "PrimaryRoute53HealthCheckId": "x"}
    routing = {"Routing": {"Failover": failover}} if region else {}
    aws.answer(PRIMARY, "describe_user_pool_domain", {"DomainDescription": routing}, Domain="shop")
    assert reader.domain(PRIMARY, "shop") == Domain("shop", region)


POLICIES = {
    rig.POLICY: {"cognito-idp.amazonaws.com", "identitystore.amazonaws.com"},
    '{"Statement": {"Effect": "Allow", "Principal": {"Service": "a.amazonaws.com"}}}': {"a.amazonaws.com"},
    '{"Statement": [{"Effect": "Deny", "Principal": {"Service": "a.amazonaws.com"}}]}': set(),
    '{"Statement": [{"Effect": "Allow", "Principal": "*"}, "nonsense", {"Effect": "Allow"}]}': set(),
    "{}": set(),
    "[]": set(),
    "no JSON": set(),
}


@pytest.mark.parametrize(("policy", "principals"), POLICIES.items(), ids=range(len(POLICIES)))
def test_a_keys_policy(aws: StubbedAWS, reader: Reader, policy: str, principals: set[str]) -> None:
    """The services that its Allow statements name; what is no policy allows nobody."""
    rig.add_key(aws, "us-east-1", policy=policy)
    assert reader.key("us-east-1", rig.key_arn()) == EncryptionKey(
        "Enabled", frozenset({"us-west-2", "us-east-1"}), frozenset(principals)
    )


def test_a_single_region_key(aws: StubbedAWS, reader: Reader) -> None:
    """It has no Regions; a policy that may not be read leaves the rest."""
    aws.answer(PRIMARY, "describe_key", rig.key(PRIMARY, regions=(), KeyState="Disabled"), "kms")
    aws.refuse(PRIMARY, "get_key_policy", service="kms")
    assert reader.key(PRIMARY, rig.key_arn()) == EncryptionKey(
        "Disabled", None, Trouble("not-permitted", "kms:GetKeyPolicy", "AccessDeniedException")
    )


REFUSED = {
    "pool": ("describe_user_pool", "cognito-idp", lambda reader: reader.pool(PRIMARY)),
    "client": ("describe_user_pool_client", "cognito-idp", lambda reader: reader.client(PRIMARY, CLIENT_ID)),
    "domain": ("describe_user_pool_domain", "cognito-idp", lambda reader: reader.domain(PRIMARY, "shop")),
    "key": ("describe_key", "kms", lambda reader: reader.key(PRIMARY, rig.key_arn())),
}


@pytest.mark.parametrize(("method", "service", "read"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_is_a_trouble(
    aws: StubbedAWS, reader: Reader, method: str, service: str, read: Any
) -> None:
    """It names the permission; its date counts as any answer's, because a clock that is off is refused."""
    aws.refuse(PRIMARY, method, service=service)
    found = read(reader)
    assert (found.kind, found.permission.partition(":")[0]) == ("not-permitted", service)
    assert [sample.date for sample in reader.dates] == [NOW]


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}, {"Date": formatdate(NOW)}])
def test_an_answer_without_a_readable_date(aws: StubbedAWS, reader: Reader, headers: dict[str, str]) -> None:
    """It is an answer nevertheless. botocore gives headers in lower case."""
    metadata = {"ResponseMetadata": {"HTTPHeaders": headers}}
    aws.answer(PRIMARY, "describe_user_pool", rig.pool_settings() | metadata)
    assert isinstance(reader.pool(PRIMARY), PoolSettings)
    assert reader.dates == []


SILENT = [
    exceptions.EndpointConnectionError(endpoint_url="https://example.com/"),
    exceptions.ConnectTimeoutError(endpoint_url="https://example.com/"),
    exceptions.ReadTimeoutError(endpoint_url="https://example.com/"),
    exceptions.ConnectionClosedError(endpoint_url="https://example.com/"),
    exceptions.SSLError(endpoint_url="https://example.com/", error="x"),
    exceptions.ProxyConnectionError(proxy_url="https://example.com/"),
]


@pytest.mark.parametrize("error", SILENT, ids=lambda error: type(error).__name__)
def test_a_region_that_is_silent(aws: StubbedAWS, reader: Reader, error: Exception) -> None:
    """Each way of not answering is one: some of these exceptions have a `response` that is None."""
    aws.kill(PRIMARY, error)
    found = reader.pool(PRIMARY)
    assert found == Trouble("unreachable", "cognito-idp:DescribeUserPool", type(error).__name__)
    assert reader.dates == []


def test_a_client_that_cannot_be_made() -> None:
    """AWS's configuration files may hold anything; that is a trouble, and no crash."""

    def factory(_service: str, _region: str) -> Any:
        raise ValueError("secret")

    reader = Reader(factory, POOL_ID)
    assert reader.prepare(PRIMARY) == Trouble("failed", "", "ValueError")
    assert reader.pool(PRIMARY) == Trouble("failed", "cognito-idp:DescribeUserPool", "ValueError")
