"""The result of a check, and the meaning of an error of AWS's API for a person.

Owns the wording. Pure. What could not be asked is "unknown" and never "ok".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from cognito_mr_auth._aws.model import Kind, Trouble
from cognito_mr_auth.pool import UserPool

__all__ = ["VERDICTS", "Check", "Configured", "Verdict", "listed", "unknown", "why", "worst"]

Verdict = Literal["failure", "warning", "unknown", "ok"]
VERDICTS: Final[tuple[Verdict, ...]] = ("failure", "warning", "unknown", "ok")
"""The worst comes first."""


class Check(NamedTuple):
    """One row: the subject, the verdict, why, and what to do; `permission` is an IAM action."""

    name: str
    verdict: Verdict
    said: str
    do: str = ""
    permission: str = ""


class Configured(NamedTuple):
    """The verifier that the pool is compared with; `clients_given` is whether its app clients are known."""

    pool: UserPool
    clients_given: bool = True
    leeway: float = 5.0
    scopes: tuple[str, ...] = ()


_WHY: Final[Mapping[Kind, str]] = {
    "unreachable": "AWS's API does not answer",
    "late": "AWS's API did not answer in time",
    "no-credentials": "there are no AWS credentials that work",
    "not-permitted": "AWS does not permit {permission}",
    "not-there": "AWS knows no such thing",
    "not-enabled": "AWS does not offer {permission} for this pool, or not in this Region",
    "throttled": "AWS limits the rate of calls",
    "clock": "AWS refuses the signature",
    "failed": "AWS's API answered with an error",
}
_DO: Final[Mapping[Kind, str]] = {
    "unreachable": "see what the endpoints below say; is there a way to the Region from here?",
    "late": "try again",
    "no-credentials": "log in (aws sso login), or set AWS_PROFILE or --profile; --no-aws leaves AWS out",
    "not-permitted": "allow {permission} (docs/doctor.md has the whole policy)",
    "not-there": "look at the ID, and at the account that these credentials belong to",
    "not-enabled": "the pool may be too old to be replicated; the AWS console says so",
    "throttled": "try again in a minute",
    "clock": "set this machine's clock if it is off by 5 minutes or more, or renew the credentials",
    "failed": "try again; if it stays, ask AWS",
}


def why(trouble: Trouble) -> str:
    """Describe a trouble."""
    said = _WHY[trouble.kind].format(permission=trouble.permission)
    return f"{said} ({trouble.detail})" if trouble.detail and trouble.kind != "not-permitted" else said


def unknown(name: str, trouble: Trouble) -> Check:
    """Return the row of a check that could not be made."""
    do = _DO[trouble.kind].format(permission=trouble.permission)
    permission = trouble.permission if trouble.kind == "not-permitted" else ""
    return Check(name, "unknown", why(trouble), do, permission)


def worst(checks: Iterable[Check]) -> Verdict:
    """The worst verdict of all."""
    return min((check.verdict for check in checks), key=VERDICTS.index, default="ok")


def listed(values: Iterable[str], word: str = "and") -> str:
    """Join sorted values as a sentence lists them: "a, b and c"."""
    *most, last = sorted(values) or ["none"]
    return f"{', '.join(most)} {word} {last}" if most else last
