"""AWS IoT: templates that no claim can widen, and answers within the limits of AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
from support.lambda_events import with_token

from cognito_mr_auth import policy
from cognito_mr_auth.aws_lambda import Authorizer
from cognito_mr_auth.aws_lambda._authorizer.iot import IotPolicy, principal_id
from cognito_mr_auth.errors import ClaimRejected, ConfigurationError
from cognito_mr_auth.testing import FakeClock, FakeUserPool

FAKE = FakeUserPool(clock=FakeClock())
VERIFIER = FAKE.offline_verifier()
SUBJECT = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"


def document(resource: Any) -> dict[str, Any]:
    """A policy document with one Resource."""
    statement = {"Effect": "Allow", "Action": "iot:Publish", "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def principal(**options: Any) -> Any:
    """A verified one."""
    return VERIFIER.verify(FAKE.access_token(**{"subject": SUBJECT, "username": "alice", **options}))


FILLED: Mapping[str, tuple[Any, dict[str, Any], Any]] = {
    "subject": ("topic/${cognito:sub}/x", {}, f"topic/{SUBJECT}/x"),
    "several": ("${cognito:username}-${cognito:client_id}", {}, f"alice-{FAKE.client_id}"),
    "pool": ("${cognito:user_pool_id}", {}, FAKE.user_pool_id),
    "principal": ("${cognito:principal_id}", {}, f"uswest2Fake00001{SUBJECT.replace('-', '')}"),
    "a claim": ("${cognito:custom:tenant}", {"claims": {"custom:tenant": "t-1"}}, "t-1"),
    "a list": (["a", "${cognito:username}"], {}, ["a", "alice"]),
    "AWS IoT's own": ("client/${iot:ClientId}", {}, "client/${iot:ClientId}"),
    "a number beside it": (5, {}, 5),
}


@pytest.mark.parametrize(("resource", "minted", "expected"), FILLED.values(), ids=FILLED)
def test_placeholders(resource: Any, minted: dict[str, Any], expected: Any) -> None:
    """`${cognito:...}` becomes the principal's value; everything else stays."""
    [made] = IotPolicy(document(resource)).of(principal(**minted))
    assert made["Statement"][0]["Resource"] == expected


HOSTILE = ["*", "a*", "a?", "a/b", "+", "#", "a:b", "${iot:ClientId}", 'a","b', "a b", "", "ü", "a\n"]


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_no_claim_widens_a_policy(value: str) -> None:
    """A value with a wildcard or a separator of IAM, MQTT or JSON is refused."""
    policy = IotPolicy(document("topic/${cognito:custom:tenant}"))
    with pytest.raises(ClaimRejected) as caught:
        policy.of(principal(claims={"custom:tenant": value}))
    assert caught.value.claim == "custom:tenant"
    assert not value.strip() or value not in str(caught.value)


@pytest.mark.parametrize("claims", [{}, {"custom:tenant": 5}, {"custom:tenant": ["t"]}], ids=str)
def test_an_absent_claim_is_refused(claims: dict[str, Any]) -> None:
    """A template is never sent with a placeholder in it; the device is answered as not authenticated."""
    authorizer = Authorizer(VERIFIER, iot_policy=document("topic/${cognito:custom:tenant}"))
    answer = authorizer(with_token("iot", FAKE.access_token(claims=claims)))
    assert answer["isAuthenticated"] is False
    assert "Allow" not in json.dumps(answer)


GOOD: Mapping[str, Any] = {
    "a dict": document("a"),
    "a list": [document("a"), document("b")],
    "JSON": json.dumps(document("a")),
    "a JSON list": json.dumps([document("a")] * 10),
    "a callable": lambda principal: document(principal.subject),
    "a callable with a list": lambda _: [document("a")],
}


