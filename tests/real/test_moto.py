"""A real counterpart: what moto's server issues through boto3, the library verifies.

moto signs for every pool with one key pair that anybody can download. So this also tests what happens when an
emulator's key comes from elsewhere (T4).
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import boto3
import httpx
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer
from support.network import Networked
from support.refusals import refused

from cognito_mr_auth import ANY_CLIENT, UserPool, Verifier, events
from cognito_mr_auth.errors import ClaimRejected, ConfigurationError, IssuerUnknown, KeysUnavailable

REGION = "us-west-2"
PASSWORD = "Corr3ct-horse!"


class SignedIn(NamedTuple):
    """A pool on the server, its client, the JWKS URL there, and the tokens of one user."""

    pool_id: str
    client_id: str
    jwks_url: str
    access_token: str
    id_token: str


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The server on a free port of loopback; its base URL."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        host, port = running.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        running.stop()


@pytest.fixture(scope="module")
def signed_in(server: str) -> Iterator[SignedIn]:
    """Pool, client and user made by boto3, and the user signed in."""
    client = boto3.session.Session().client(
        "cognito-idp",
        region_name=REGION,
        endpoint_url=server,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(proxies={}, retries={"max_attempts": 0}),
    )
    try:
        yield _sign_in(client, server)
    finally:
        client.close()


def _sign_in(client: Any, server: str) -> SignedIn:
    pool_id = client.create_user_pool(PoolName="orders")["UserPool"]["Id"]
    made = client.create_user_pool_client(
        UserPoolId=pool_id,
        ClientName="web",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )
    client_id = made["UserPoolClient"]["ClientId"]
    client.admin_create_user(UserPoolId=pool_id, Username="alice", MessageAction="SUPPRESS")
    client.admin_set_user_password(UserPoolId=pool_id, Username="alice", Password=PASSWORD, Permanent=True)
    client.create_group(UserPoolId=pool_id, GroupName="ops")
    client.admin_add_user_to_group(UserPoolId=pool_id, Username="alice", GroupName="ops")
    tokens = client.initiate_auth(
        ClientId=client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "alice", "PASSWORD": PASSWORD},
    )["AuthenticationResult"]
    return SignedIn(
        pool_id,
        client_id,
        f"{server}/{pool_id}/.well-known/jwks.json",
        tokens["AccessToken"],
        tokens["IdToken"],
    )


def verifier(
    signed_in: SignedIn,
    token_use: str = "any",
    *,
    transport: httpx.BaseTransport | None = None,
    on_event: Callable[[events.Event], object] | None = None,
    **options: Any,
) -> Verifier:
    """A verifier for moto's pool; `options` are those of its UserPool."""
    settings = {"client_ids": [signed_in.client_id]} | options
    pool = UserPool(signed_in.pool_id, **settings)
    return Networked(pool, token_use=token_use, transport=transport, on_event=on_event)


