"""The calls of AWS's API, each from its answer to a value.

This module has the list of calls and their permissions, and keeps parts of the answers. It never keeps an app
client's secret. It never writes, because a call that is not in `READS` is a KeyError.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from . import boto
from .boto import Clients
from .model import ORIGINAL, AppClient, DateSample, Domain, EncryptionKey, PoolSettings, Replica, Trouble
from .troubles import trouble_of

__all__ = ["READS", "Reader"]

READS: Final[Mapping[tuple[str, str], str]] = {
    ("cognito-idp", "describe_user_pool"): "cognito-idp:DescribeUserPool",
    ("cognito-idp", "describe_user_pool_client"): "cognito-idp:DescribeUserPoolClient",
    ("cognito-idp", "describe_user_pool_domain"): "cognito-idp:DescribeUserPoolDomain",
    ("cognito-idp", "list_resource_servers"): "cognito-idp:ListResourceServers",
    ("cognito-idp", "list_user_pool_clients"): "cognito-idp:ListUserPoolClients",
    ("cognito-idp", "list_user_pool_replicas"): "cognito-idp:ListUserPoolReplicas",
    ("kms", "describe_key"): "kms:DescribeKey",
    ("kms", "get_key_policy"): "kms:GetKeyPolicy",
}
"""Every call that can be made (service and method of the client), with the IAM action that allows it."""

# A pool has one primary and one secondary. AWS's quota is 1,000 app clients, and a page holds 60.
MAX_PAGES: Final = 20
PAGE_OF_CLIENTS: Final = 60
PAGE_OF_SERVERS: Final = 50

_UNITS: Final = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
_HOUR: Final = 3600
# A member of LambdaConfig that is no trigger.
_NO_TRIGGERS: Final = {"KMSKeyID"}


class Reader:
    """Reads one user pool in any Region. Several threads may use it."""

    def __init__(self, clients: Clients, user_pool_id: str, wall: Callable[[], float] = time.time) -> None:
        self._factory = clients
        self._pool_id = user_pool_id
        self._wall = wall
        # A session of boto3 must not make two clients at once.
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self.dates: list[DateSample] = []

    def prepare(self, region: str) -> Trouble | None:
        """Make the Region's client before any call. Returns the trouble if that fails.

        Raises:
            OldBotoError: this boto3 is too old. It would give incomplete answers and not fail.
        """
        try:
            client = self._client("cognito-idp", region)
        except Exception as error:  # noqa: BLE001 - AWS's configuration files may hold anything
            return trouble_of(error, "", "")
        boto.check_model(client)
        return None

    def knows_client_types(self, region: str) -> bool:
        """Whether this boto3 can distinguish app clients that applications registered themselves."""
        return boto.knows_client_types(self._client("cognito-idp", region))

    # -- the pool -------------------------------------------------------------------------------

    def pool(self, region: str) -> PoolSettings | Trouble:
        """The pool's settings, as that Region knows them."""
        answer = self._call("cognito-idp", region, "describe_user_pool", UserPoolId=self._pool_id)
        return answer if isinstance(answer, Trouble) else _pool_settings(answer.get("UserPool", {}))

    def replicas(self, region: str) -> tuple[Replica, ...] | Trouble:
        """The pool's secondaries."""
        found: list[Replica] = []
        primary = self._pool_id.partition("_")[0]
        for page in self._pages("list_user_pool_replicas", region):
            if isinstance(page, Trouble):
                return page
            for each in page.get("UserPoolReplicas", ()):
                where = each.get("RegionName") or each.get("UserPoolArn", ":::").split(":")[3]
                if where and where != primary:
                    found.append(Replica(where, each.get("Status", "")))
        return tuple(found)

    def clients(self, region: str, **only: str) -> dict[str, str] | Trouble:
        """The names of the pool's app clients, by their IDs. `only` may have a ClientType."""
        found: dict[str, str] = {}
        for page in self._pages("list_user_pool_clients", region, MaxResults=PAGE_OF_CLIENTS, **only):
            if isinstance(page, Trouble):
                return page
            for each in page.get("UserPoolClients", ()):
                found[each["ClientId"]] = each.get("ClientName", "")
        return found

    def client(self, region: str, client_id: str) -> AppClient | Trouble:
        """One app client, without its secret."""
        answer = self._call(
            "cognito-idp",
            region,
            "describe_user_pool_client",
            UserPoolId=self._pool_id,
            ClientId=client_id,
        )
        # The answer holds the client's secret, so it is dropped here.
        return answer if isinstance(answer, Trouble) else _app_client(client_id, answer["UserPoolClient"])

    def scopes(self, region: str) -> frozenset[str] | Trouble:
        """The scopes that the pool's resource servers define."""
        found: set[str] = set()
        for page in self._pages("list_resource_servers", region, MaxResults=PAGE_OF_SERVERS):
            if isinstance(page, Trouble):
                return page
            for server in page.get("ResourceServers", ()):
                found |= {f"{server['Identifier']}/{each['ScopeName']}" for each in server.get("Scopes", ())}
        return frozenset(found)

    def domain(self, region: str, name: str) -> Domain | Trouble:
        """A domain of the pool's sign-in pages."""
        answer = self._call("cognito-idp", region, "describe_user_pool_domain", Domain=name)
        if isinstance(answer, Trouble):
            return answer
        routing = answer.get("DomainDescription", {}).get("Routing", {})
        return Domain(name, routing.get("Failover", {}).get("SecondaryRegion"))

    # -- its key --------------------------------------------------------------------------------

    def key(self, region: str, arn: str) -> EncryptionKey | Trouble:
        """The pool's KMS key, as that Region knows it."""
        # A multi-Region key (`mrk-`) has one ID, so only the Region differs between the ARNs.
        parts = arn.split(":")
        here = ":".join([*parts[:3], region, *parts[4:]])
        answer = self._call("kms", region, "describe_key", KeyId=here)
        if isinstance(answer, Trouble):
            return answer
        metadata = answer.get("KeyMetadata", {})
        policy = self._call("kms", region, "get_key_policy", KeyId=here, PolicyName="default")
        return EncryptionKey(
            metadata.get("KeyState", ""),
            _key_regions(metadata),
            policy if isinstance(policy, Trouble) else _principals(policy.get("Policy", "")),
        )

    # -- how a call is made ---------------------------------------------------------------------

    def _pages(self, method: str, region: str, **arguments: Any) -> Iterator[dict[str, Any] | Trouble]:
        more: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            answer = self._call("cognito-idp", region, method, UserPoolId=self._pool_id, **arguments, **more)
            yield answer
            if isinstance(answer, Trouble) or not answer.get("NextToken"):
                return
            more = {"NextToken": answer["NextToken"]}
        yield Trouble("failed", READS["cognito-idp", method], f"more than {MAX_PAGES} pages")

    def _call(self, service: str, region: str, method: str, **arguments: Any) -> dict[str, Any] | Trouble:
        permission = READS[service, method]
        sent = self._wall()
        try:
            answer: dict[str, Any] = getattr(self._client(service, region), method)(**arguments)
        except Exception as error:  # noqa: BLE001 - credential providers and proxies may raise anything
            # A refusal has a date too, and AWS refuses a machine whose clock is far off.
            self._note_date(getattr(error, "response", None), region, sent)
            return trouble_of(error, permission, permission.partition(":")[2])
        self._note_date(answer, region, sent)
        return answer

    def _note_date(self, answer: object, region: str, sent: float) -> None:
        if not isinstance(answer, Mapping):  # some time-out exceptions have a `response` of None
            return
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        try:
            date = parsedate_to_datetime(headers["date"]).timestamp()
        except (KeyError, ValueError):
            return
        self.dates.append(DateSample(f"AWS's API in {region}", date, sent, self._wall()))

    def _client(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._factory(service, region)
            return self._clients[service, region]


def _pool_settings(found: Mapping[str, Any]) -> PoolSettings:
    key = found.get("KeyConfiguration", {})
    domains = (found.get("Domain"), found.get("CustomDomain"))
    return PoolSettings(
        # Both are AWS's defaults, for pools that never set them.
        issuer_type=found.get("IssuerConfiguration", {}).get("Type", ORIGINAL),
        key_type=key.get("KeyType", "AWS_OWNED_KEY"),
        key_arn=key.get("KmsKeyArn"),
        tier=found.get("UserPoolTier"),
        domains=tuple(dict.fromkeys(each for each in domains if each)),
        triggers=frozenset(_triggers(found.get("LambdaConfig", {}))),
    )


def _triggers(config: Mapping[str, Any]) -> Iterator[str]:
    for name, value in config.items():
        if name in _NO_TRIGGERS or not value:
            continue
        version = value.get("LambdaVersion") if isinstance(value, Mapping) else None
        yield f"{name} {version}" if version else name


def _app_client(client_id: str, found: Mapping[str, Any]) -> AppClient:
    units = found.get("TokenValidityUnits", {})

    def seconds(token: str) -> int:
        # If absent or 0, AWS's default of an hour holds. An absent unit means hours.
        number = found.get(f"{token}Validity") or 0
        return number * _UNITS.get(units.get(token, "hours"), _HOUR) or _HOUR

    return AppClient(
        client_id,
        seconds("AccessToken"),
        seconds("IdToken"),
        found.get("EnableTokenRevocation", True),
        frozenset(found.get("AllowedOAuthScopes", ())),
    )


def _key_regions(metadata: Mapping[str, Any]) -> frozenset[str] | None:
    if not metadata.get("MultiRegion"):
        return None
    config = metadata.get("MultiRegionConfiguration", {})
    keys = [config.get("PrimaryKey", {}), *config.get("ReplicaKeys", ())]
    return frozenset(each["Region"] for each in keys if each.get("Region"))


def _principals(policy: str) -> frozenset[str]:
    """The service principals of a key policy's Allow statements; empty for a text that is no policy."""
    try:
        statements = json.loads(policy)["Statement"]
    except (ValueError, KeyError, TypeError):
        return frozenset()
    found: set[str] = set()
    for each in statements if isinstance(statements, list) else [statements]:
        if not isinstance(each, dict) or each.get("Effect") != "Allow":
            continue
        principal = each.get("Principal")
        named = principal.get("Service", []) if isinstance(principal, dict) else []
        found |= {named} if isinstance(named, str) else set(named)
    return frozenset(found)
