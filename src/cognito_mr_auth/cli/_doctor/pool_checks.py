"""Checks of the pool and its replicas against the verifier's configuration.

Pure: makes rows from the responses of AWS.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cognito_mr_auth._aws.model import ORIGINAL, UPDATED, Account, PoolSettings, Replica, Trouble, known

from .verdicts import Check, Configured, Verdict, listed, unknown, why

__all__ = ["pool_checks", "replicas_of"]

_SWITCH = (
    "switch the pool (UpdateUserPool, IssuerConfiguration Type=UPDATED, with every other setting as it is, "
    "because it resets what is left out)"
)

# Status of a replica -> verdict, what it means, what to do.
_STATUSES: Final[dict[str, tuple[Verdict, str, str]]] = {
    "ACTIVE": ("ok", "ACTIVE", ""),
    "INACTIVE": (
        "warning",
        "INACTIVE: it serves no sign-in",
        "when its Regional settings are right, activate it (UpdateUserPoolReplica, Status=ACTIVE)",
    ),
    "CREATING": ("warning", "CREATING: it serves no sign-in yet", "wait, then activate it"),
    "DELETING": ("failure", "DELETING: there is nothing to fail over to", "create a replica again"),
}


def pool_checks(account: Account, configured: Configured) -> Iterator[Check]:
    """Yield every row about the pool itself."""
    yield from _regions(account, configured)
    if account.source is None:
        return
    yield from _replicas(account, configured)
    settings = account.regions[account.source].pool
    if isinstance(settings, Trouble):
        for name in ("issuer", "encryption key", "plan"):
            yield unknown(name, settings)
    else:
        replicas = replicas_of(account, configured)
        yield _accepted(settings, replicas, configured)
        yield from _issuer(settings, replicas)
        yield _plan(settings, replicas)
        yield from _domains(account, replicas)
    yield from _triggers(account)


def replicas_of(account: Account, configured: Configured) -> frozenset[str]:
    """Return the Regions of the pool's replicas; if AWS does not say, the configured ones."""
    found = _known_replicas(account)
    if found is None:
        return frozenset(configured.pool.replica_regions)
    return frozenset(each.region for each in found)


def _known_replicas(account: Account) -> tuple[Replica, ...] | None:
    """Return the list of the first Region that has one."""
    lists = (known(answer.replicas) for answer in account.regions.values())
    return next((each for each in lists if each is not None), None)


def _regions(account: Account, configured: Configured) -> Iterator[Check]:
    for region, answer in account.regions.items():
        name = f"Region {region}"
        if not isinstance(answer.pool, Trouble):
            yield Check(name, "ok", "AWS's API answers")
        elif answer.absent and region == configured.pool.region:
            pool_id = configured.pool.user_pool_id
            do = "look at the ID, and at the account that these credentials belong to"
            yield Check(name, "failure", f"there is no user pool {pool_id} for these credentials", do)
        elif answer.absent:
            yield Check(name, "warning", "AWS knows no replica of the pool here")
        elif answer.answered or answer.pool.kind == "no-credentials":
            yield unknown(name, answer.pool)
        elif account.source is not None:
            said = f"{why(answer.pool)}; the rest is what {account.source} says, which may lag behind"
            yield Check(name, "warning", said, "nothing, if the Region is known to be away")
        else:
            row = unknown(name, answer.pool)
            if not configured.pool.replica_regions:  # naming them is the only thing that would have helped
                row = row._replace(do="name its replicas' Regions: --replica-region, COGNITO_REPLICA_REGIONS")
            yield row


def _replicas(account: Account, configured: Configured) -> Iterator[Check]:
    found = _known_replicas(account)
    if found is None:
        trouble = next(
            answer.replicas
            for region, answer in account.regions.items()
            if isinstance(answer.replicas, Trouble) and region == account.source
        )
        yield unknown("replicas", trouble)
        return
    real = {each.region for each in found}
    wanted = set(configured.pool.replica_regions)
    for region in sorted(real - wanted):
        yield Check(
            "replicas",
            "failure",
            f"the pool has a replica in {region}, and tokens that it issues are refused",
            f'add "{region}" to replica_regions (COGNITO_REPLICA_REGIONS, --replica-region)',
        )
    for region in sorted(wanted - real):
        said = f"{region} is configured, and the pool has no replica there"
        yield Check("replicas", "warning", said, "take it out of replica_regions, or create the replica")
    if real == wanted:
        yield Check("replicas", "ok", f"as configured: {listed(real)}")
    for each in found:
        name = f"replica {each.region}"
        verdict, said, do = _STATUSES.get(each.status, ("unknown", f"unknown status {each.status!r}", ""))
        yield Check(name, verdict, said, do or "look into the AWS console" * (verdict == "unknown"))


