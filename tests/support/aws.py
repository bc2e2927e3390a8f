"""AWS's API as botocore's Stubber plays it: answers are checked against AWS's own service model.

Owns the clients, one for a service and Region, and what each answers, in order. Opens no socket.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email.utils import formatdate
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError
from botocore.stub import Stubber

from cognito_mr_auth._aws import boto

NOW = 1_800_000_000.0
"""The moment at which everything here is answered, in wall seconds."""

POOL_ID = "us-west-2_Fake00001"
PRIMARY, SECONDARY = "us-west-2", "us-east-1"
CLIENT_ID = "1example23456789"
KEY = "mrk-0123456789abcdef0123456789abcdef"

_PRINCIPALS = '{"Service": ["cognito-idp.amazonaws.com", "identitystore.amazonaws.com"]}'
POLICY = f'{{"Statement": [{{"Effect": "Allow", "Principal": {_PRINCIPALS}, "Action": "kms:*"}}]}}'


def key_arn(region: str = PRIMARY) -> str:
    """The ARN of the pool's key in a Region."""
    return f"arn:aws:kms:{region}:123456789012:key/{KEY}"


@cache
def client(service: str, region: str) -> Any:
    """A client without credentials that anybody would take; making one costs, so each is kept."""
    return boto3.session.Session().client(
        service,
        region_name=region,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(proxies={}, retries={"mode": "standard", "total_max_attempts": 1}),
    )


