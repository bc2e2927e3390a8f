"""The rows about keys: each lays one fault over the bed, lets callers come, and judges what they met.

Owns faults and limits. A limit is what the library is designed to keep, with room for a busy machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .bed import DEAD_NAME_SERVER, DROP, RESET, RESOLVER, Bed
from .client import Client, Load, Setup
from .judge import Call, Finding, first, outcomes, select, slowest
from .material import material, replicated, until
from .messages import SERVFAIL, Reply
from .world import GATEWAY, HOSTS, PRIMARY, PROXY_PORT, REGIONS, Scene

__all__ = ["ROWS", "Row", "Work"]

Work = Callable[[Bed], Finding]
VALID, FORGED = "valid", "forged"
LOAD = Load(VALID)
# R1: a caller waits 2 s at most; the rest is a busy machine's.
CALLER_SECONDS = 2.5
# Threads cannot tell whether they waited. The first who waits does so for a second of silence (W7); a busy
# machine can keep one from running for most of that.
WAITED_SECONDS = 0.9
ONE_REGION_SECONDS = 1.0
POD = f"search shop.svc.cluster.local svc.cluster.local cluster.local\n{DEAD_NAME_SERVER}{RESOLVER}"
POD += "options ndots:5\n"


@dataclass(frozen=True)
class Row:
    """One promise and the work that shows it; `brief`: also in the short run of `make test-all`."""

    promise: str
    work: Work
    brief: bool = False


def old_clients(bed: Bed, *states: str) -> dict[str, Client]:
    """Clients with tokens of the old key, whose keys are in these states."""
    bed.scene(Scene(material().old))
    tokens = {VALID: material().old_tokens}
    return {state: Client(bed, state, Setup([replicated()], tokens, state)) for state in states}


def begin(clients: Mapping[str, Client], *loads: Load) -> float:
    """Let callers come to all of them; the moment."""
    now = time.monotonic()
    for each in clients.values():
        each.start(*loads or (LOAD,))
    return now


def judge_callers(finding: Finding, who: str, calls: list[Call]) -> None:
    """What holds in every fault: a valid token is accepted or 503, within the caller's timeout."""
    finding.only(who, calls, "ok", "503")
    finding.at_most(f"{who} answered within", slowest(calls), CALLER_SECONDS)


# ---- A: a new key whose only holder is gone


