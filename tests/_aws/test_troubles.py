"""Which trouble each exception of boto3 is."""

from __future__ import annotations

import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError

from cognito_mr_auth._aws.model import Trouble
from cognito_mr_auth._aws.troubles import trouble_of

POOL, STS = "https://cognito-idp.us-west-2.amazonaws.com/", "https://sts.us-west-2.amazonaws.com/"

RAISED: list[tuple[Exception, str]] = [
    (boto.EndpointConnectionError(endpoint_url=POOL), "unreachable"),
    (boto.ConnectTimeoutError(endpoint_url=POOL), "unreachable"),
    (boto.ReadTimeoutError(endpoint_url=POOL), "unreachable"),
    (boto.ConnectionClosedError(endpoint_url=POOL), "unreachable"),
    (boto.SSLError(endpoint_url=POOL, error="self-signed"), "unreachable"),
    (boto.ProxyConnectionError(proxy_url="http://user:secret@proxy"), "unreachable"),
    (boto.HTTPClientError(error="?"), "unreachable"),
    (boto.NoCredentialsError(), "no-credentials"),
    (boto.PartialCredentialsError(provider="env", cred_var="x"), "no-credentials"),
    (boto.CredentialRetrievalError(provider="process", error_msg="secret"), "no-credentials"),
    (boto.TokenRetrievalError(provider="sso", error_msg="secret"), "no-credentials"),
    (boto.SSOTokenLoadError(error_msg="secret"), "no-credentials"),
    (boto.UnauthorizedSSOTokenError(), "no-credentials"),
    (boto.ProfileNotFound(profile="prod"), "no-credentials"),
    (boto.InvalidConfigError(error_msg="secret"), "no-credentials"),
    # The Region's STS or SSO is away: that says nothing of the pool's.
    (boto.EndpointConnectionError(endpoint_url=STS), "no-credentials"),
    (boto.ConnectTimeoutError(endpoint_url="https://portal.sso.us-west-2.amazonaws.com/"), "no-credentials"),
    (boto.ParamValidationError(report="x"), "failed"),
    (RuntimeError("secret"), "failed"),
]


@pytest.mark.parametrize(("error", "kind"), RAISED, ids=[f"{type(e).__name__}-{k}" for e, k in RAISED])
def test_what_is_raised(error: Exception, kind: str) -> None:
    """An exception of boto3 is a trouble with its class, and nothing of its message."""
    assert trouble_of(error, "iam", "DescribeUserPool") == (kind, "iam", type(error).__name__)


CODES = {
    "AccessDeniedException": "not-permitted",
    "NotAuthorizedException": "not-permitted",
    "ExpiredTokenException": "no-credentials",
    "UnrecognizedClientException": "no-credentials",
    "InvalidSignatureException": "clock",
    "RequestExpired": "clock",
    "ResourceNotFoundException": "not-there",
    "NotFoundException": "not-there",
    "OperationNotEnabledException": "not-enabled",
    "TooManyRequestsException": "throttled",
    "ThrottlingException": "throttled",
    "InternalErrorException": "failed",
    "": "failed",
}


def refusal(code: str, operation: str) -> ClientError:
    """What botocore raises for a refusal."""
    return ClientError({"Error": {"Code": code, "Message": "secret"}}, operation)


@pytest.mark.parametrize(("code", "kind"), CODES.items(), ids=CODES)
def test_what_is_answered(code: str, kind: str) -> None:
    """A refusal is what its code says, and keeps nothing of its message."""
    found = trouble_of(refusal(code, "DescribeUserPool"), "iam", "DescribeUserPool")
    assert found == Trouble(kind, "iam", code)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", ["AccessDenied", "ExpiredTokenException", "RegionDisabledException"])
def test_a_refusal_on_the_way_is_one_of_credentials(code: str) -> None:
    """Where another operation was refused (AssumeRole), the pool's Region has not been asked at all."""
    assert trouble_of(refusal(code, "AssumeRole"), "iam", "DescribeUserPool").kind == "no-credentials"