class StubbedAWS:
    """What boto3 gives a program, by service and Region: call it as a factory of clients."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []
        self._dead: set[str] = set()
        self._stubs: dict[tuple[str, str], Stubber] = {}
        self._stack = ExitStack()

    def __call__(self, service: str, region: str) -> Any:
        """The client; what was not said that it answers is an error of the Stubber."""
        if region not in self._dead:
            self._stub(service, region)
        return client(service, region)

    def answer(
        self,
        region: str,
        method: str,
        response: dict[str, Any],
        service: str = "cognito-idp",
        **expected: Any,
    ) -> None:
        """The next answer of a method; `expected` are parameters that the call must have."""
        metadata = {"HTTPHeaders": {"date": formatdate(NOW, usegmt=True)}, "HTTPStatusCode": 200}
        wanted = expected or None
        self._stub(service, region).add_response(method, {"ResponseMetadata": metadata, **response}, wanted)

    def refuse(
        self, region: str, method: str, code: str = "AccessDeniedException", service: str = "cognito-idp"
    ) -> None:
        """The next answer of a method is an error; its message holds what must not be shown."""
        message = "User: arn:aws:iam::123456789012:user/mallory is not authorized"
        metadata = {"HTTPHeaders": {"date": formatdate(NOW, usegmt=True)}}
        self._stub(service, region).add_client_error(method, code, message, 400, response_meta=metadata)

    def kill(self, region: str, error: Exception | None = None) -> None:
        """Nothing answers in that Region: every call raises `error`."""
        self._dead.add(region)
        raised = error or ConnectTimeoutError(endpoint_url=f"https://cognito-idp.{region}.amazonaws.com/")

        def dead(**_: Any) -> None:
            raise raised

        for service in ("cognito-idp", "kms"):
            events = client(service, region).meta.events
            events.register_first("before-call.*.*", dead)
            self._stack.callback(events.unregister, "before-call.*.*", dead)

    def _stub(self, service: str, region: str) -> Stubber:
        if (service, region) not in self._stubs:
            made = client(service, region)

            def note(model: Any, **_: Any) -> None:
                self.calls.append((service, region, model.name))

            made.meta.events.register_first("before-call.*.*", note)
            self._stack.callback(made.meta.events.unregister, "before-call.*.*", note)
            self._stubs[service, region] = self._stack.enter_context(Stubber(made))
        return self._stubs[service, region]

    def check(self) -> None:
        """Every answer was asked for."""
        for stub in self._stubs.values():
            stub.assert_no_pending_responses()

    def close(self) -> None:
        """Take the stubs out of the clients again."""
        self._stack.close()


@contextmanager
def stubbed() -> Iterator[StubbedAWS]:
    """AWS as a test says it is."""
    aws = StubbedAWS()
    try:
        yield aws
    finally:
        aws.close()


# -- a pool that is set up well, piece by piece ---------------------------------------------------


def pool_settings(**changes: Any) -> dict[str, Any]:
    """DescribeUserPool of a replicated pool; a change to None leaves a member out."""
    members = {
        "Id": POOL_ID,
        "IssuerConfiguration": {"Type": "UPDATED"},
        "KeyConfiguration": {"KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": key_arn()},
        "UserPoolTier": "ESSENTIALS",
        "LambdaConfig": {
            "PreTokenGenerationConfig": {
                "LambdaVersion": "V2_0",
                "LambdaArn": f"arn:aws:lambda:{PRIMARY}:123456789012:function:claims",
            }
        },
    } | changes
    return {"UserPool": {name: value for name, value in members.items() if value is not None}}


def replicas(*secondaries: tuple[str, str]) -> dict[str, Any]:
    """ListUserPoolReplicas: the primary, and these (Region, status)."""
    found = [{"RegionName": PRIMARY, "Status": "ACTIVE", "Role": "PRIMARY"}]
    found += [{"RegionName": region, "Status": status, "Role": "SECONDARY"} for region, status in secondaries]
    return {"UserPoolReplicas": found}


def clients(*ids: str) -> dict[str, Any]:
    """ListUserPoolClients."""
    return {"UserPoolClients": [{"ClientId": each, "ClientName": f"app {each[:1]}"} for each in ids]}


def app_client(client_id: str = CLIENT_ID, **changes: Any) -> dict[str, Any]:
    """DescribeUserPoolClient, with the secret that AWS answers with."""
    members = {
        "ClientId": client_id,
        "ClientSecret": "s3cr3t-that-nobody-may-see",
        "EnableTokenRevocation": True,
        "AllowedOAuthScopes": ["openid", "orders/read"],
    }
    return {"UserPoolClient": members | changes}


def key(region: str, *, regions: tuple[str, ...] = (PRIMARY, SECONDARY), **changes: Any) -> dict[str, Any]:
    """DescribeKey of a multi-Region key in these Regions, of a single-Region one for no Regions."""
    metadata: dict[str, Any] = {"KeyId": KEY, "KeyState": "Enabled", "MultiRegion": bool(regions)}
    if regions:
        metadata["MultiRegionConfiguration"] = {
            "PrimaryKey": {"Arn": key_arn(regions[0]), "Region": regions[0]},
            "ReplicaKeys": [{"Arn": key_arn(each), "Region": each} for each in regions[1:]],
        }
    return {"KeyMetadata": metadata | {"Arn": key_arn(region)} | changes}


def add_region(
    aws: StubbedAWS,
    region: str,
    *,
    secondaries: tuple[tuple[str, str], ...] = ((SECONDARY, "ACTIVE"),),
    **settings: Any,
) -> None:
    """The first two answers of a Region that is well."""
    aws.answer(region, "describe_user_pool", pool_settings(**settings), UserPoolId=POOL_ID)
    aws.answer(region, "list_user_pool_replicas", replicas(*secondaries), UserPoolId=POOL_ID)


def add_dynamic(aws: StubbedAWS, region: str, count: int = 0, code: str = "") -> None:
    """Its answer, or error, about app clients that applications registered themselves.

    Nothing for a boto3 that knows no such clients: it is not asked.
    """
    if not boto.knows_client_types(client("cognito-idp", region)):
        return
    if code:
        aws.refuse(region, "list_user_pool_clients", code)
    else:
        aws.answer(region, "list_user_pool_clients", clients(*(f"dynamic{n}" for n in range(count))))


def add_clients(aws: StubbedAWS, region: str, *ids: str, dynamic: int = 0, **changes: Any) -> None:
    """Its answers about app clients."""
    ids = ids or (CLIENT_ID,)
    aws.answer(region, "list_user_pool_clients", clients(*ids))
    add_dynamic(aws, region, dynamic)
    aws.answer(
        region, "describe_user_pool_client", app_client(**changes), UserPoolId=POOL_ID, ClientId=CLIENT_ID
    )


def add_key(aws: StubbedAWS, region: str, *, policy: str = POLICY, **changes: Any) -> None:
    """The answers of KMS in that Region."""
    aws.answer(region, "describe_key", key(region, **changes), "kms", KeyId=key_arn(region))
    aws.answer(
        region, "get_key_policy", {"Policy": policy}, "kms", KeyId=key_arn(region), PolicyName="default"
    )
