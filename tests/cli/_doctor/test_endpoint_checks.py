"""What endpoints serve: keys, agreement, the updated issuer, clock, TLS, proxy."""

from __future__ import annotations

from typing import Any

import pytest
from support.accounts import PRIMARY, SECONDARY, configured, rows

from cognito_mr_auth._aws.model import DateSample
from cognito_mr_auth._jwks.document import Document
from cognito_mr_auth._jwks.model import Endpoint, Key
from cognito_mr_auth.cli._doctor.answers import EndpointAnswer
from cognito_mr_auth.cli._doctor.endpoint_checks import endpoint_checks
from cognito_mr_auth.cli._doctor.verdicts import Check

HTTPS, LOOPBACK = "https://example.com/", "http://127.0.0.1/"


def document(**keys: int) -> Document:
    """A document with keys of these moduli."""
    public: Any = None
    found = {kid: Key(kid, (modulus, 65537), public) for kid, modulus in keys.items()}
    return Document(found, (), frozenset(), frozenset())


def answer(kind: str, served: Document | None = None, **changes: Any) -> EndpointAnswer:
    """An endpoint's answer over TLS."""
    region = SECONDARY if kind == "replica" else PRIMARY
    endpoint = Endpoint(HTTPS + kind, kind, region, loopback=False)
    return EndpointAnswer(endpoint, served, seconds=0.04, tls="TLSv1.3")._replace(**changes)


WELL = document(k1=5, k2=7)


def checks(*answers: EndpointAnswer, issuer_type: str | None = None, **options: Any) -> list[Check]:
    """All rows."""
    dates = options.pop("dates", ())
    return list(endpoint_checks(answers, configured(**options), issuer_type, dates))


def failed(reason: str, status: int | None = None, kind: str = "original") -> EndpointAnswer:
    """An endpoint that gave no keys."""
    return answer(kind, reason=reason, status=status, tls=None)


KEYS: list[Any] = [
    pytest.param(answer("original", WELL), "ok", "2 keys in 40 ms", id="well"),
    pytest.param(answer("original", document(k1=5)), "ok", "1 key in 40 ms", id="one"),
    pytest.param(
        answer("original", WELL._replace(skipped=(("exponent", 1), ("not-rsa", 2)))),
        "warning",
        "members that are not used: 1 exponent, 2 not-rsa",
        id="odd",
    ),
    pytest.param(answer("original", document()), "failure", "no usable key", id="empty"),
    pytest.param(
        answer("original", document()._replace(skipped=(("alg", 1),))),
        "failure",
        "no usable key: 1 alg",
        id="bad",
    ),
    pytest.param(
        answer("original", WELL._replace(compromised=frozenset({5}))),
        "failure",
        "private members",
        id="private",
    ),
    pytest.param(
        answer("original", WELL._replace(conflicts=frozenset({"k" * 200}))),
        "failure",
        f"two keys under one kid, {'k' * 64}...",
        id="twice",
    ),
    pytest.param(failed("connect-timeout"), "warning", "drops packets", id="away"),
    pytest.param(failed("status", 500), "warning", "status 500", id="status"),
    pytest.param(failed("status", 403), "warning", "status 403", id="not-enabled"),
    pytest.param(failed("tls-certificate"), "failure", "certificate is not trusted", id="certificate"),
    pytest.param(failed("redirect", 302), "failure", "want a login", id="portal"),
    pytest.param(failed("proxy", 407), "failure", "the proxy wants a login", id="proxy"),
    pytest.param(failed("document-not-jwks"), "warning", "document-not-jwks", id="html"),
]


@pytest.mark.parametrize(("found", "expected", "text"), KEYS)
def test_an_endpoints_keys(found: EndpointAnswer, expected: str, text: str) -> None:
    """While another serves: a Region that is away is a warning, what stands in between a failure."""
    (row,) = rows(checks(found, answer("replica", WELL)), f"keys of original {PRIMARY}")
    assert (row.verdict, text in row.said) == (expected, True)
    assert bool(row.do) is (expected != "ok")


def test_keys_nowhere() -> None:
    """Without any endpoint there is nothing to verify with, and neither clock nor TLS to see."""
    found = checks(failed("dns"), failed("connect", kind="replica"))
    assert [row.verdict for row in found if row.name.startswith("keys")] == ["failure", "failure"]
    assert rows(found, "TLS") == []
    assert rows(found, "clock")[0].verdict == "unknown"


UPDATED: list[Any] = [
    # answer, AWS's type, accepted kinds, verdict (None: no row)
    pytest.param(answer("updated", WELL), "UPDATED", None, "ok", id="enabled"),
    pytest.param(answer("updated", WELL), None, None, "ok", id="enabled-aws-unknown"),
    pytest.param(answer("updated", WELL), "ORIGINAL", None, "warning", id="enabled-too-early"),
    pytest.param(failed("status", 403, "updated"), "ORIGINAL", None, "ok", id="not-enabled"),
    pytest.param(failed("status", 404, "updated"), None, None, "ok", id="not-enabled-aws-unknown"),
    pytest.param(failed("status", 403, "updated"), "UPDATED", None, "failure", id="enabled-too-late"),
    pytest.param(failed("status", 403, "updated"), None, ["updated"], "failure", id="required"),
    pytest.param(failed("proxy", 403, "updated"), None, ["updated"], None, id="a-proxy-says-nothing"),
    pytest.param(failed("connect", kind="updated"), "UPDATED", None, None, id="away"),
]


