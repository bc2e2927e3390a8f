"""CloudWatch's embedded metric format: JSON lines in a function's log, from which CloudWatch reads metrics.

Owns the form of the line, and which metrics are billed: always six for each pool. Details are in the same
line, where CloudWatch Logs Insights finds them at no price.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from cognito_mr_auth._exporters.readings import Counted, Readings, gauges
from cognito_mr_auth._runtime.outcomes import ACCEPTED
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.verifier import Verifier

__all__ = ["emf"]

NAMESPACE = "CognitoMrAuth"
# The value of a dimension must not be empty.
NO_POOL = "unknown"
_UNAVAILABLE = frozenset({"check_unavailable", "keys_unavailable", "revocation_unavailable", "unavailable"})
_UNITS = {"KeySetAge": "Seconds"}

_read: WeakKeyDictionary[Verifier, Readings] = WeakKeyDictionary()


def emf(verifier: Verifier, *, namespace: str = NAMESPACE) -> str:
    """Return the counts since the last call, as one line of JSON for each pool. Print it after the work.

    Errors before the issuer was known, and errors of the application's hooks, are counted in a line with the
    pool "unknown", if there are any.

    Args:
        verifier: supplies the counts, keys and endpoints.
        namespace: the CloudWatch namespace of the metrics.

    Raises:
        TypeError: the argument is not a Verifier.
        ConfigurationError: CloudWatch would refuse the namespace.
    """
    _check(namespace)
    readings = _readings(verifier)
    counted, standing = readings.new(), gauges(verifier)
    lines = []
    for pool in standing.usable:
        metrics = _counts(counted, pool)
        if pool in standing.ages:
            metrics["KeySetAge"] = round(standing.ages[pool], 3)
        metrics["EndpointsDown"] = sum(not up for (owner, _), up in standing.up.items() if owner == pool)
        newest = {kind: iat for (owner, kind), iat in standing.newest.items() if owner == pool}
        lines.append((pool, metrics, {"outcomes": _details(counted, pool), "newest_iat": newest}))
    unknown = _counts(counted, None) | {"HookFailures": counted.hook_failures}
    if any(unknown.values()):
        lines.append((NO_POOL, unknown, {"outcomes": _details(counted, None)}))
    moment = int(verifier._clock()[0] * 1000)
    return "\n".join(_line(moment, namespace, *each) for each in lines)


def _check(namespace: object) -> None:
    # CloudWatch's own limits. Names that begin with AWS/ are reserved for AWS's services.
    if isinstance(namespace, str) and 0 < len(namespace) < 256 and not namespace.startswith("AWS/"):
        return
    raise ConfigurationError(f'namespace={namespace!r}: give a name such as "Orders", which is not AWS\'s')


def _readings(verifier: Any) -> Readings:
    found = _read.get(verifier) if isinstance(verifier, Verifier) else None
    if found is None:
        found = Readings()
        found.add(verifier)
        found = _read.setdefault(verifier, found)
    return found


def _counts(counted: Counted, pool: str | None) -> dict[str, float]:
    """Unconfirmed is separate from Unavailable, because a forger can cause it while a Region is away."""
    found: dict[str, float] = dict.fromkeys(("Accepted", "Refused", "Unavailable", "Unconfirmed"), 0)
    for (owner, _, result), count in counted.outcomes.items():
        if owner == pool:
            found[_metric_of(result)] += count
    return found


def _metric_of(result: str) -> str:
    if result in _UNAVAILABLE:
        return "Unavailable"
    return {ACCEPTED: "Accepted", "key_unconfirmed": "Unconfirmed"}.get(result, "Refused")


def _details(counted: Counted, pool: str | None) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (owner, kind, result), count in counted.outcomes.items():
        if owner == pool and count:
            found.setdefault(kind or NO_POOL, {})[result] = count
    return found


def _line(
    moment: int, namespace: str, pool: str, metrics: Mapping[str, float], details: Mapping[str, Any]
) -> str:
    definitions = [{"Name": each, "Unit": _UNITS.get(each, "Count")} for each in metrics]
    directive = {"Namespace": namespace, "Dimensions": [["pool"]], "Metrics": definitions}
    about = {"_aws": {"Timestamp": moment, "CloudWatchMetrics": [directive]}, "pool": pool}
    return json.dumps({**about, **metrics, **details}, separators=(",", ":"))
