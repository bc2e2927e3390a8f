"""Counts of outcomes: plain integers for each pool, kind of issuer and result (B2).

This module has the integers and the hook `on_outcome`. No lock is taken. With a GIL all threads add to the
same integers, because no other thread runs within an addition. Without one each thread adds to integers of
its own, and a reading adds them up. Each verification and each refusal of a guard is counted once.
"""

from __future__ import annotations

import sys
from _thread import get_ident as this_thread  # a number alone; `threading` is for those that start threads
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from cognito_mr_auth import errors
from cognito_mr_auth.errors import AuthError

if TYPE_CHECKING:
    from cognito_mr_auth.outcomes import Outcome
    from cognito_mr_auth.principal import IssuerKind

__all__ = ["ACCEPTED", "REASONS", "Counting", "OnOutcome", "Outcomes", "Tally", "reason_of"]

# Asked for once: an interpreter that starts with a GIL keeps it (PEP 703).
HAS_GIL: bool = getattr(sys, "_is_gil_enabled", lambda: True)()

ACCEPTED = "accepted"
# The only results beside it. So counts have few rows, whatever errors an application raises.
REASONS = ("key_unconfirmed", *sorted(
    {each.reason for each in vars(errors).values() if isinstance(each, type) and issubclass(each, AuthError)}
))  # fmt: skip

_KNOWN = frozenset(REASONS)

T = TypeVar("T")


OnOutcome = Callable[["Outcome"], object]
"""A user's hook. It is called with one outcome at a time, on the thread that verifies."""


class _Share:
    """What one thread has added, or all threads with a GIL."""

    __slots__ = ("accepted", "newest_iat", "refused")

    def __init__(self) -> None:
        self.accepted = 0
        self.newest_iat: float | None = None
        # To add to a missing entry is no call of Python code, so no signal's handler comes between.
        self.refused: defaultdict[str, int] = defaultdict(int)


class _Shares(dict[int, _Share]):
    """The shares by their threads' numbers. A later thread goes on with the share of one that has ended."""

    __slots__ = ()

    def __missing__(self, thread: int) -> _Share:
        return self.setdefault(thread, _Share())  # a signal's handler may have made it meanwhile


class Tally:
    """The outcomes of one kind of issuer of one pool. With None and None, the issuer was not known yet."""

    __slots__ = ("issuer_kind", "provider", "shares")

    def __init__(self, provider: str | None, issuer_kind: IssuerKind | None) -> None:
        self.provider = provider
        self.issuer_kind = issuer_kind
        self.reset()

    @property
    def origin(self) -> tuple[str | None, IssuerKind | None]:
        """The pool and the kind of issuer in the form that an error has."""
        return self.provider, self.issuer_kind

    def reset(self) -> None:
        """Set all counts to zero: in the constructor, and in a forked child, which has one thread."""
        self.shares = _Shares()

    @property
    def share(self) -> _Share:
        """Where the running thread adds."""
        return self.shares[this_thread()]

    def saw(self, iat: float) -> None:
        """Note the `iat` of a token whose signature and claims were accepted."""
        # Not in a share of all threads: with a GIL, too, another thread may run between look and assignment.
        share = self.shares[this_thread()]
        if share.newest_iat is None or iat > share.newest_iat:
            share.newest_iat = iat

    def _all(self) -> Iterable[_Share]:
        """The shares of all threads, of which new ones may come meanwhile."""
        return self.shares.copy().values()

    @property
    def accepted(self) -> int:
        """How many were accepted."""
        return sum(each.accepted for each in self._all())

    @property
    def refused(self) -> dict[str, int]:
        """How many were refused, by the reason, for each reason that has come; in the order of REASONS."""
        total: Counter[str] = Counter()
        for each in self._all():
            total.update(each.refused.copy())
        return {reason: total[reason] for reason in REASONS if reason in total}

    @property
    def newest_iat(self) -> float | None:
        """The newest `iat` that any thread saw."""
        return max((iat for each in self._all() if (iat := each.newest_iat) is not None), default=None)


