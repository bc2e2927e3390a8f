"""`reasons`: what a failure's reason means to a person on call."""

from __future__ import annotations

import pytest

from cognito_mr_auth._jwks.reasons import remark, remarks

NO_ROUTE = "a missing route to the internet looks the same"


@pytest.mark.parametrize(
    ("reason", "status", "words"),
    [
        ("dns", None, "does not know the host"),
        ("dns-timeout", None, "name server does not answer"),
        ("connect", None, "refused"),
        ("connect-timeout", None, "drops packets"),
        ("tls", None, "no proper TLS"),
        ("tls-timeout", None, "TLS stalls"),
        ("tls-certificate", None, "SSL_CERT_FILE"),
        ("answer", None, "the connection broke"),
        ("answer-timeout", None, "the answer is late"),
        ("proxy", None, "HTTPS_PROXY, is no http or https URL"),
        ("proxy", 407, "wants a login"),
        ("proxy", 403, "does not connect to the host"),
        ("redirect", 302, "want a login"),
    ],
)
def test_a_remark(reason: str, status: int | None, words: str) -> None:
    """Each reason has one that fits; a missing route is named where it looks the same, and nowhere else."""
    said = remark(reason, status)
    assert said is not None
    assert words in said
    assert (NO_ROUTE in said) == (reason in ("dns-timeout", "connect-timeout"))


@pytest.mark.parametrize(
    ("reason", "status"),
    [("cancelled", None), ("closed", None), ("status", 503), ("broken-transport", None), ("", None)],
)
def test_nothing_to_say(reason: str, status: int | None) -> None:
    """Where the reason says it all, or it is our own doing."""
    assert remark(reason, status) is None


def test_remarks_of_several_endpoints() -> None:
    """Each meaning once, under its reason, in the order of the endpoints."""
    assert remarks([]) == remarks([None, None])
    assert NO_ROUTE in remarks([None])[0]
    found = remarks(["dns", None, "proxy 407", "dns", "status 503", "not enabled", "proxy ²"])
    assert [each.partition(":")[0] for each in found] == ["dns", "proxy 407", "proxy ²"]
