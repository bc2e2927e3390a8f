"""Why a policy did not pass: the error that says what would have helped (RFC 6750 3.1, RFC 9470 3).

Owns the choice of the error. Pure: it evaluates the policy again with parts of it taken as granted.
"""

from collections.abc import Mapping
from itertools import product

from cognito_mr_auth.errors import AuthenticationTooOld, AuthError, CheckUnavailable, PolicyDenied
from cognito_mr_auth.policy import Policy, _Context

__all__ = ["denial"]

# With more checks that cannot answer, their combinations are not tried: the outage is ours anyway.
MAX_BROKEN = 8

# What is assumed to be granted, in this order, to find out why a policy did not pass. A check that
# could not answer comes first: when it would have decided, the refusal is ours and not the caller's.
_BLAME: tuple[frozenset[str], ...] = (
    frozenset({"max_age"}),
    frozenset({"scopes"}),
    frozenset({"scopes", "max_age"}),
)


def denial(policy: Policy, context: _Context) -> AuthError:
    """The error for a policy that did not pass: what would have helped decides its type."""
    helpful = dict(policy._helpful_answers())
    # A check that the evaluation never reached is taken to help: it is not what failed.
    answers = {**helpful, **context.answers}
    broken = [key for key in helpful if answers[key] is not True and answers[key] is not False]
    if len(broken) > MAX_BROKEN or (broken and _could_pass(policy, context, answers, broken)):
        return CheckUnavailable()
    for granted in _BLAME:
        if policy._evaluate(context._replace(answers=answers, granted=granted)) is True:
            return _blamed(policy, granted)
    return PolicyDenied()


def _could_pass(policy: Policy, context: _Context, answers: Mapping[int, object], broken: list[int]) -> bool:
    """Whether the checks that could not answer have answers with which the policy passes."""
    for guess in product((True, False), repeat=len(broken)):
        guessed = {**answers, **dict(zip(broken, guess, strict=True))}
        if policy._evaluate(context._replace(answers=guessed)) is True:
            return True
    return False


def _blamed(policy: Policy, granted: frozenset[str]) -> AuthError:
    if "max_age" in granted:
        seconds = min(leaf._seconds for leaf in policy._leaves("max_age"))
        return AuthenticationTooOld(max_age=seconds, hint="sign in again, then retry")
    return PolicyDenied(
        scopes=policy.scope_names,
        hint="the token lacks a scope; users who sign in through the SDK get only "
        "aws.cognito.signin.user.admin unless a pre-token-generation trigger adds scopes",
    )
