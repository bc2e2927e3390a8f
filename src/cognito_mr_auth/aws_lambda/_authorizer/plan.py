"""The content of a route table's documents: what each policy allows, and what must be denied (pure).

Owns the size of the longest document that a principal can get, and the limits on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cognito_mr_auth.errors import ConfigurationError

from .arn import MAX_RESOURCE_CHARS
from .spellings import SPELLINGS

__all__ = ["LONGEST_PREFIX_CHARS", "Deny", "Plan", "check_plan"]

# AWS documents no limit for a Lambda authorizer's document. This is the limit of API Gateway's resource
# policies.
MAX_DOCUMENT_CHARS = 8192
# The length of an ARN up to its stage, for a Region with a long name. Document sizes are computed with it.
PREFIX_CHARS = 80
# The same for the longest stage name, 128 characters. Each ARN must have room for it.
LONGEST_PREFIX_CHARS = 208


class Deny(NamedTuple):
    """A Resource to deny to principals who pass the policy `held` and not the policy `lacked`."""

    held: int
    lacked: int
    resource: str


class Plan(NamedTuple):
    """The document's parts: what each policy allows, and what must be denied beside it.

    `escapes` are denied to principals who meet the policy before each, and not every policy of the table.
    Policies are indexes.
    """

    allow: tuple[tuple[int, str], ...]
    deny: tuple[Deny, ...]
    escapes: tuple[tuple[int, str], ...]


def check_plan(plan: Plan, lacking: Iterable[set[int]]) -> None:
    """Check the longest document that a principal can get, as if each policy were met independently.

    `lacking` has, for each policy that a principal may lack, all policies that are then lacking: itself, and
    those that require at least as much.

    Raises:
        ConfigurationError: the document, or one of its Resources, is too long for API Gateway.
    """
    for resource in [*(each for _, each in plan.allow), *(each.resource for each in plan.deny)]:
        if LONGEST_PREFIX_CHARS + len(resource) > MAX_RESOURCE_CHARS:
            raise ConfigurationError(
                f"routes: a route is too long for an ARN of {MAX_RESOURCE_CHARS} characters"
            )
    allowed: dict[int, int] = {}
    denied: dict[int, int] = {}
    for demand, resource in plan.allow:
        allowed[demand] = allowed.get(demand, 0) + _chars([resource])
    for policy, resource in {(each.lacked, each.resource) for each in plan.deny}:
        denied[policy] = denied.get(policy, 0) + _chars([resource])
    either = {each: max(allowed.get(each, 0), denied.get(each, 0)) for each in {*allowed, *denied}}
    # A principal that lacks no policy gets only Allows; one that lacks a policy gets none of its Allows.
    totals = [sum(allowed.values())]
    for lacked in lacking:
        chars = (denied.get(each, 0) if each in lacked else most for each, most in either.items())
        totals.append(sum(chars) + _chars(_spellings(plan, lacked)))
    if max(totals) > MAX_DOCUMENT_CHARS:
        raise ConfigurationError(
            f"routes: too many for one policy document ({max(totals)} of {MAX_DOCUMENT_CHARS} characters); "
            "join some with {proxy+}, or give them an authorizer of their own"
        )


def _spellings(plan: Plan, lacked: set[int]) -> set[str]:
    """Return the spellings to deny to principals who lack these policies and have a wildcard by another."""
    if not any("*" in resource for demand, resource in plan.allow if demand not in lacked):
        return set()
    return {*SPELLINGS, *(resource for demand, resource in plan.escapes if demand not in lacked)}


def _chars(resources: Iterable[str]) -> int:
    return sum(PREFIX_CHARS + len(each) + 3 for each in resources)
