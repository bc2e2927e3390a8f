"""Both halves of an examination, and what is left out where AWS cannot be asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support import aws as rig
from support.aws import POOL_ID, PRIMARY, SECONDARY, StubbedAWS

from cognito_mr_auth import UserPool
from cognito_mr_auth._aws.reading import Reader
from cognito_mr_auth._jwks.model import FetchError
from cognito_mr_auth.cli._doctor.command import _own_fetcher
from cognito_mr_auth.cli._doctor.endpoints import Fetcher
from cognito_mr_auth.cli._doctor.examination import Examination, examine
from cognito_mr_auth.cli._doctor.verdicts import Check, Configured


class Silent(Fetcher):
    """No endpoint answers, and no socket is opened."""

    def prepare(self, urls: Any) -> None:
        """Load nothing."""

    def __call__(self, url: str, scope: object) -> bytes:
        raise FetchError("connect")


@pytest.fixture
def aws() -> Iterator[StubbedAWS]:
    """AWS without an answer yet."""
    with rig.stubbed() as found:
        yield found


CONFIGURED = Configured(UserPool(POOL_ID, client_ids=["a"], replica_regions=[SECONDARY]))


def look(reader: Reader | None, why: Check | None = None) -> Examination:
    """The examination, while no endpoint answers."""
    return examine(CONFIGURED, Silent(environment={}), reader, why)


def test_nothing_answers() -> None:
    """Without AWS and without endpoints nothing has answered; why AWS is not asked comes first."""
    why = Check("AWS", "unknown", "not asked")
    found = look(None, why)
    assert found.answered is False
    assert found.checks[0] == why


def test_a_region_that_refuses_has_answered(aws: StubbedAWS) -> None:
    """It is reached, so this is no outage."""
    aws.refuse(PRIMARY, "describe_user_pool")
    aws.refuse(PRIMARY, "list_user_pool_replicas")
    for _ in range(2):
        aws.refuse(PRIMARY, "list_user_pool_clients")
    aws.refuse(PRIMARY, "describe_user_pool_client")
    aws.kill(SECONDARY)
    assert look(Reader(aws, POOL_ID)).answered is True


@pytest.mark.parametrize(
    ("primary", "names"),
    [
        pytest.param("ExpiredTokenException", ["AWS"], id="everywhere"),
        pytest.param("ResourceNotFoundException", [f"Region {PRIMARY}", f"Region {SECONDARY}"], id="in-one"),
    ],
)
def test_one_row_for_want_of_credentials(aws: StubbedAWS, primary: str, names: list[str]) -> None:
    """Where no Region can be asked, one row stands for all; where one answers, each has its own."""
    for region, code in ((PRIMARY, primary), (SECONDARY, "ExpiredTokenException")):
        aws.refuse(region, "describe_user_pool", code)
        if code == "ResourceNotFoundException":
            aws.refuse(region, "list_user_pool_replicas", code)
    found = look(Reader(aws, POOL_ID)).checks
    assert [each.name for each in found if not each.name.startswith(("keys", "clock", "proxy"))] == names


def test_a_fault_of_ours_is_no_verdict() -> None:
    """What cannot happen is raised, and never a table without its rows."""

    class Broken(Reader):
        def pool(self, region: str) -> Any:
            raise SystemError(region)

        @property
        def dates(self) -> Any:
            raise RuntimeError("dates")

        @dates.setter
        def dates(self, value: Any) -> None:
            """Made by the constructor."""

    with pytest.raises(RuntimeError, match="dates"):
        look(Broken(lambda *_: None, POOL_ID))


def test_without_certificates_no_endpoint_is_asked() -> None:
    """SSL_CERT_FILE names nothing, say: a failure that says so, and no traceback."""

    class Bare(Silent):
        def prepare(self, urls: Any) -> None:
            raise FileNotFoundError("secret path")

    (row,) = examine(CONFIGURED, Bare(environment={}), None).checks
    assert (row.name, row.verdict) == ("TLS", "failure")
    assert "(FileNotFoundError)" in row.said
    assert "secret" not in row.said


def test_the_commands_own_fetcher() -> None:
    """It reads the process's proxies, as a verifier does."""
    assert _own_fetcher().proxies is None
