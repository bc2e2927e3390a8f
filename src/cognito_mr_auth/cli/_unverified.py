"""What an unverified token claims, and for what a verifier would refuse it.

Owns these readings. Pure. It finds reasons to refuse and never one to accept, because the author of the token
chose all of its content. A URL in it is compared, and never requested.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from cognito_mr_auth import UserPool, errors
from cognito_mr_auth._base.checks import POOL_ID
from cognito_mr_auth._base.partitions import REGION, dns_suffix, partition
from cognito_mr_auth._issuers.entry import requirements_of
from cognito_mr_auth._jwt import compact
from cognito_mr_auth._jwt.claims import ClaimRequirements, check_bearer, check_span, time_span

from ._configuration import Configuration

__all__ = ["Bearer", "Match", "Origin", "Provenance", "bearer_of", "provenance_of", "refusals"]

Match = Literal["accepted-issuer", "issuer-kind", "region", "another-pool", "no-pool"]
"""How an `iss` relates to the configured pools: theirs; a kind or Region left out; another's; no pool's."""

_ISSUER: Final = re.compile(
    rf"https://(issuer-)?cognito-idp\.({REGION.pattern})\.([a-z0-9.-]+)/({POOL_ID})", re.ASCII
)
# The form and leeway of every verifier's defaults, and any bearer, so that only what every one refuses is
# refused.
_FORM: Final = compact.TokenForm()
_LEEWAY: Final = 5.0
_ANY_BEARER: Final = ClaimRequirements("any", None, None, _LEEWAY)


class Origin(NamedTuple):
    """The parts of an `iss`: the kind of issuer, its Region, the user pool."""

    kind: str
    region: str | None
    user_pool_id: str


class Provenance(NamedTuple):
    """The relation of an `iss` to the configured pools, its parts, and the configured pool that it names."""

    match: Match
    origin: Origin | None
    pool: UserPool | None


class Bearer(NamedTuple):
    """The user and the audience that the token claims, with values of any type."""

    token_use: Any
    subject: Any
    username: Any
    is_machine: bool
    client_id: Any
    audience: Any


def bearer_of(claims: Mapping[str, Any]) -> Bearer:
    """Return the claims that name user, app client and audience; None for an absent claim."""
    use, subject = claims.get("token_use"), claims.get("sub")
    is_id = use == "id"
    client = claims.get("aud" if is_id else "client_id")
    username = claims.get("cognito:username" if is_id else "username")
    is_machine = use == "access" and subject is not None and subject == client and username is None
    return Bearer(use, subject, username, is_machine, client, None if is_id else claims.get("aud"))


def provenance_of(issuer: Any, pools: Sequence[UserPool]) -> Provenance:
    """Return the parts of an `iss`, and its relation to the pools."""
    for pool in pools:
        if isinstance(issuer, str) and (known := pool.issuers.get(issuer)) is not None:
            return Provenance("accepted-issuer", Origin(known.kind, known.region, pool.user_pool_id), pool)
    origin = _by_form(issuer)
    if origin is None:
        return Provenance("no-pool", None, None)
    for pool in pools:
        if pool.user_pool_id == origin.user_pool_id:
            named = origin.region in (pool.region, *pool.replica_regions)
            return Provenance("issuer-kind" if named else "region", origin, pool)
    return Provenance("another-pool", origin, None)


def _by_form(issuer: Any) -> Origin | None:
    found = _ISSUER.fullmatch(issuer) if isinstance(issuer, str) else None
    if found is None:
        return None
    updated, region, suffix, pool_id = found.groups()
    primary = pool_id.partition("_")[0]
    if suffix != dns_suffix(region) or partition(region) != partition(primary):
        return None
    if region == primary:
        return Origin("updated" if updated else "original", region, pool_id)
    # Only the primary Region has the updated issuer.
    return None if updated else Origin("replica", region, pool_id)


def refusals(
    token: str, claims: Mapping[str, Any], configured: Configuration | None, now: float
) -> list[errors.TokenRejected]:
    """Return why a verifier of this configuration would refuse the token, as far as is seen without a key.

    Without a configuration, these are the reasons of every verifier with default settings. The first refusal
    is returned of each of form, issuer, times and bearer.
    """
    match, _, pool = provenance_of(claims.get("iss"), configured.pools if configured else ())
    form, leeway = (configured.form, configured.leeway) if configured else (_FORM, _LEEWAY)
    found: list[errors.TokenRejected] = []
    try:
        compact.parse(token, None, form)
    except errors.TokenRejected as error:
        found.append(error)
    if match != "accepted-issuer" and (configured is not None or match == "no-pool"):
        found.append(errors.IssuerUnknown())
    try:
        check_span(time_span(claims, leeway), now)
    except errors.TokenRejected as error:
        found.append(error)
    try:
        if configured is not None and pool is not None:
            check_bearer(claims, requirements_of(pool, configured.token_use, configured.leeway))
        else:  # the clients and audiences of another pool are unknown here
            unbound = {name: value for name, value in claims.items() if name != "aud"}
            check_bearer(claims if claims.get("token_use") == "id" else unbound, _ANY_BEARER)
    except errors.TokenRejected as error:
        found.append(error)
    return found