@pytest.mark.parametrize("source", GOOD.values(), ids=GOOD)
def test_sources(source: Any) -> None:
    """A template or a callable, one document or up to ten."""
    made = IotPolicy(source).of(principal())
    assert all(each["Version"] == "2012-10-17" for each in made)


BAD: Mapping[str, Any] = {
    "text": "allow everything",
    "an empty list": [],
    "eleven": [document("a")] * 11,
    "an old version": {**document("a"), "Version": "2008-10-17"},
    "no statement": {"Version": "2012-10-17", "Statement": []},
    "too long": document("a" * 2048),
    "no JSON": document({1, 2}),
    "a number": 5,
    "a list of text": ["a"],
    "an open placeholder": document("topic/${cognito:sub"),
    "a placeholder in capitals": document("topic/${Cognito:sub}"),
}


@pytest.mark.parametrize("source", BAD.values(), ids=BAD)
def test_what_is_no_policy_fails_in_the_constructor(source: Any) -> None:
    """A template that AWS IoT would not take is refused at once; from a callable, when it gives it."""
    with pytest.raises(ConfigurationError, match="iot_policy"):
        Authorizer(VERIFIER, iot_policy=source)
    if "cognito:" not in str(source).lower():  # a callable's documents are no templates
        with pytest.raises(ConfigurationError, match="iot_policy"):
            IotPolicy(lambda _: source).of(principal())


def test_a_placeholder_in_a_name_is_refused() -> None:
    """A condition's key cannot be filled, and must not stand there as if it were."""
    condition = {"StringEquals": {"iot:${cognito:sub}": "x"}}
    template = document("a")
    template["Statement"][0]["Condition"] = condition
    with pytest.raises(ConfigurationError, match="a placeholder has the form"):
        IotPolicy(template)


def test_a_template_that_outgrows_its_limit() -> None:
    """The limit holds for what a principal gets, too."""
    policy = IotPolicy(document(["${cognito:sub}"] * 80))
    with pytest.raises(ConfigurationError, match="2048"):
        policy.of(principal())


SUBJECTS = [
    SUBJECT,
    SUBJECT.replace("-", ""),
    sha256(b"a-b").hexdigest(),
    "1example23456789",
    "a-b",
    "ab",
    "a.b",
    "x" * 65,
    "ü",
    "A" * 64,
]


def test_principal_ids_are_alphanumeric_and_apart() -> None:
    """1 to 128 letters and digits, and no two subjects share one."""
    names = [principal_id(principal(subject=each)) for each in SUBJECTS]
    assert len(set(names)) == len(SUBJECTS)
    assert all(re.fullmatch(r"[a-zA-Z0-9]{1,128}", name) for name in names)


LIVES = {"a minute": (60, 300), "an hour": (3600, 3600), "two days": (172_800, 86_400), "expired": (-4, 300)}


@pytest.mark.parametrize(("expires_in", "seconds"), LIVES.values(), ids=LIVES)
def test_connections_end_with_their_token(expires_in: int, seconds: int) -> None:
    """Within what AWS IoT takes: 300 s at least, a day at most."""
    token = FAKE.access_token(expires_in=expires_in)
    answer = Authorizer(VERIFIER, iot_policy=document("a"))(with_token("iot", token))
    assert answer["disconnectAfterInSeconds"] == answer["refreshAfterInSeconds"] == seconds


def test_whoever_lacks_the_policy_may_do_nothing() -> None:
    """AWS IoT learns who it is, and a document that denies everything."""
    authorizer = Authorizer(VERIFIER, require=policy.groups("staff"), iot_policy=document("a"))
    answer = authorizer(with_token("iot", FAKE.access_token(subject=SUBJECT)))
    assert answer["isAuthenticated"] is True
    [statement] = [each for written in answer["policyDocuments"] for each in _statements(written)]
    assert statement == {"Effect": "Deny", "Action": "iot:*", "Resource": "*"}


def _statements(written: Any) -> Any:
    return (json.loads(written) if isinstance(written, str) else written)["Statement"]
