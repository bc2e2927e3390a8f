"""ARNs of requests: whose they are, and what a document makes of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.gateway import API, statements_of, verdict

from cognito_mr_auth.aws_lambda._authorizer.arn import MethodArn, allows, statement
from cognito_mr_auth.errors import ConfigurationError

REGION = "arn:aws:execute-api:us-east-1:"
# ARN, prefix in a Resource, the rest, its verb.
PARSED = {
    "a method": (
        f"{REGION}123456789012:abc/prod/GET/a/b",
        f"{REGION}123456789012:abc/prod/",
        "GET/a/b",
        "GET",
    ),
    "a socket": (
        f"{REGION}123456789012:abc/prod/$connect",
        f"{REGION}123456789012:abc/prod/",
        "$connect",
        None,
    ),
    "a default route": (
        f"{REGION}123456789012:abc/$default/$default",
        f"{REGION}123456789012:abc/$default/",
        "$default",
        None,
    ),
    "AWS's sample": (f"{REGION}123456789012:abc/*/GET/", f"{REGION}123456789012:abc/${{*}}/", "GET/", "GET"),
    "the console's sample": (
        f"{REGION}123456789012:example/prod/POST/{{proxy+}}",
        f"{REGION}123456789012:example/prod/",
        "POST/{proxy+}",
        "POST",
    ),
    "a sample without an API": (
        f"{REGION}123456789012:/prod/POST/{{proxy+}}",
        f"{REGION}123456789012:/prod/",
        "POST/{proxy+}",
        "POST",
    ),
    "serverless-offline's": (
        f"{REGION}random-account-id:random-api-id/dev/GET/orders",
        f"{REGION}random-account-id:random-api-id/dev/",
        "GET/orders",
        "GET",
    ),
}


@pytest.mark.parametrize(("arn", "prefix", "rest", "verb"), PARSED.values(), ids=PARSED)
def test_parts(arn: str, prefix: str, rest: str, verb: str | None) -> None:
    """Real ARNs, and those of samples and of serverless-offline; a stage "*" is no wildcard in an answer."""
    parsed = MethodArn.parse(arn)
    assert (parsed.prefix, parsed.rest, parsed.verb) == (prefix, rest, verb)


HOSTILE = {
    "a wildcard for everything": f"{REGION}*:*/*/*/*",
    "a wildcard for the account": f"{REGION}*:abc/prod/GET/a",
    "a wildcard for the API": f"{REGION}123456789012:*/prod/GET/a",
    "a wildcard for the Region": "arn:aws:execute-api:*:123456789012:abc/prod/GET/a",
    "a wildcard for the partition": "arn:*:execute-api:us-east-1:123456789012:abc/prod/GET/a",
    "a wildcard for the service": "arn:aws:*:us-east-1:123456789012:abc/prod/GET/a",
    "part of a stage": f"{REGION}123456789012:abc/pr*/GET/a",
    "two wildcards for a stage": f"{REGION}123456789012:abc/**/GET/a",
    "any character for a stage": f"{REGION}123456789012:abc/?/GET/a",
    "an escaped wildcard for a stage": f"{REGION}123456789012:abc/${{*}}/GET/a",
    "half of serverless-offline's": f"{REGION}123456789012:random-api-id/dev/GET/a",
    "the other half": f"{REGION}random-account-id:abc/dev/GET/a",
    "a name for an account": f"{REGION}another-account-id:random-api-id/dev/GET/a",
    "a wildcard for its API": f"{REGION}random-account-id:*/dev/GET/a",
    "a bucket": "arn:aws:s3:::bucket/key",
    "no stage": f"{REGION}123456789012:abc//GET/a",
    "nothing": "",
    "a line before": f"\n{REGION}123456789012:abc/prod/GET/a",
    "a number": 5,
}


@pytest.mark.parametrize("arn", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_arn_of_a_request(arn: Any) -> None:
    """Nothing that could widen an answer is taken for a request's ARN."""
    with pytest.raises(ConfigurationError):
        MethodArn.parse(arn)


RESOURCES = st.text("ab/*?", max_size=6) | st.sampled_from(["${*}", "a${?}*", "*${$}{a}", "?*/a/?*", "*%*"])


@given(
    st.lists(RESOURCES, min_size=1, max_size=3),
    st.lists(RESOURCES, max_size=2),
    st.text("ab/*?$%{}", max_size=7),
)
def test_a_document_is_read_as_iam_reads_it(allow: list[str], deny: list[str], rest: str) -> None:
    """An independent reader of documents, support/gateway.py, finds the same."""
    statements = [statement("Allow", [API + each for each in allow])]
    if deny:
        statements.append(statement("Deny", [API + each for each in deny]))
    document = {"Version": "2012-10-17", "Statement": statements}
    expected = verdict(statements_of(document), API + rest) == "allow"
    assert allows(document, MethodArn(API, rest)) is expected


def test_a_long_path_is_read_in_time() -> None:
    """A pattern with many wildcards takes no more than its length times the path's."""
    document = {"Version": "2012-10-17", "Statement": [statement("Allow", [API + "?*a" * 16 + "b"])]}
    assert not allows(document, MethodArn(API, "a" * 1500))
