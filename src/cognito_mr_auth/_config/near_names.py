"""Whether a name is probably a mistake for a known one: a wrong letter, a plural, a shortened part (pure).

This module defines "near". It is for names of environment variables, whose parts "_" separates. A name that
is not near belongs to something else, such as COGNITO_DOMAIN or COGNITO_IDENTITY_POOL_ID.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["nearest_name"]

# A part of this many letters may have one mistake: a letter wrong, added, left out, or swapped with the next.
# A part of twice as many letters may have two.
LETTERS_FOR_ONE_SLIP = 4
# Fewer letters begin too many words. Two parts that share the second number of letters are forms of one word,
# such as AUTHORIZER and AUTHORISATION.
LEAST_BEGINNING = 3
LEAST_IN_COMMON = 6

_SEPARATORS = re.compile(r"[^A-Z0-9]+")


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` is near to, or None. Case and separators may differ too."""
    words = _words(name)
    rows = sorted(
        (distance, each) for each in known if (distance := _distance(words, _words(each))) is not None
    )
    return rows[0][1] if rows else None


def _words(name: str) -> list[str]:
    return [word for word in _SEPARATORS.split(name.upper()) if word]


def _distance(given: list[str], known: list[str]) -> int | None:
    """The distance of a name from a known one; None if it is another name."""
    if len(given) == len(known):
        distances = [_word_distance(one, other) for one, other in zip(given, known, strict=True)]
        near = [each for each in distances if each is not None]
        if len(near) == len(distances) and sum(near) <= 2:
            return sum(near)
    if 2 < len(given) < len(known) and given == known[: len(given)]:  # the known name begins with it
        return 2
    whole, other = "".join(given), "".join(known)
    return 1 if whole == other else _slips(whole, other, 1)


def _word_distance(one: str, other: str) -> int | None:
    """0 for equal parts, 1 for a plural or a beginning, else the number of mistakes; None if not near."""
    if one == other:
        return 0
    shorter, longer = sorted((one, other), key=len)
    if longer in (f"{shorter}S", f"{shorter}ES"):
        return 1
    if len(shorter) >= LEAST_BEGINNING and longer.startswith(shorter[:LEAST_IN_COMMON]):
        return 1
    return _slips(one, other, len(shorter) // LETTERS_FOR_ONE_SLIP)


def _slips(one: str, other: str, most: int) -> int | None:
    """The number of letters wrong, added, left out or swapped; None for more than two or more than `most`."""
    most = min(most, 2)
    if abs(len(one) - len(other)) > most:
        return None
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, start=1):
        above, before = before, row
        row = [at]
        for to, theirs in enumerate(other, start=1):
            best = min(before[to] + 1, row[-1] + 1, before[to - 1] + (letter != theirs))
            if above and to > 1 and letter == other[to - 2] and theirs == one[at - 2]:
                best = min(best, above[to - 2] + 1)
            row.append(best)
    return row[-1] if row[-1] <= most else None
