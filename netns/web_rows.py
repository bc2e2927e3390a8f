"""The rows about threaded web servers: a path without authentication answers while callers wait for keys.

Owns their faults and limits.
"""

from __future__ import annotations

import time

from .bed import DROP, Bed
from .judge import Call, Finding, first, select, slowest
from .material import material
from .rows import FORGED, VALID, Row, Work, judge_callers
from .web import SERVERS, Site, Visit
from .world import Scene

__all__ = ["WEB_ROWS"]

OPEN = "open"
# W7: after a second of silence one caller waits, and the others hear 503 at once; 0.3 s are a busy machine's.
FIRST_PART, FIRST_PART_SECONDS = 1.3, 1.3
OPEN_SECONDS = 0.3
CURED_SECONDS = 2.0


def visits() -> tuple[Visit, Visit]:
    """What comes in every row."""
    return Visit(VALID, "/me", 30, material().old_tokens), Visit(OPEN, "/open", 10)


def outage(server: str) -> Work:
    """No Region can be reached, and the server's keys are missing, stale or expired."""
    outage_seconds = 5.0

    def work(bed: Bed) -> Finding:
        finding = Finding()
        bed.scene(Scene(material().old))
        states = ("cold", "stale", "expired")
        sites = {state: Site(bed, server, state, number) for number, state in enumerate(states)}
        for each in sites.values():
            each.until_open()
        bed.all_packets(DROP)
        begun = time.monotonic()
        for each in sites.values():
            each.visit(*visits())
        time.sleep(outage_seconds)
        bed.clear()
        cured = time.monotonic()
        time.sleep(CURED_SECONDS + 1.0)
        for state, each in sites.items():
            calls = each.visitors.calls()
            judge_callers(finding, f"{state}: valid tokens", select(calls, VALID))
            _judge_open(finding, f"{state}: open path", select(calls, OPEN), begun)
            valid = select(calls, VALID)
            finding.at_most(
                f"{state}: accepted after the cure", first(valid, "ok", since=cured), CURED_SECONDS
            )
            finding.only(f"{state}: later ones", select(valid, since=cured + CURED_SECONDS), "ok")
        return finding

    return work


def _judge_open(finding: Finding, who: str, calls: list[Call], begun: float) -> None:
    finding.only(who, calls, "ok")
    early = select(calls, before=begun + FIRST_PART)
    finding.at_most(f"{who} at first within", slowest(early), FIRST_PART_SECONDS)
    finding.at_most(f"{who} then within", slowest(select(calls, since=begun + FIRST_PART)), OPEN_SECONDS)


def forged_kids(bed: Bed) -> Finding:
    """Tokens under unknown kids, thirty a second, while the network is well."""
    finding = Finding()
    bed.scene(Scene(material().old))
    sites = {server: Site(bed, server, "fresh", number) for number, server in enumerate(SERVERS)}
    for each in sites.values():
        each.until_open()
    begun = time.monotonic()
    for each in sites.values():
        each.visit(Visit(FORGED, "/me", 30, material().forged), *visits())
    time.sleep(4.0)
    for server, each in sites.items():
        calls = select(each.visitors.calls(), since=begun)
        finding.only(f"{server}: valid tokens", select(calls, VALID), "ok")
        finding.only(f"{server}: forged tokens", select(calls, FORGED), "401")
        finding.at_most(f"{server}: all within", slowest(calls), OPEN_SECONDS)
    return finding


WEB_ROWS = {
    f"outage-behind-{server}": Row(
        f"A total outage behind {server}: open paths answer, and tokens pass once it is over",
        outage(server),
        brief=server == "gunicorn",
    )
    for server in SERVERS
}
WEB_ROWS["forged-kids"] = Row("Forged kids hold up nobody behind any server", forged_kids)
