"""What the reasons of failed fetches mean to a person on call.

This module has the remarks, the hint of an outage, and the text in which both show a failure, such as "proxy
407 through HTTPS_PROXY". A proxy is named by its variable, never by its URL, because a URL may hold a
password. `_remote.transport` and `_remote.fetch` choose the reasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType

__all__ = ["outage_hint", "remark", "remarks", "remarks_of", "shown"]

_NO_ROUTE = "a missing route to the internet looks the same"
_NO_ANSWER = "no answer"
_REMARKS = MappingProxyType(
    {
        _NO_ANSWER: f"nothing has answered yet; {_NO_ROUTE}",
        "dns": "the name server does not know the host, or cannot resolve it",
        "dns-timeout": f"the name server does not answer; {_NO_ROUTE}",
        "connect": "the connection is refused because of a firewall, a missing route or a Region outage",
        "connect-timeout": f"a firewall drops packets, or the Region is down; {_NO_ROUTE}",
        "tls": (
            "the peer speaks no proper TLS; is a proxy or firewall in between? If it needs other "
            "certificates or TLS settings, set SSL_CERT_FILE or pass ssl_context="
        ),
        "tls-timeout": "connected, but TLS stalls because of a firewall, large packets or a Region outage",
        "tls-certificate": (
            "the certificate is not trusted; if a proxy of your company intercepts TLS, "
            "set SSL_CERT_FILE to the certificates of its authority, or pass ssl_context="
        ),
        "answer": "the connection broke, or the peer speaks no HTTP; is a proxy or firewall in between?",
        "answer-timeout": "connected, but the answer is late because the link is slow or the Region is down",
        "proxy": "{proxy} holds no http or https URL",
        "proxy 407": "the proxy wants a login; set {proxy}=http://user:password@host:port",
        "setup": (
            "the HTTP client or its certificates cannot be loaded; check that SSL_CERT_FILE and SSL_CERT_DIR "
            "name readable files, if they are set, and that the process may open another file; or "
            "pass ssl_context="
        ),
        "redirect": "something other than Cognito answers; does this network want a login?",
    }
)
# The same reasons where a proxy is in between. Then it is the proxy's name and address that are looked up.
_WITH_PROXY = MappingProxyType(
    {
        _NO_ANSWER: "nothing has answered yet; the proxy that {proxy} names may be why",
        "dns": "the name server does not know the proxy that {proxy} names, or cannot resolve it",
        "dns-timeout": "the name server does not answer when asked for the proxy that {proxy} names",
        "connect": "the proxy that {proxy} names refuses the connection, or there is no route to it",
        "connect-timeout": (
            "the proxy that {proxy} names does not answer because it is down or a firewall drops packets"
        ),
    }
)
_PROXY_REFUSES = "the proxy that {proxy} names does not connect to the host; does it allow that?"
_SOME_PROXY = "the proxy variable, such as HTTPS_PROXY,"
_THROUGH = " through "
# The phases that a proxy may break. In later phases the endpoint itself has answered.
_PHASES = frozenset({"dns", "connect", "tls", "answer", "proxy"})


def shown(reason: str | None, status: int | None = None, proxy: str | None = None) -> str:
    """A failure as health and hints show it. `proxy` is the name of the variable that holds the proxy's URL.

    Without a reason, it is the text for a request that has no answer yet.
    """
    if reason is None:
        return _NO_ANSWER if proxy is None else f"{_NO_ANSWER}{_THROUGH}{proxy}"
    text = reason if status is None else f"{reason} {status}"
    if proxy is None or reason.partition("-")[0] not in _PHASES:
        return text
    return f"{text}{_THROUGH}{proxy}"


def remark(reason: str, status: int | None, proxy: str | None = None) -> str | None:
    """What a reason of `events.FetchFailed` means, in plain words; None if there is no remark."""
    if reason == "proxy" and status is not None:
        said = _REMARKS["proxy 407"] if status == 407 else _PROXY_REFUSES
        return said.format(proxy=proxy or ("HTTPS_PROXY" if status == 407 else "the proxy variable"))
    if proxy is not None and reason in _WITH_PROXY:
        return _WITH_PROXY[reason].format(proxy=proxy)
    general = _REMARKS.get(reason)
    if general is None:
        return None
    if reason == "proxy":
        return general.format(proxy=proxy or _SOME_PROXY)
    return general if proxy is None else f"{general} (the request goes through the proxy that {proxy} names)"


def remarks_of(text: str) -> str | None:
    """What a failure means, from the text that `shown` returned."""
    failure, _, proxy = text.partition(_THROUGH)
    if failure == _NO_ANSWER:
        return remark(failure, None, proxy or None)
    reason, _, status = failure.partition(" ")
    return remark(reason, int(status) if status.isdecimal() else None, proxy or None)


def outage_hint(
    failures: Sequence[tuple[str, str]], *, loaded: bool, all_disabled: bool, exposed: bool
) -> str:
    """Why a pool has no usable key. `failures` has each endpoint's name and the text that `shown` returned.

    `loaded` says whether the HTTP client could be loaded. `exposed` says whether a key was left out because
    its private members were served (T5).
    """
    if not failures:
        hint = "the pool is offline and holds no usable key"
    elif not loaded:
        hint = f"setup: {_REMARKS['setup']}"
    elif all_disabled:
        hint = (
            "every endpoint answers 403 or 404; is IssuerConfiguration.Type UPDATED for this user pool, "
            "and does it have the replicas that replica_regions names?"
        )
    else:
        listed = ", ".join(f"{name}: {text}" for name, text in failures)
        hint = "; ".join((listed, *remarks(text for _, text in failures)))
    if exposed:
        hint += "; keys whose private members were served are not used, so rotate the pool's keys"
    return hint


def remarks(failures: Iterable[str]) -> list[str]:
    """What the endpoints' failures mean, each once. Pending requests count only if nothing has failed."""
    found = dict.fromkeys(failures)
    failed = [each for each in found if not each.startswith(_NO_ANSWER)]
    said = {each: remarks_of(each) for each in failed or found}
    return [f"{each}: {meaning}" for each, meaning in said.items() if meaning is not None]
