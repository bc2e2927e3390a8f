"""What the reasons of failed fetches mean to a person on call.

Owns the remarks alone. `_remote.transport` and `_remote.fetch` choose the reasons.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

__all__ = ["remark", "remarks"]

_NO_ROUTE = "a missing route to the internet looks the same"
_NO_ANSWER = f"no answer: nothing has answered yet; {_NO_ROUTE}"

_REMARKS = MappingProxyType(
    {
        "dns": "the name server does not know the host, or cannot say",
        "dns-timeout": f"the name server does not answer; {_NO_ROUTE}",
        "connect": "the connection is refused: by a firewall, for want of a route, or the Region is down",
        "connect-timeout": f"a firewall drops packets, or the Region is down; {_NO_ROUTE}",
        "tls": "what answers speaks no proper TLS: is a proxy or firewall in between?",
        "tls-timeout": "connected, but TLS stalls: a firewall, too large packets, or the Region is down",
        "tls-certificate": (
            "the certificate is not trusted; where a proxy of your company opens TLS, "
            "set SSL_CERT_FILE to the certificates of its authority"
        ),
        "answer": "the connection broke, or what answers speaks no HTTP: is a proxy or firewall in between?",
        "answer-timeout": "connected, but the answer is late: the link is slow, or the Region is down",
        "proxy": "the proxy variable, such as HTTPS_PROXY, is no http or https URL",
        "redirect": "something else than Cognito answers: does this network want a login?",
    }
)
_PROXY_LOGIN = "the proxy wants a login: HTTPS_PROXY=http://user:password@host:port"
_PROXY_REFUSES = "the proxy does not connect to the host: does it allow that?"


def remark(reason: str, status: int | None) -> str | None:
    """What a reason of `events.FetchFailed` means, in plain words; None where there is nothing to say."""
    if reason == "proxy" and status is not None:
        return _PROXY_LOGIN if status == 407 else _PROXY_REFUSES
    return _REMARKS.get(reason)


def remarks(last_errors: Iterable[str | None]) -> list[str]:
    """What the endpoints' last errors mean ("proxy 407"), each once; None is one that has not failed."""
    errors = tuple(last_errors)
    if not any(errors):
        return [_NO_ANSWER]
    found: dict[str, None] = {}
    for error in dict.fromkeys(filter(None, errors)):
        reason, _, status = error.partition(" ")
        said = remark(reason, int(status) if status.isdecimal() else None)
        if said is not None:
            found[f"{error}: {said}"] = None
    return list(found)