def download(signed_in: SignedIn) -> dict[str, Any]:
    """The document that moto serves, fetched without any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(signed_in.jwks_url, timeout=5) as answer:
        document: dict[str, Any] = json.load(answer)
    return document


def test_the_access_token(signed_in: SignedIn) -> None:
    """The access token of a user who signed in by password says who and in which groups."""
    with verifier(signed_in, "access", jwks_urls=signed_in.jwks_url) as ours:
        principal = ours.verify(signed_in.access_token)
        assert (principal.username, principal.groups) == ("alice", ("ops",))
        assert (principal.token_use, principal.is_machine) == ("access", False)
        assert principal.client_id == signed_in.client_id
        assert principal.user_pool_id == signed_in.pool_id
        assert principal.issuer.kind == "original"
        assert refused(ClaimRejected, ours.verify, signed_in.id_token).claim == "token_use"


def test_the_id_token(signed_in: SignedIn) -> None:
    """So does the ID token, whose client is in `aud`."""
    with verifier(signed_in, "id", jwks_urls=signed_in.jwks_url) as ours:
        principal = ours.verify(signed_in.id_token)
        assert (principal.username, principal.token_use) == ("alice", "id")
        assert principal.client_id == signed_in.client_id
        assert principal.subject == principal.claims["sub"]
        assert refused(ClaimRejected, ours.verify, signed_in.access_token).claim == "token_use"


@pytest.mark.parametrize("token_use", ["access", "id"])
def test_another_client_is_refused(signed_in: SignedIn, token_use: str) -> None:
    """A client that is not configured is refused, and ANY_CLIENT accepts it."""
    token = getattr(signed_in, f"{token_use}_token")
    with verifier(signed_in, jwks_urls=signed_in.jwks_url, client_ids=["another"]) as ours:
        claim = refused(ClaimRejected, ours.verify, token).claim
        assert claim == ("aud" if token_use == "id" else "client_id")
    with verifier(signed_in, jwks_urls=signed_in.jwks_url, client_ids=ANY_CLIENT) as ours:
        assert ours.verify(token).client_id == signed_in.client_id


def test_another_pool_is_refused(signed_in: SignedIn) -> None:
    """The same keys serve all of moto's pools, yet `iss` decides (T1, T2)."""
    other = UserPool(f"{REGION}_other", client_ids=ANY_CLIENT, jwks_urls=signed_in.jwks_url)
    with Verifier(other, token_use="any") as ours:
        refused(IssuerUnknown, ours.verify, signed_in.access_token)


# --- The published key


def elsewhere(signed_in: SignedIn) -> httpx.MockTransport:
    """A network on which any URL serves moto's document."""
    octets = json.dumps(download(signed_in)).encode()
    return httpx.MockTransport(lambda _: httpx.Response(200, content=iter([octets])))


@pytest.mark.parametrize("token_use", ["access", "id"])
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="cognitos-endpoints"),
        pytest.param({"jwks_urls": "https://keys.example/jwks.json"}, id="an-endpoint-of-ours"),
    ],
)
def test_from_elsewhere_the_key_is_refused(
    signed_in: SignedIn, token_use: str, options: dict[str, Any]
) -> None:
    """Served from anywhere but loopback, the key that verifies these tokens is no key."""
    ours = verifier(signed_in, token_use, transport=elsewhere(signed_in), **options)
    with ours:
        refused(KeysUnavailable, ours.verify, getattr(signed_in, f"{token_use}_token"))


@pytest.mark.parametrize("token_use", ["access", "id"])
def test_from_elsewhere_it_is_accepted_with_insecure_emulator(signed_in: SignedIn, token_use: str) -> None:
    """`insecure_emulator` is for a container on another host, by http; an event says so."""
    seen: list[events.Event] = []
    ours = verifier(
        signed_in,
        token_use,
        jwks_urls="http://moto:5000/jwks.json",
        insecure_emulator=True,
        transport=elsewhere(signed_in),
        on_event=seen.append,
    )
    with ours:
        assert ours.verify(getattr(signed_in, f"{token_use}_token")).username == "alice"
    assert events.InsecureEmulator(signed_in.pool_id) in seen


@pytest.mark.parametrize("kid", ["dummy", "another"])
def test_as_a_seed_the_key_is_refused(signed_in: SignedIn, kid: str) -> None:
    """A seed of it alone is no seed, whatever its kid; the error says why."""
    keys = [key | {"kid": kid} for key in download(signed_in)["keys"]]
    with pytest.raises(ConfigurationError, match="emulator-key"):
        verifier(signed_in, jwks={"keys": keys}, offline=True)


@pytest.mark.parametrize("token_use", ["access", "id"])
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"insecure_emulator": True}, id="said-aloud"),
        pytest.param({"jwks_urls": "http://127.0.0.1:9/"}, id="of-a-pool-on-loopback"),
    ],
)
def test_as_a_seed_it_is_accepted_for_an_emulator(
    signed_in: SignedIn, token_use: str, options: dict[str, Any]
) -> None:
    """Where the pool is an emulator's anyway, its key may be the seed."""
    document = download(signed_in)
    with verifier(signed_in, token_use, jwks=document, offline=True, **options) as ours:
        assert ours.verify(getattr(signed_in, f"{token_use}_token")).username == "alice"
