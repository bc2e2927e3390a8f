"""Whether a name is a slip of one that is known: a letter wrong, a plural, a word cut short (pure).

Owns what "near" means. It is for names of environment variables, words that "_" separates. A name that is not
near is somebody else's: COGNITO_DOMAIN, COGNITO_IDENTITY_POOL_ID.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["nearest_name"]

# A word of so many letters may have one slip: a letter wrong, added, left out, or swapped with its neighbour.
# One of twice as many may have two.
LETTERS_FOR_ONE_SLIP = 4
# Fewer letters are the beginning of too many words. Two words that share so many are one in another form:
# AUTHORIZER, AUTHORISATION.
LEAST_BEGINNING = 3
LEAST_IN_COMMON = 6

_SEPARATORS = re.compile(r"[^A-Z0-9]+")


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """The known name of which `name` is a slip, if there is one; also another case or another separator."""
    words = _words(name)
    rows = sorted(
        (distance, each) for each in known if (distance := _distance(words, _words(each))) is not None
    )
    return rows[0][1] if rows else None


def _words(name: str) -> list[str]:
    return [word for word in _SEPARATORS.split(name.upper()) if word]


def _distance(given: list[str], known: list[str]) -> int | None:
    """How far a name is from a known one; None if it is another name."""
    if len(given) == len(known):
        distances = [_word_distance(one, other) for one, other in zip(given, known, strict=True)]
        near = [each for each in distances if each is not None]
        if len(near) == len(distances) and sum(near) <= 2:
            return sum(near)
    if 2 < len(given) < len(known) and given == known[: len(given)]:  # the beginning of one
        return 2
    whole, other = "".join(given), "".join(known)
    return 1 if whole == other else _slips(whole, other, 1)


def _word_distance(one: str, other: str) -> int | None:
    """0 for the same word, 1 for its plural or its beginning, else its slips; None for another word."""
    if one == other:
        return 0
    shorter, longer = sorted((one, other), key=len)
    if longer in (f"{shorter}S", f"{shorter}ES"):
        return 1
    if len(shorter) >= LEAST_BEGINNING and longer.startswith(shorter[:LEAST_IN_COMMON]):
        return 1
    return _slips(one, other, len(shorter) // LETTERS_FOR_ONE_SLIP)


def _slips(one: str, other: str, most: int) -> int | None:
    """How many letters are wrong, added, left out or swapped; None for more than two, or than `most`."""
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
