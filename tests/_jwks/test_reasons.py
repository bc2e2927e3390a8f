"""`reasons`: what a failure's reason means to a person on call."""

from __future__ import annotations

import pytest

from cognito_mr_auth._jwks.reasons import remark, remarks, remarks_of, shown

NO_ROUTE = "a missing route to the internet looks the same"


@pytest.mark.parametrize(
    ("reason", "status", "words"),
    [
        ("dns", None, "does not know the host"),
        ("dns-timeout", None, "name server does not answer"),
        ("connect", None, "refused"),
        ("connect-timeout", None, "drops packets"),
        ("tls", None, "no proper TLS"),
        ("tls", None, "ssl_context="),
        ("tls-timeout", None, "TLS stalls"),
        ("tls-certificate", None, "SSL_CERT_FILE"),
        ("tls-certificate", None, "ssl_context="),
        ("answer", None, "the connection broke"),
        ("answer-timeout", None, "the answer is late"),
        ("proxy", None, "HTTPS_PROXY, holds no http or https URL"),
        ("proxy", 407, "wants a login"),
        ("proxy", 403, "does not connect to the host"),
        ("setup", None, "SSL_CERT_FILE"),
        ("redirect", 302, "want a login"),
    ],
)
def test_a_remark(reason: str, status: int | None, words: str) -> None:
    """Each reason has one that fits; a missing route is named where it looks the same, and nowhere else."""
    said = remark(reason, status)
    assert said is not None
    assert words in said
    assert (NO_ROUTE in said) == (reason in ("dns-timeout", "connect-timeout"))
    assert ("SSL_CERT_FILE" in said) == (reason in ("tls", "tls-certificate", "setup"))


@pytest.mark.parametrize(
    ("reason", "status", "words"),
    [
        ("dns", None, "the proxy that https_proxy names"),
        ("dns-timeout", None, "the proxy that https_proxy names"),
        ("connect", None, "the proxy that https_proxy names refuses"),
        ("connect-timeout", None, "the proxy that https_proxy names does not answer"),
        ("tls", None, "through the proxy that https_proxy names"),
        ("tls-timeout", None, "through the proxy that https_proxy names"),
        ("tls-certificate", None, "SSL_CERT_FILE"),
        ("tls-certificate", None, "through the proxy that https_proxy names"),
        ("answer", None, "through the proxy that https_proxy names"),
        ("answer-timeout", None, "through the proxy that https_proxy names"),
        ("proxy", None, "https_proxy holds no http or https URL"),
        ("proxy", 407, "https_proxy=http://user:password@host:port"),
        ("proxy", 502, "the proxy that https_proxy names does not connect"),
        (None, None, "the proxy that https_proxy names may be why"),
    ],
)
def test_a_remark_names_the_proxys_variable(reason: str | None, status: int | None, words: str) -> None:
    """Behind a proxy, what to look at is that variable, and no route to the internet."""
    text = shown(reason, status, "https_proxy")
    assert text.endswith(" through https_proxy")
    said = remarks_of(text)
    assert said is not None
    assert words in said
    assert NO_ROUTE not in said
    assert "HTTPS_PROXY" not in said


@pytest.mark.parametrize(
    ("reason", "status", "text"),
    [
        ("status", 503, "status 503"),
        ("redirect", 302, "redirect 302"),
        ("document-not-jwks", None, "document-not-jwks"),
        ("encoding", 200, "encoding 200"),
        ("cancelled", None, "cancelled"),
    ],
)
def test_what_the_endpoint_itself_says_is_not_the_proxys(reason: str, status: int | None, text: str) -> None:
    """An answer has passed the proxy, which is then no suspect."""
    assert shown(reason, status, "HTTPS_PROXY") == shown(reason, status) == text


@pytest.mark.parametrize(
    ("reason", "status"),
    [("cancelled", None), ("closed", None), ("status", 503), ("broken-transport", None), ("", None)],
)
def test_nothing_to_say(reason: str, status: int | None) -> None:
    """Where the reason says it all, or it is our own doing."""
    assert remark(reason, status) is None
    assert remark(reason, status, "HTTPS_PROXY") is None


def test_remarks_of_several_endpoints() -> None:
    """Each meaning once, under its failure, in the endpoints' order; one that is pending says nothing."""
    assert remarks([]) == []
    (alone,) = remarks([shown(None), shown(None)])
    assert alone.startswith("no answer: nothing has answered yet")
    assert NO_ROUTE in alone
    found = remarks(["dns", "no answer", "proxy 407", "dns", "status 503", "not enabled", "proxy \u00b2"])
    assert [each.partition(":")[0] for each in found] == ["dns", "proxy 407", "proxy \u00b2"]
