"""Counts of outcomes: plain integers for each pool, kind of issuer and result (B2).

Owns the integers and the hook `on_outcome`. Each thread adds to integers of its own, without a lock, and a
reading adds up those of all threads. So no addition is lost, with a GIL or without. Each verification and
each refusal of a guard comes here once.
"""

from __future__ import annotations

from _thread import get_ident as this_thread  # as `threading` gives it, which pure modules may not reach
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from cognito_mr_auth import errors
from cognito_mr_auth.errors import AuthError

if TYPE_CHECKING:
    from cognito_mr_auth.outcomes import Outcome

__all__ = ["ACCEPTED", "REASONS", "Counting", "OnOutcome", "Outcomes", "Tally", "reason_of", "this_thread"]

ACCEPTED = "accepted"
# The only results beside it: counts have few rows, whatever errors an application raises.
REASONS = ("key_unconfirmed", *sorted(
    {each.reason for each in vars(errors).values() if isinstance(each, type) and issubclass(each, AuthError)}
))  # fmt: skip

_KNOWN = frozenset(REASONS)

T = TypeVar("T")


OnOutcome = Callable[["Outcome"], object]
"""A user's hook: called with one outcome at a time, on the thread that verifies."""


class _Share:
    """What one thread has added. No other thread writes here."""

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
    """The outcomes of one kind of issuer of one pool; of None and None: before the issuer was known.

    `shares[this_thread()]` is where the running thread adds.
    """

    __slots__ = ("issuer_kind", "provider", "shares")

    def __init__(self, provider: str | None, issuer_kind: str | None) -> None:
        self.provider = provider
        self.issuer_kind = issuer_kind
        self.reset()

    @property
    def origin(self) -> tuple[str | None, str | None]:
        """As an error has it."""
        return self.provider, self.issuer_kind

    def reset(self) -> None:
        """Begin at zero: in the constructor, and in a forked child, which has one thread."""
        self.shares = _Shares()

    def saw(self, iat: float) -> None:
        """A token was issued then, and its signature and claims were accepted."""
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
        """How many were refused, by the reason, for each reason that came; in the order of REASONS."""
        total: Counter[str] = Counter()
        for each in self._all():
            total.update(each.refused.copy())
        return {reason: total[reason] for reason in REASONS if reason in total}

    @property
    def newest_iat(self) -> float | None:
        """The newest `iat` that any thread saw."""
        return max((iat for each in self._all() if (iat := each.newest_iat) is not None), default=None)


class Outcomes:
    """The tallies of one verifier, and its hook.

    `tell` calls the hook and deals with what it raises, since that changes no outcome (H3).
    """

    def __init__(
        self, on_outcome: OnOutcome | None, tell: Callable[[Callable[[Any], object], Any], None]
    ) -> None:
        self._on_outcome = on_outcome
        if on_outcome is not None:  # loaded here, because a token that is verified must load nothing
            from cognito_mr_auth.outcomes import Outcome

            self._outcome = Outcome
        self._tell = tell
        self._unknown = Tally(None, None)
        self._tallies: dict[tuple[str | None, str | None], Tally] = {(None, None): self._unknown}

    def tally(self, provider: str, issuer_kind: str) -> Tally:
        """The one tally of a pool's kind of issuer, which several Regions may share."""
        return self._tallies.setdefault((provider, issuer_kind), Tally(provider, issuer_kind))

    def accepting(self, tally: Tally, steps: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        """These steps; their end is an acceptance."""
        done = yield from steps
        tally.shares[this_thread()].accepted += 1
        self._report(tally, ACCEPTED)
        return done

    def refused(self, error: AuthError) -> None:
        """A request was refused. An error that came from elsewhere may name a pool that is not ours."""
        tally = self._tallies.get(error._origin, self._unknown)
        result = reason_of(error)
        tally.shares[this_thread()].refused[result] += 1
        self._report(tally, result)

    def _report(self, tally: Tally, result: str) -> None:
        if self._on_outcome is not None:
            self._tell(self._on_outcome, self._outcome(tally.provider, tally.issuer_kind, result))

    def counts(self) -> dict[Outcome, int]:
        """What has been counted. Acceptances are there from the beginning, refusals from the first one on."""
        from cognito_mr_auth.outcomes import Outcome

        found: dict[Outcome, int] = {}
        for (provider, kind), tally in list(self._tallies.items()):
            if provider is not None:
                found[Outcome(provider, kind, ACCEPTED)] = tally.accepted
            found |= {Outcome(provider, kind, reason): count for reason, count in tally.refused.items()}
        return found

    def newest_iat(self) -> dict[tuple[str, str], float | None]:
        """The newest `iat` of accepted tokens, by provider and kind of issuer."""
        known = [each for each in list(self._tallies.values()) if each is not self._unknown]
        return {(str(each.provider), str(each.issuer_kind)): each.newest_iat for each in known}

    def reset_after_fork(self) -> None:
        """A child counts what it does itself."""
        for tally in self._tallies.values():
            tally.reset()


class Counting:
    """What a verifier's users read of its outcomes."""

    _outcomes: Outcomes

    def counts(self) -> dict[Outcome, int]:
        """How often each outcome came in this process, by provider, kind of issuer and result.

        A fresh dict, whose keys equal plain tuples: `counts()["us-west-2_EXAMPLE", "original", "accepted"]`.
        Each kind of issuer of each pool has a row "accepted", also at zero; a refusal has one once it came.
        What came before its issuer was known stands under None and None. Counts never fall; a forked child's
        begin at zero.
        """
        return self._outcomes.counts()

    def newest_iat(self) -> dict[tuple[str, str], float | None]:
        """The newest `iat` of a valid token, by provider and kind of issuer; None before the first.

        Seconds since the epoch. It shows which issuers still mint tokens, whatever `revoked` and policies say
        of these.
        """
        return self._outcomes.newest_iat()


def reason_of(error: AuthError) -> str:
    """The error's reason; for a class of the application's own, that of ours which it is derived from."""
    reason = error.reason
    if reason.__class__ is str and reason in _KNOWN:
        return reason
    inherited = (vars(each).get("reason") for each in type(error).__mro__)
    return next(each for each in inherited if each.__class__ is str and each in _KNOWN)