def _minted(settings: PoolSettings, replicas: frozenset[str]) -> set[str] | None:
    """Return the kinds of `iss` in new tokens; None for an unknown type."""
    if settings.issuer_type == UPDATED:
        return {"updated"}
    if settings.issuer_type == ORIGINAL:
        # A secondary Region was seen to issue both, so both must be accepted.
        return {"original", "replica"} if replicas else {"original"}
    return None


def _accepted(settings: PoolSettings, replicas: frozenset[str], configured: Configured) -> Check:
    minted = _minted(settings, replicas)
    if minted is None:
        said = f"unknown type {settings.issuer_type!r}"
        return Check("issuer", "unknown", said, "look into AWS's documentation of IssuerConfiguration")
    accepted = {issuer.kind for issuer in configured.pool.issuers.values()}
    # A replica that is not configured at all has its own row.
    missing = minted - accepted - ({"replica"} if not configured.pool.replica_regions else set())
    says = f"{settings.issuer_type}: new tokens are of the kind {listed(minted, 'or')}"
    if not missing:
        return Check("issuer", "ok", f"{says}; accepted: {listed(accepted)}")
    do = f"accept {listed(missing)} too (issuer_kinds, COGNITO_ISSUER_KINDS, --issuer-kind)"
    if minted != {"updated"} and accepted == {"updated"}:
        do += ", or switch the pool to the updated issuer"
    return Check("issuer", "failure", f"{says}; not accepted: {listed(missing)}", do)


def _issuer(settings: PoolSettings, replicas: frozenset[str]) -> Iterator[Check]:
    if replicas and settings.issuer_type == ORIGINAL:
        said = "ORIGINAL with a replica: `iss` depends on the Region that signs a user in"
        yield Check("issuer of a replicated pool", "warning", said, _SWITCH)


def _plan(settings: PoolSettings, replicas: frozenset[str]) -> Check:
    if settings.tier is None:
        return Check("plan", "unknown", "AWS did not name the pool's plan", "look into the AWS console")
    if settings.tier == "LITE" and replicas:
        return Check("plan", "failure", "LITE, which has no replicas", "choose ESSENTIALS or PLUS")
    return Check("plan", "ok", settings.tier)


def _triggers(account: Account) -> Iterator[Check]:
    sets = {
        region: settings.triggers
        for region, answer in account.regions.items()
        if (settings := known(answer.pool)) is not None
    }
    if len(sets) < 2:
        return
    (first, expected), *others = sets.items()
    different = False
    for region, found in others:
        for trigger in sorted(expected ^ found):
            different = True
            there, lacking = (first, region) if trigger in expected else (region, first)
            # Tokens minted there lack scopes, groups and claims that policies may require.
            tokens = trigger.startswith("PreTokenGeneration")
            said = f"{trigger} is set in {there} and not in {lacking}"
            if tokens:
                said += f": tokens of {lacking} lack what it adds, and policies may refuse them"
            do = f"set it in {lacking} too, with a function of that Region"
            yield Check("triggers", "failure" if tokens else "warning", said, do)
    if not different:
        yield Check("triggers", "ok", f"the same in {listed(sets)}: {listed(expected)}")


def _domains(account: Account, replicas: frozenset[str]) -> Iterator[Check]:
    for name, domain in account.domains.items():
        row = f"domain {name}"
        if isinstance(domain, Trouble):
            yield unknown(row, domain)
        elif not replicas:
            yield Check(row, "ok", "no replica to fail over to")
        elif domain.failover_region is None:
            said = "it does not fail over: sign-in pages and the token endpoint stay in the primary Region"
            yield Check(
                row, "warning", said, "set the domain's Routing.Failover, with a Route 53 health check"
            )
        elif domain.failover_region in replicas:
            yield Check(row, "ok", f"it fails over to {domain.failover_region}")
        else:
            said = f"it fails over to {domain.failover_region}, where the pool has no replica"
            yield Check(row, "failure", said, "set SecondaryRegion of Routing.Failover to the replica's")
