"""Why a policy did not pass: the error that says what would have helped (RFC 6750 3.1, RFC 9470 3).

This module chooses the error. Pure: it evaluates the policy again with parts of it taken as granted.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from cognito_mr_auth.errors import AuthenticationTooOld, AuthError, CheckUnavailable, PolicyDenied
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.policy._leaves import Context

__all__ = ["denial"]

# With more failed checks, their combinations are not tried, and the answer is the outage.
MAX_BROKEN = 8

# What is assumed to be granted, in this order, to find out why a policy did not pass. A failed check comes
# first: if it would have decided, the fault is ours and not the caller's. A refreshed token comes before a
# new sign-in, because it costs the user nothing. A new sign-in brings a new token too.
_NEW_TOKEN = frozenset({"issued_within"})
_NEW_SIGN_IN = frozenset({"max_age", "issued_within"})
_BLAME: tuple[frozenset[str], ...] = (
    _NEW_TOKEN,
    _NEW_SIGN_IN,
    frozenset({"scopes"}),
    _NEW_TOKEN | {"scopes"},
    _NEW_SIGN_IN | {"scopes"},
)


def denial(policy: Policy, context: Context) -> AuthError:
    """The error for a policy that did not pass. Its type depends on what would have helped."""
    helpful = dict(policy._helpful_answers())
    # A check that the evaluation never reached counts as helpful, because it is not what failed.
    answers = {**helpful, **context.answers}
    broken = [key for key in helpful if answers[key] is not True and answers[key] is not False]
    if len(broken) > MAX_BROKEN or (broken and _could_pass(policy, context, answers, broken)):
        return CheckUnavailable()
    for granted in _BLAME:
        if policy._evaluate(context._replace(answers=answers, granted=granted)) is True:
            return _blamed(policy, granted)
    return PolicyDenied()


def _could_pass(policy: Policy, context: Context, answers: Mapping[int, object], broken: list[int]) -> bool:
    """Whether the failed checks have possible answers with which the policy passes."""
    for guess in product((True, False), repeat=len(broken)):
        guessed = {**answers, **dict(zip(broken, guess, strict=True))}
        if policy._evaluate(context._replace(answers=guessed)) is True:
            return True
    return False


def _blamed(policy: Policy, granted: frozenset[str]) -> AuthError:
    if "max_age" in granted:
        seconds = min(leaf._seconds for leaf in policy._leaves("max_age"))
        return AuthenticationTooOld(max_age=seconds, hint="sign in again, then retry")
    if granted == _NEW_TOKEN:
        # RFC 9470 3 is for the sign-in alone, which a refresh does not repeat. The age of an otherwise valid
        # token has no error code of its own.
        return PolicyDenied(hint="the token is too old for this; get a new one with the refresh token")
    return PolicyDenied(
        scopes=policy.scope_names,
        hint="the token lacks a scope; users who sign in through the SDK get only "
        "aws.cognito.signin.user.admin unless a pre-token-generation trigger adds scopes",
    )
