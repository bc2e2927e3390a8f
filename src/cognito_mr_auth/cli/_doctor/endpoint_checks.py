"""Checks of what the key endpoints really serve, which need no AWS credentials.

Pure: makes rows from the endpoints' responses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from cognito_mr_auth._aws.model import ORIGINAL, UPDATED, DateSample
from cognito_mr_auth._jwks.document import Document
from cognito_mr_auth._jwks.reasons import remark

from .answers import EndpointAnswer
from .verdicts import Check, Configured, Verdict, listed

__all__ = ["endpoint_checks"]

# A kid of Cognito has 44 characters. A longer one comes from another source, and may have any length.
SHOWN_CHARS: Final = 64
# Beyond it, most verifiers refuse new tokens whatever their leeway.
MAX_SKEW_SECONDS: Final = 60.0
# A `date` header has a resolution of one second.
GRAIN_SECONDS: Final = 1.0

# Reasons of a failed fetch that concern this machine and its network rather than the Region.
_IN_BETWEEN: Final = frozenset({"tls", "tls-certificate", "proxy", "redirect"})


def endpoint_checks(
    answers: Sequence[EndpointAnswer],
    configured: Configured,
    issuer_type: str | None,
    dates: Sequence[DateSample],
) -> Iterator[Check]:
    """Yield every row about endpoints; `issuer_type` and `dates` come from the responses of AWS's API."""
    served = [each for each in answers if each.document is not None]
    yield from (_keys(each, served) for each in answers if not _is_disabled_updated(each))
    yield from _updated(answers, configured, issuer_type)
    yield from _agreement(served)
    yield _clock([*dates, *(each.date for each in answers if each.date is not None)], configured.leeway)
    yield from _tls(answers)
    yield _proxy(answers)


def _is_disabled_updated(answer: EndpointAnswer) -> bool:
    return answer.endpoint.kind == "updated" and answer.not_enabled


def _keys(answer: EndpointAnswer, served: Sequence[EndpointAnswer]) -> Check:
    name = f"keys of {answer.name}"
    if answer.document is not None:
        return _document(name, answer, answer.document)
    status = "" if answer.status is None else f" {answer.status}"
    said = f"no keys: {answer.reason}{status}"
    meaning = remark(answer.reason, answer.status)
    if meaning:
        said += f" ({meaning})"
    if answer.not_enabled:
        do = "is it an issuer of this pool? look at replica_regions, and at the replica's status"
    elif answer.reason in _IN_BETWEEN:
        return Check(name, "failure", said, "let this machine reach the host over HTTPS, unchanged")
    elif served:
        do = "nothing, if the Region is known to be away: the keys of the others serve"
    else:
        do = "let this machine reach one of the endpoints"
    return Check(name, "warning" if served else "failure", said, do)


def _document(name: str, answer: EndpointAnswer, document: Document) -> Check:
    if document.compromised:
        said = "it serves private members of keys, and anybody who has read them can sign tokens"
        return Check(name, "failure", said, "rotate the pool's keys; ask AWS if the endpoint is Cognito's")
    if document.conflicts:
        kids = listed(map(_shown, document.conflicts))
        said = f"two keys under one kid, {kids}"
        return Check(name, "failure", said, "ask AWS, or the owner of this endpoint")
    skipped = ", ".join(f"{count} {reason}" for reason, count in document.skipped)
    if not document.keys:
        said = f"no usable key{': ' if skipped else ''}{skipped}"
        return Check(name, "failure", said, "look at the document that the endpoint serves")
    count = len(document.keys)
    said = f"{count} {'key' if count == 1 else 'keys'} in {answer.seconds * 1000:.0f} ms"
    if skipped:
        said += f"; members that are not used: {skipped}"
        return Check(name, "warning", said, "nothing, as long as tokens verify")
    return Check(name, "ok", said)