class _SharedTally(Tally):
    """The same where Python has a GIL: one share for all threads makes a cache hit some percent cheaper."""

    __slots__ = ("share",)

    share: _Share

    def reset(self) -> None:
        super().reset()
        self.share = self.shares[0]  # no thread has this number


class Outcomes:
    """The counts of one verifier, and its hook.

    `tell` calls the hook and handles what it raises, because an exception changes no outcome (H3).
    """

    def __init__(
        self,
        on_outcome: OnOutcome | None,
        tell: Callable[[Callable[[Any], object], Any], None],
        *,
        has_gil: bool = HAS_GIL,
    ) -> None:
        self._tally = _SharedTally if has_gil else Tally
        self._on_outcome = on_outcome
        if on_outcome is not None:  # imported here, because a verification must import nothing
            from cognito_mr_auth.outcomes import Outcome

            self._outcome = Outcome
        self._tell = tell
        self._unknown: Tally = self._tally(None, None)
        self._tallies: dict[tuple[str | None, str | None], Tally] = {(None, None): self._unknown}

    def tally(self, provider: str, issuer_kind: IssuerKind) -> Tally:
        """The only tally of a pool's kind of issuer. Several Regions may share it."""
        return self._tallies.setdefault((provider, issuer_kind), self._tally(provider, issuer_kind))

    def accepting(self, tally: Tally, steps: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        """Run these steps, and count their end as an acceptance."""
        done = yield from steps
        tally.share.accepted += 1
        self._report(tally, ACCEPTED)
        return done

    def refused(self, error: AuthError) -> None:
        """Count a refused request. An error from elsewhere may name a pool that is not ours."""
        tally = self._tallies.get(error._origin, self._unknown)
        result = reason_of(error)
        tally.share.refused[result] += 1
        self._report(tally, result)

    def _report(self, tally: Tally, result: str) -> None:
        if self._on_outcome is not None:
            self._tell(self._on_outcome, self._outcome(tally.provider, tally.issuer_kind, result))

    def counts(self) -> dict[Outcome, int]:
        """The counts. Acceptances have a row from the start, a refusal from its first occurrence on."""
        from cognito_mr_auth.outcomes import Outcome

        found: dict[Outcome, int] = {}
        for tally in list(self._tallies.values()):
            provider, kind = tally.origin
            if provider is not None:
                found[Outcome(provider, kind, ACCEPTED)] = tally.accepted
            found |= {Outcome(provider, kind, reason): count for reason, count in tally.refused.items()}
        return found

    def newest_iat(self) -> dict[tuple[str, IssuerKind], float | None]:
        """The newest `iat` of accepted tokens, by provider and kind of issuer."""
        return {
            (each.provider, each.issuer_kind): each.newest_iat
            for each in list(self._tallies.values())
            if each.provider is not None and each.issuer_kind is not None
        }

    def reset_after_fork(self) -> None:
        """Set all counts to zero, because a child counts only its own work."""
        for tally in self._tallies.values():
            tally.reset()


class Counting:
    """The outcomes of a verifier, as its users read them."""

    _outcomes: Outcomes

    def counts(self) -> dict[Outcome, int]:
        """Returns how often each outcome came in this process, by provider, kind of issuer and result.

        It is a new dict, whose keys equal plain tuples such as
        `("us-west-2_EXAMPLE", "original", "accepted")`. Each kind of issuer of each pool has a row
        "accepted", which may be zero. A refusal has a row once it has come. A refusal before the issuer was
        known has None and None. Counts never fall; those of a forked child begin at zero.
        """
        return self._outcomes.counts()

    def newest_iat(self) -> dict[tuple[str, IssuerKind], float | None]:
        """Returns the newest `iat` of a valid token, by provider and kind of issuer; None before the first.

        The times are seconds since the epoch. They show which issuers still issue tokens, whatever `revoked`
        and policies decide about these tokens.
        """
        return self._outcomes.newest_iat()


def reason_of(error: AuthError) -> str:
    """The error's reason. An application's own class gets the reason of our class that it derives from."""
    reason = error.reason
    if reason.__class__ is str and reason in _KNOWN:
        return reason
    inherited = (vars(each).get("reason") for each in type(error).__mro__)
    return next(each for each in inherited if each.__class__ is str and each in _KNOWN)
