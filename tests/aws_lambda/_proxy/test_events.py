"""_proxy.events: VPC Lattice, whose two versions write headers, path and answers in ways of their own."""

from __future__ import annotations

from typing import Any

import pytest
from support.lambda_events import event as golden
from support.lambda_events import with_token

from cognito_mr_auth import errors
from cognito_mr_auth.aws_lambda import CognitoAuth
from cognito_mr_auth.testing import FakeClock, FakeUserPool

POOL = FakeUserPool(clock=FakeClock())
KINDS = ("proxy-vpc-lattice", "proxy-vpc-lattice-2.0")


def ask(event: Any, **options: Any) -> dict[str, Any]:
    """What a guarded function answers."""

    @CognitoAuth(POOL.offline_verifier(), **options).require()
    def handler(event: Any, context: Any, principal: Any) -> dict[str, Any]:
        return {"statusCode": 200, "body": principal.subject if principal else "guest"}

    answer: dict[str, Any] = handler(event, None)
    return answer


@pytest.mark.parametrize("kind", KINDS)
def test_a_golden_event_is_guarded(kind: str) -> None:
    """A good token passes; a refusal has the form that the service takes, a load balancer's."""
    assert ask(with_token(kind, POOL.access_token(subject="me"))) == {"statusCode": 200, "body": "me"}
    refused = ask(golden(kind, headers={}))
    assert (refused["statusCode"], refused["statusDescription"]) == (401, "401 Unauthorized")
    assert refused["headers"]["www-authenticate"] == 'Bearer realm="api"'


HEADERS: dict[str, tuple[Any, Any, int]] = {
    # of the first version, of the second, the status; TOKEN stands for a good header
    "one": ({"Authorization": "TOKEN"}, {"Authorization": ["TOKEN"]}, 200),
    "two": ({"authorization": "TOKEN,TOKEN"}, {"authorization": ["TOKEN", "TOKEN"]}, 400),
    "of the other version": ({"authorization": ["TOKEN"]}, {"authorization": "TOKEN"}, 400),
    "null": (None, None, 401),
    "value null": ({"authorization": None}, {"authorization": None}, 401),
    "member null": ({"authorization": 5}, {"authorization": [None]}, 400),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", HEADERS)
def test_odd_headers_let_nothing_through(row: str, kind: str) -> None:
    """Two are two, however the event writes them, and what is no string is malformed."""
    first, second, status = HEADERS[row]
    headers = first if kind == KINDS[0] else second
    token = f"Bearer {POOL.access_token()}"

    def fill(value: Any) -> Any:
        if isinstance(value, list):
            return [fill(each) for each in value]
        return value.replace("TOKEN", token) if isinstance(value, str) else value

    given = headers and {name: fill(value) for name, value in headers.items()}
    assert ask(golden(kind, headers=given))["statusCode"] == status


@pytest.mark.parametrize("kind", KINDS)
def test_a_query_is_no_part_of_an_excluded_path(kind: str) -> None:
    """The first version writes it behind the path."""
    name = "raw_path" if kind == KINDS[0] else "path"
    for path, status in (("/health?x=/y", 200), ("/orders?/health", 401), ("/health/..%2forders", 401)):
        event = golden(kind, headers={}, **{name: path})
        assert ask(event, exclude=["/health", "/health/*"])["statusCode"] == status


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_without_method_or_path_is_an_error(kind: str) -> None:
    """It is none of the service's own."""
    for changes in ({"method": None}, {"raw_path": None, "path": None}):
        with pytest.raises(errors.ConfigurationError):
            ask(golden(kind, **changes))