def _updated(
    answers: Sequence[EndpointAnswer], configured: Configured, issuer_type: str | None
) -> Iterator[Check]:
    name = "updated issuer"
    answer = next((each for each in answers if each.endpoint.kind == "updated"), None)
    if answer is None or not (answer.document is not None or answer.not_enabled):
        return  # not asked, or its row says what went wrong
    enabled = answer.document is not None
    required = {issuer.kind for issuer in configured.pool.issuers.values()} == {"updated"}
    if enabled and issuer_type == ORIGINAL:
        said = "its endpoint serves keys, and the pool's IssuerConfiguration says ORIGINAL"
        yield Check(name, "warning", said, "just switched? ask again in some minutes")
    elif enabled:
        yield Check(name, "ok", "enabled")
    elif issuer_type == UPDATED:
        said = f"the pool's IssuerConfiguration says UPDATED, and its endpoint answers {answer.status}"
        yield Check(name, "failure", said, "just switched? ask again in some minutes")
    elif required:
        said = f"not enabled (status {answer.status}), and no other issuer is accepted"
        do = "accept the original issuer too, or set IssuerConfiguration Type=UPDATED"
        yield Check(name, "failure", said, do)
    else:
        yield Check(name, "ok", f"not enabled (status {answer.status})")


def _agreement(served: Sequence[EndpointAnswer]) -> Iterator[Check]:
    name = "agreement of keys"
    sets = {each.name: each.document.keys for each in served if each.document is not None}
    if len(sets) < 2:
        return
    every = sorted({kid for keys in sets.values() for kid in keys})
    conflicts = False
    for kid in every:
        holders: dict[tuple[int, int], list[str]] = {}
        for endpoint, keys in sets.items():
            if kid in keys:
                holders.setdefault(keys[kid].material, []).append(endpoint)
        if len(holders) > 1:
            conflicts = True
            said = f"different keys under the kid {_shown(kid)}: {'; '.join(map(listed, holders.values()))}"
            do = "its tokens are refused (503) until they agree: is one of the endpoints not Cognito's?"
            yield Check(name, "failure", said, do)
    lacking = {endpoint: set(every) - keys.keys() for endpoint, keys in sets.items()}
    for endpoint, kids in lacking.items():
        if not kids:
            continue
        said = f"{endpoint} lacks {listed(map(_shown, kids))}, which another endpoint serves"
        yield Check(name, "warning", said, "ask again in some minutes: a rotation, or a Region that lags")
    if not conflicts and not any(lacking.values()):
        yield Check(name, "ok", f"{len(every)} keys, the same kid, n and e at {listed(sets)}")


def _shown(kid: str) -> str:
    return kid if len(kid) <= SHOWN_CHARS else f"{kid[:SHOWN_CHARS]}..."


def _clock(dates: Sequence[DateSample], leeway: float) -> Check:
    if not dates:
        return Check("clock", "unknown", "no answer had a date", "compare this clock by other means")
    # The quickest response is the most exact. Of two equal ones the name decides, not the order of threads.
    sample = min(dates, key=lambda each: (each.received - each.sent, each.source))
    # The response was dated at some moment between `sent` and `received`.
    ahead = sample.sent - (sample.date + GRAIN_SECONDS)
    behind = sample.date - sample.received
    off = max(ahead, behind, 0.0)
    if off == 0:
        return Check("clock", "ok", f"right to a second, by {sample.source}")
    way, effect = (
        ("ahead", "tokens look expired too early")
        if ahead > behind
        else ("behind", "new tokens look issued in the future")
    )
    said = f"this clock is {off:.0f} s {way} of {sample.source}: {effect}"
    verdict: Verdict = "failure" if off > MAX_SKEW_SECONDS else "warning" if off > leeway else "ok"
    return Check("clock", verdict, said, "" if verdict == "ok" else "set this machine's clock (NTP, chrony)")


def _tls(answers: Sequence[EndpointAnswer]) -> Iterator[Check]:
    versions: Mapping[str, None] = dict.fromkeys(each.tls for each in answers if each.tls is not None)
    plain = [each.name for each in answers if each.answered and each.tls is None]
    if versions:
        yield Check("TLS", "ok", f"{listed(versions)}, certificates trusted")
    if plain:
        local = all(each.endpoint.loopback for each in answers if each.name in plain)
        verdict: Verdict = "ok" if local else "warning"
        said = f"plain http to {listed(plain)}{', on this machine' * local}"
        yield Check("TLS", verdict, said, "" if verdict == "ok" else "use https where tokens matter")


def _proxy(answers: Sequence[EndpointAnswer]) -> Check:
    found = {each.proxy for each in answers if each.proxy is not None}
    if found:
        return Check("proxy", "ok", f"requests go through {listed(found)}")
    return Check("proxy", "ok", "none")