@pytest.mark.parametrize(("found", "issuer_type", "kinds", "expected"), UPDATED)
def test_the_updated_issuer(
    found: EndpointAnswer, issuer_type: str | None, kinds: list[str] | None, expected: str | None
) -> None:
    """Enabled or not, as AWS's API says and as the configuration needs it."""
    got = checks(found, answer("original", WELL), issuer_type=issuer_type, issuer_kinds=kinds)
    assert [row.verdict for row in rows(got, "updated issuer")] == [expected] * (expected is not None)
    own = rows(got, f"keys of updated {PRIMARY}")
    assert bool(own) is (not found.not_enabled)


def test_without_an_updated_endpoint() -> None:
    """Where it is not asked (jwks_urls), nothing is said."""
    assert rows(checks(answer("original", WELL)), "updated issuer") == []


AGREEMENT: list[Any] = [
    pytest.param([WELL, WELL], ["ok"], "2 keys, the same kid, n and e", id="equal"),
    pytest.param([WELL], [], "", id="one-alone"),
    pytest.param([WELL, document(k1=5)], ["warning"], f"replica {SECONDARY} lacks k2", id="lacks"),
    pytest.param(
        [WELL, document(k1=5, k2=9)],
        ["failure"],
        f"different keys under the kid k2: original {PRIMARY}; replica {SECONDARY}",
        id="differs",
    ),
    pytest.param([WELL, document(k3=5, k2=9)], ["failure", "warning", "warning"], "k2", id="both"),
]


@pytest.mark.parametrize(("documents", "expected", "text"), AGREEMENT)
def test_agreement(documents: list[Document], expected: list[str], text: str) -> None:
    """Compared by kid, n and e: parsed, and not as text."""
    kinds = ("original", "replica")
    found = [answer(kind, each) for kind, each in zip(kinds, documents, strict=False)]
    got = rows(checks(*found), "agreement of keys")
    assert [row.verdict for row in got] == expected
    assert not got or text in got[0].said


CLOCKS: list[Any] = [
    # this clock when the request began and when the answer came; AWS's date is 1000, cut to the second
    pytest.param(1000.5, 1000.6, "ok", "right to a second", id="right"),
    pytest.param(1000.0, 1009.0, "ok", "right to a second", id="a-slow-answer"),
    pytest.param(1004.0, 1004.1, "ok", "3 s ahead", id="within-the-leeway"),
    pytest.param(1007.0, 1007.1, "warning", "6 s ahead", id="ahead"),
    pytest.param(989.9, 990.0, "warning", "10 s behind", id="behind"),
    pytest.param(899.0, 900.0, "failure", "100 s behind", id="far-behind"),
    pytest.param(1100.0, 1100.1, "failure", "99 s ahead", id="far-ahead"),
]


@pytest.mark.parametrize(("sent", "received", "expected", "text"), CLOCKS)
def test_the_clock(sent: float, received: float, expected: str, text: str) -> None:
    """Only what is certain counts: the header's second and the way there and back are given away."""
    slower = DateSample("AWS's API", 5000.0, 0.0, 60.0)
    sample = DateSample("the endpoint", 1000.0, sent, received)
    (row,) = rows(checks(answer("original", WELL, date=sample), dates=[slower]), "clock")
    assert (row.verdict, text in row.said) == (expected, True)


def test_the_leeway_decides() -> None:
    """A verifier that allows for more is not warned of less."""
    sample = DateSample("the endpoint", 1000.0, 1020.0, 1020.0)
    (row,) = rows(checks(answer("original", WELL, date=sample), leeway=30.0), "clock")
    assert row.verdict == "ok"


TLS: list[Any] = [
    pytest.param([{}, {"tls": "TLSv1.2"}], [("ok", "TLSv1.2 and TLSv1.3, certificates trusted")], id="two"),
    pytest.param([{"tls": None}], [("warning", f"plain http to original {PRIMARY}")], id="plain"),
    pytest.param(
        [{"tls": None, "endpoint": Endpoint(LOOPBACK, "original", PRIMARY, loopback=True)}],
        [("ok", f"plain http to original {PRIMARY}, on this machine")],
        id="loopback",
    ),
]


@pytest.mark.parametrize(("changes", "expected"), TLS)
def test_tls(changes: list[dict[str, Any]], expected: list[tuple[str, str]]) -> None:
    """The versions that were spoken; plain http is no matter on this machine alone."""
    found = [answer("original", WELL, **each) for each in changes]
    assert [(row.verdict, row.said) for row in rows(checks(*found), "TLS")] == expected


@pytest.mark.parametrize(
    ("proxy", "said"), [(None, "none"), ("proxy:3128", "requests go through proxy:3128")], ids=["none", "one"]
)
def test_the_proxy(proxy: str | None, said: str) -> None:
    """Which one, if any."""
    assert rows(checks(answer("original", WELL, proxy=proxy)), "proxy")[0].said == said
