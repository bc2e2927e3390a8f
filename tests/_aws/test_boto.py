"""boto3: what is said where it is missing or old, and how its clients are set up."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from support import aws as rig

from cognito_mr_auth._aws import boto
from cognito_mr_auth.errors import ConfigurationError


@pytest.mark.outside
def test_without_boto3_it_says_what_to_install() -> None:
    """The core alone says so, in one line."""
    code = (
        "import sys; sys.modules['boto3'] = None\n"
        "from cognito_mr_auth import discovery\n"
        "discovery.user_pool('us-west-2_EXAMPLE')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr.splitlines()[-1].endswith(
        'MissingBotoError: reading a user pool from AWS needs boto3: pip install "cognito-mr-auth[aws]"'
    )


def test_a_profile_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A mistake in the profile's name is the configuration's fault."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="profile='prod'"):
        boto.load_session("prod")
    assert boto.load_session().region_name == boto3.session.Session().region_name


def test_a_client_waits_briefly() -> None:
    """A dead Region costs seconds, not the minutes of botocore's defaults."""
    session = boto3.session.Session(aws_access_key_id="x", aws_secret_access_key="y")
    client = boto.clients_of(session)("cognito-idp", "eu-west-1")
    config = client.meta.config
    assert (client.meta.region_name, config.connect_timeout, config.read_timeout) == ("eu-west-1", 2, 5)
    assert config.retries == {"mode": "standard", "total_max_attempts": 2}


def test_this_model_is_new_enough() -> None:
    """The boto3 that is locked knows replicas, issuers and types of app clients."""
    client = rig.client("cognito-idp", rig.PRIMARY)
    boto.check_model(client)
    assert boto.knows_client_types(client)


@pytest.mark.parametrize(
    ("members", "methods"),
    [
        pytest.param({"Id"}, {"list_user_pool_replicas"}, id="no-issuer"),
        pytest.param({"IssuerConfiguration"}, set(), id="no-replicas"),
    ],
)
def test_an_old_model_is_refused(members: set[str], methods: set[str]) -> None:
    """It would silently leave members out of its results, so no call is made."""
    model = SimpleNamespace(shape_for=lambda _: SimpleNamespace(members=members))
    client = SimpleNamespace(meta=SimpleNamespace(service_model=model), **dict.fromkeys(methods))
    with pytest.raises(boto.OldBotoError, match=r"boto3 1\.43\.19 or later is needed"):
        boto.check_model(client)