def new_key(verdict: str) -> Work:
    """The primary has rotated and is gone; the replicas answer, and do not list the new key yet."""
    # R4: one refresh in 5 s is paid for; the first may be over when it has found the new key.
    outage, accepted, known_again = 6.0, 6.0, 11.0
    both = {"threads": (4, 0), "asyncio": (0, 8)}

    def work(bed: Bed) -> Finding:
        kit, finding = material(), Finding()
        bed.scene(Scene(kit.old))
        setup = Setup([replicated()], {VALID: kit.new_tokens, FORGED: kit.forged}, "fresh")
        clients = {who: Client(bed, who, setup) for who in both}
        bed.scene(Scene(kit.old, {PRIMARY: kit.new}))
        bed.packets({PRIMARY: verdict})
        for who, (threads, tasks) in both.items():
            clients[who].start(Load(VALID, threads, tasks), Load(FORGED, threads // 2, tasks // 2, 0.2))
        time.sleep(outage)
        bed.clear()
        back = time.monotonic()

        def well(calls: list[Call]) -> bool:
            found = select(calls, FORGED), select(calls, VALID)
            return None not in (first(found[0], "401", since=back), first(found[1], "ok", since=back))

        until(lambda: all(well(each.calls()) for each in clients.values()), known_again + 1.0)
        for who, each in clients.items():
            calls = each.calls()
            valid, forged = select(calls, VALID), select(calls, FORGED)
            judge_callers(finding, f"valid tokens by {who}", valid)
            meanwhile = [call for call in forged if call.ended < back]
            finding.only(f"forged tokens by {who}", meanwhile, "503")
            finding.at_most(f"{who} accept", first(valid, "ok", since=back), accepted)
            finding.at_most(f"{who} refuse with 401", first(forged, "401", since=back), known_again)
        return finding

    return work


# ---- B: name look-ups and dead addresses


def first_key(limits: Mapping[str, float], fault: Callable[[Bed], None], resolver: str = RESOLVER) -> Work:
    """How soon a valid token is accepted while the fault stands, by the state that the keys are in."""

    def work(bed: Bed) -> Finding:
        finding = Finding()
        clients = old_clients(bed, *limits)
        fault(bed)
        for each in clients.values():
            each.resolve_by(resolver)
        begun = begin(clients)

        def had() -> bool:
            return all(first(each.calls(), "ok", since=begun) is not None for each in clients.values())

        until(had, max(limits.values()) + 1.0)
        for state, each in clients.items():
            calls = each.calls()
            finding.at_most(f"{state}: first key", first(calls, "ok", since=begun), limits[state])
            judge_callers(finding, state, calls)
        return finding

    return work


def nothing(_: Bed) -> None:
    """No fault but the resolver's."""


def names(reply: Callable[[str], Reply], hosts: Mapping[str, str] = HOSTS) -> Callable[[Bed], None]:
    """The name server says this about these hosts; `reply` is given the right address."""
    words = {host: reply(REGIONS[region]) for host, region in hosts.items()}
    return lambda bed: bed.scene(Scene(material().old, names=words))


PRIMARY_HOSTS = {host: region for host, region in HOSTS.items() if region == PRIMARY}
SERVFAIL_FOR_PRIMARY = names(lambda _: Reply(code=SERVFAIL), PRIMARY_HOSTS)
DEAD_IPV6_FIRST = names(lambda right: Reply((right,), ("2001:db8:dead::1",)))
THREE_DEAD_FIRST = names(lambda right: Reply(("10.77.66.1", "10.77.66.2", "10.77.66.3", right)))


# ---- C: slow is not dead


def thaw(bed: Bed) -> Finding:
    """The process stands still while its answer arrives, and its clock goes on by ten minutes."""
    step, frozen, late = 600.0, 3.0, 2.0
    finding = Finding()
    client = old_clients(bed, "cold")["cold"]
    bed.scene(Scene(material().old, modes=dict.fromkeys(REGIONS, "late")))
    before = len(bed.asked())
    begin({"cold": client})
    until(lambda: len(bed.asked()) > before, CALLER_SECONDS)
    client.freeze(frozen, step)
    thawed = time.monotonic()
    time.sleep(late + 0.5)
    calls = client.calls()
    had = first(calls, "ok", since=thawed)
    finding.at_most("first key after the thaw", had, late)
    finding.only("later callers", select(calls, since=thawed + (had or 0.0)), "ok")
    finding.none("401", outcomes(calls)["401"])
    age, now = client.ask("age")
    asked = bed.asked()[-1]
    youngest = now - step - asked if asked >= thawed else now - asked
    finding.at_most("the keys look younger than their request by", max(0.0, youngest - age), 0.1)
    return finding


# ---- D: tenants


def tenants(count: int, seconds: float) -> Work:
    """One verifier of so many pools, cold, their primary Region a black hole, one caller for each pool."""

    def work(bed: Bed) -> Finding:
        finding = Finding()
        client, ids = _tenants(bed, count)
        begun = time.monotonic()
        client.start(*(Load(each, 1, 0) for each in ids))
        until(lambda: len(_accepted(client.calls())) == count, seconds + 1.0)
        calls = client.calls()
        firsts = [first(select(calls, each), "ok", since=begun) for each in ids]
        had = [each for each in firsts if each is not None]
        finding.equal("pools with keys", len(had), count)
        finding.at_most("the last first valid token", max(had, default=None), seconds)
        finding.only("callers", calls, "ok")
        return finding

    return work


def _tenants(bed: Bed, count: int) -> tuple[Client, list[str]]:
    bed.scene(Scene(material().old))
    ids = [f"{PRIMARY}_Tenant{number:04}" for number in range(count)]
    pools = [replicated(each, ["us-east-1"]) for each in ids]
    client = Client(bed, "tenants", Setup(pools, {each: [material().old_token_of(each)] for each in ids}))
    bed.packets({PRIMARY: DROP})
    return client, ids


def _accepted(calls: list[Call]) -> set[str]:
    return {each.group for each in calls if each.outcome == "ok"}


def warm_tenants(bed: Bed) -> Finding:
    """`warm()` of many pools has one deadline, and ends earlier where all have keys."""
    count, seconds = 24, 5.0
    finding = Finding()
    client, _ = _tenants(bed, count)
    outcome, took, good = client.ask("warm")
    finding.equal("warm() gives", outcome, "ok")
    finding.at_most("warm() is back in", took, seconds)
    finding.equal("pools with keys", good, count)
    return finding


# ---- E: nobody waits in vain (the rows about web servers are in web_rows.py)


def turns_stale(bed: Bed) -> Finding:
    """The keys turn an hour old in an outage, after a refresh in the background has failed."""
    hour, known_failed = 3600.0, 6.5  # R1: a silent attempt counts as failed after 5 s
    finding = Finding()
    clients = old_clients(bed, "aged")
    bed.all_packets(DROP)
    clients["aged"].ahead.value = hour - known_failed
    begin(clients)
    time.sleep(known_failed + CALLER_SECONDS)
    judge_unmoved(finding, clients)
    finding.at_most("keys younger than an hour by", hour - clients["aged"].ask("age")[0], 0.0)
    return finding


def refused_briefly(bed: Bed) -> Finding:
    """Every connection of a cold start's first moments is refused."""
    finding = Finding()
    clients = old_clients(bed, "cold")
    bed.all_packets(RESET)
    begun = begin(clients)
    time.sleep(0.3)
    bed.clear()
    time.sleep(CALLER_SECONDS)
    calls = clients["cold"].calls()
    finding.at_most("first key", first(calls, "ok", since=begun), 2.0)
    finding.only("callers with 2 s", calls, "ok")
    return finding


# ---- F: reasons name the phase

# Region -> what goes wrong there, by the reason that FetchFailed and health() give.
PHASES = {
    "us-east-1": "dns-timeout",
    "eu-west-1": "dns",
    "eu-north-1": "connect-timeout",
    "sa-east-1": "connect",
    "ca-central-1": "tls-timeout",
    "ap-southeast-2": "answer-timeout",
}


def reasons(bed: Bed) -> Finding:
    """Each replica Region fails in another phase, and a second client has a proxy that refuses."""
    noted = 2.0
    finding = Finding()
    hosts = {region: host for host, region in HOSTS.items()}
    words = {hosts["us-east-1"]: Reply(silent=True), hosts["eu-west-1"]: Reply(code=SERVFAIL)}
    bed.scene(
        Scene(modes={PRIMARY: "silent", "ca-central-1": "tls-stall", "ap-southeast-2": "silent"}, names=words)
    )
    bed.packets({"eu-north-1": DROP, "sa-east-1": RESET})
    proxy = {"HTTPS_PROXY": f"http://{GATEWAY}:{PROXY_PORT}"}
    tokens = {VALID: material().old_tokens}
    client = Client(bed, "phases", Setup([replicated(replicas=list(PHASES))], tokens))
    behind_proxy = Client(bed, "proxy", Setup([replicated()], tokens, environment=proxy))
    behind_proxy.ask("warm")
    client.ask("warm")  # R1: asks all at once, and ends when their silence counts as failure
    until(lambda: {reason for _, reason in client.ask("failures")} >= set(PHASES.values()), noted)
    for region, phase in PHASES.items():
        _judge_reason(finding, client, hosts[region], phase)
    _judge_reason(finding, behind_proxy, hosts["us-east-1"], "proxy 407")
    return finding


def _judge_reason(finding: Finding, client: Client, host: str, phase: str) -> None:
    """A reason begins with the phase; more text may follow, but not another phase."""

    def named(text: str) -> str:
        return phase if text == phase or text.startswith((f"{phase} ", f"{phase}:")) else text

    told = {named(reason) for url, reason in client.ask("failures") if host in url}
    finding.equal(f"events of {phase}:", ", ".join(sorted(told)) or "none", phase)
    errors = [named(text) for url, text in client.ask("last_errors").items() if f"//{host}/" in url]
    finding.equal("health() of it:", errors[0], phase)


# ---- G: a known key in an outage


def known_key(bed: Bed) -> Finding:
    """All Regions are black holes, and the keys are fresh or aged."""
    finding = Finding()
    clients = old_clients(bed, "fresh", "aged")
    bed.all_packets(DROP)
    begin(clients)
    time.sleep(4.0)
    judge_unmoved(finding, clients)
    return finding


def judge_unmoved(finding: Finding, clients: Mapping[str, Client]) -> None:
    """Nobody waited, and everybody was accepted."""
    for state, each in clients.items():
        calls = each.calls()
        finding.only(state, calls, "ok")
        finding.none(f"coroutine of {state} that waited", sum(call.waited for call in calls))
        finding.at_most(f"{state} answered within", slowest(calls), WAITED_SECONDS)


ROWS = {
    "new-key-reset": Row(
        "A new key's only Region refuses: valid tokens hear 503, never 401", new_key(RESET), brief=True
    ),
    "new-key-dropped": Row(
        "A new key's only Region is a black hole: valid tokens hear 503, never 401", new_key(DROP)
    ),
    "first-name-server-dead": Row(
        "The first of two name servers is dead: the second is heard, known addresses serve at once",
        first_key({"cold": 6.5, "expired": 1.0}, nothing, DEAD_NAME_SERVER + RESOLVER),
        brief=True,
    ),
    "first-name-server-dead-in-a-pod": Row(
        "The same with the search domains of a Kubernetes pod",
        first_key({"cold": 6.5, "expired": 1.0}, nothing, POD),
    ),
    "servfail-for-one-region": Row(
        "The name server fails for one Region: another Region's keys serve",
        first_key({"cold": ONE_REGION_SECONDS, "expired": ONE_REGION_SECONDS}, SERVFAIL_FOR_PRIMARY),
    ),
    "dead-ipv6-first": Row(
        "The first address is an IPv6 black hole: a first caller has its key",
        first_key({"cold": 2.0}, DEAD_IPV6_FIRST),
    ),
    "three-dead-addresses-first": Row(
        "Three dead addresses come first: a first caller has its key",
        first_key({"cold": 2.0}, THREE_DEAD_FIRST),
    ),
    "two-seconds-of-latency": Row(
        "A round trip takes 2 s: keys come although each caller leaves after 2 s",
        first_key({"cold": 8.0}, lambda bed: bed.slow(delay=1.0)),
    ),
    "one-kilobyte-per-second": Row(
        "Each Region sends 1 KB/s: keys come although each caller leaves after 2 s",
        first_key({"cold": 12.0}, lambda bed: bed.slow(rate=1000.0)),
    ),
    "thaw": Row("A freeze in mid-fetch: keys come at once, none younger than its request", thaw, brief=True),
    "tenant-1": Row("One pool, its primary Region a black hole: the replica serves", tenants(1, 1.0)),
    "tenants-24": Row("24 pools start as fast as one", tenants(24, 1.5), brief=True),
    "tenants-100": Row("100 pools start as fast as the processor lets them", tenants(100, 4.0)),
    "tenants-24-warm": Row("warm() of 24 pools keeps one deadline", warm_tenants, brief=True),
    "turns-stale-in-outage": Row(
        "Keys turn an hour old in an outage: no caller waits for endpoints found dead", turns_stale
    ),
    "refused-for-a-moment": Row(
        "Connections are refused for 300 ms at a cold start: no caller is refused",
        refused_briefly,
        brief=True,
    ),
    "reasons-name-the-phase": Row("A failure's reason names the phase that failed", reasons, brief=True),
    "known-key-in-outage": Row("A known key never waits in an outage", known_key, brief=True),
}
