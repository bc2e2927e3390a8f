"""boto3: whether it is installed and new enough, and clients that give up on a dead Region within seconds.

This module has the only import of boto3 and botocore.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cognito_mr_auth.errors import ConfigurationError

__all__ = [
    "Clients",
    "MissingBotoError",
    "OldBotoError",
    "check_model",
    "clients_of",
    "knows_client_types",
    "load_session",
]

Clients = Callable[[str, str], Any]
"""(service, Region) -> boto3's client for it."""

# The first version that knows replicas and issuers. An older one leaves them out of answers silently.
MINIMUM: Final = "1.43.19"
# botocore's own 60 s each would let a dead Region cost minutes. A live one answers in 0.1 to 0.5 s.
CONNECT_SECONDS: Final = 2
READ_SECONDS: Final = 5
# One repetition covers a lost packet or a throttled request. There are no more, because a person waits.
ATTEMPTS: Final = 2


class MissingBotoError(ImportError):
    """boto3 is not installed."""


class OldBotoError(ImportError):
    """This boto3 would leave replicas and issuers out of AWS's answers."""


def load_session(profile: str | None = None) -> Any:
    """A session of boto3, for a profile of AWS's configuration files or for the default profile.

    Raises:
        MissingBotoError: boto3 is not installed. The message says what to install.
        ConfigurationError: AWS's configuration has no such profile.
    """
    try:
        import boto3
    except ModuleNotFoundError as error:
        raise MissingBotoError(
            'reading a user pool from AWS needs boto3: pip install "cognito-mr-auth[aws]"', name=error.name
        ) from error
    from botocore.exceptions import ProfileNotFound

    try:
        return boto3.session.Session(profile_name=profile)
    except ProfileNotFound:
        pass
    raise ConfigurationError(f"profile={profile!r} or AWS_PROFILE: AWS's configuration has no such profile")


def clients_of(session: Any) -> Clients:
    """A function that makes clients of a session of boto3, with short timeouts."""
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        user_agent_extra="cognito-mr-auth",
    )
    return lambda service, region: session.client(service, region_name=region, config=config)


def check_model(client: Any) -> None:
    """Refuse a client of `cognito-idp` whose service model is older than replicas and issuers.

    Raises:
        OldBotoError: the model is older. The message names the version that is needed.
    """
    members = client.meta.service_model.shape_for("UserPoolType").members
    if "IssuerConfiguration" not in members or not hasattr(client, "list_user_pool_replicas"):
        raise OldBotoError(
            f"boto3 {MINIMUM} or later is needed, because an older one leaves replicas and issuers out of "
            'AWS\'s answers: pip install --upgrade "cognito-mr-auth[aws]"'
        )


def knows_client_types(client: Any) -> bool:
    """Whether this boto3 can distinguish app clients that applications registered themselves."""
    operation = client.meta.service_model.operation_model("ListUserPoolClients")
    return "ClientType" in operation.input_shape.members
