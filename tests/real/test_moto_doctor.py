"""A real counterpart: what moto's server answers through boto3, doctor's reader reads.

moto has neither replicas nor domains of ours, so the rows of doctor are tested with botocore's Stubber; this
shows that the calls go over a wire and come back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from cognito_mr_auth._aws.account import read_account
from cognito_mr_auth._aws.model import Trouble, known
from cognito_mr_auth._aws.reading import Reader
from cognito_mr_auth._aws.side_by_side import Deadline

REGION = "us-west-2"


@pytest.fixture(scope="module")
def clients() -> Iterator[Any]:
    """Clients of a moto server on a free port of loopback."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    made = []

    def client(service: str, region: str) -> Any:
        made.append(
            boto3.session.Session().client(
                service,
                region_name=region,
                endpoint_url=f"http://{host}:{port}",
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
                config=Config(proxies={}, retries={"max_attempts": 0}),
            )
        )
        return made[-1]

    try:
        yield client
    finally:
        for each in made:
            each.close()
        running.stop()


def test_a_pool(clients: Any) -> None:
    """Pool, app client, scopes and a multi-Region key; what moto lacks is a trouble, and no crash."""
    cognito, kms = clients("cognito-idp", REGION), clients("kms", REGION)
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
    pool_id = cognito.create_user_pool(PoolName="orders")["UserPool"]["Id"]
    cognito.update_user_pool(UserPoolId=pool_id, IssuerConfiguration={"Type": "UPDATED"})
    made = cognito.create_user_pool_client(UserPoolId=pool_id, ClientName="web", GenerateSecret=True)
    client_id = made["UserPoolClient"]["ClientId"]
    cognito.create_resource_server(
        UserPoolId=pool_id,
        Identifier="orders",
        Name="orders",
        Scopes=[{"ScopeName": "read", "ScopeDescription": "read"}],
    )
    reader = Reader(clients, pool_id)
    found = read_account(reader, [REGION, "us-east-1"], Deadline(60), wanted=None, scopes=True)
    settings = known(found.regions[REGION].pool)
    assert settings is not None
    assert settings.issuer_type == "UPDATED"
    assert isinstance(found.regions[REGION].replicas, Trouble)
    assert found.regions["us-east-1"].absent
    assert found.clients == {client_id: "web"}
    assert found.scopes == {"orders/read"}
    assert list(found.described) == [client_id]
    assert made["UserPoolClient"]["ClientSecret"] not in repr((found, vars(reader)))
    assert found.dates
    encryption = known(reader.key(REGION, key))
    assert encryption is not None
    assert (encryption.state, encryption.regions) == ("Enabled", {REGION})
