"""No single-character edit of a valid token verifies: every place, every character (ATK-38, O).

All of them, in processes of their own, since a coverage tool would make minutes of the seconds. Each
process takes a part of the places and prints what it found as JSON:

    python tests/security/test_token_edits.py PART PARTS
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import string
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cognito_mr_auth import Principal, Verifier
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.testing import FakeClock, FakeUserPool

ALPHABET = string.ascii_letters + string.digits + "-_"
# Characters that other decoders drop, translate, take for one of ours, or take for the end.
HOSTILE = '.=+/ \n\r\t\0%,~"é\uff0e\u3002\uff21\u212a\u200b\ufeff\U0001f511\ud800'
PARTS = 2

# The refusals that an edited token may get: none of a check that follows the signature (O).
BEFORE_THE_SIGNATURE = {"token_malformed", "algorithm_not_allowed", "issuer_unknown", "key_unknown"}
VERDICTS = BEFORE_THE_SIGNATURE | {"signature_invalid"}


def replaced(token: str, at: int) -> Iterator[str]:
    """Another character in this place."""
    for character in ALPHABET + HOSTILE:
        if character != token[at]:
            yield token[:at] + character + token[at + 1 :]


def inserted(token: str, at: int) -> Iterator[str]:
    """One more character before this place; behind the last one as well."""
    for place in (at, at + 1) if at == len(token) - 1 else (at,):
        for character in ALPHABET + HOSTILE:
            yield token[:place] + character + token[place:]


def deleted(token: str, at: int) -> Iterator[str]:
    """Without this character, and without all that follows it or that stands before it."""
    yield token[:at] + token[at + 1 :]
    yield token[:at]
    yield token[at + 1 :]


def transposed(token: str, at: int) -> Iterator[str]:
    """This character and a later one changed, unless they are the same: the next, and some far ones."""
    for other in (at + 1, at + 2, at + 4, len(token) - 1 - at, len(token) // 2):
        if at < other < len(token) and token[at] != token[other]:
            yield token[:at] + token[other] + token[at + 1 : other] + token[at] + token[other + 1 :]


def recased(token: str, at: int) -> Iterator[str]:
    """All from here on in the other case, if there is another one."""
    if token[at:].swapcase() != token[at:]:
        yield token[:at] + token[at:].swapcase()


EDITS: dict[str, Callable[[str, int], Iterator[str]]] = {
    "replaced": replaced,
    "inserted": inserted,
    "deleted": deleted,
    "transposed": transposed,
    "recased": recased,
}


def ends(verifier: Verifier, token: str) -> str:
    """The reason of the error, or "accepted"; an undocumented error goes through."""
    try:
        verifier.verify(token)
    except AuthError as error:
        return error.reason
    return "accepted"


def material() -> tuple[Verifier, str, Principal]:
    """A verifier whose caches hold the token and its header; the token; its principal."""
    pool = FakeUserPool(clock=FakeClock())
    verifier = pool.offline_verifier()
    token = pool.access_token(groups=["ops"])
    return verifier, token, verifier.verify(token)


def run(part: int, parts: int) -> dict[str, Any]:
    """Every edit at every place of this part."""
    verifier, token, principal = material()
    counts: dict[str, Counter[str]] = {name: Counter() for name in EDITS}
    accepted: list[str] = []
    for at in range(part, len(token), parts):
        for name, edit in EDITS.items():
            for edited in edit(token, at):
                reason = ends(verifier, edited)
                counts[name][reason] += 1
                if reason not in VERDICTS:
                    accepted.append(f"{name} at {at}: {reason}")
    return {
        "characters": len(token),
        "counts": counts,
        "accepted": accepted[:10],
        "same": verifier.verify(token) is principal,
        "cached": len(verifier._token_cache),
        "headers": len(verifier._header_cache.kids),
    }


@pytest.fixture(scope="module")
def found() -> list[dict[str, Any]]:
    """What the processes found, which run at the same time."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    running = [
        subprocess.Popen([sys.executable, __file__, str(part), str(PARTS)], env=clean, stdout=subprocess.PIPE)
        for part in range(PARTS)
    ]
    said = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0] * PARTS
    return [json.loads(each) for each in said]


@pytest.mark.parametrize("edit", EDITS)
def test_no_edit_verifies(found: list[dict[str, Any]], edit: str) -> None:
    """RFC 8725 3.3 and p1: each is refused, and for nothing that its claims say."""
    counts: Counter[str] = sum((Counter(each["counts"][edit]) for each in found), Counter())
    assert set(counts) <= VERDICTS
    # How many there are for each place; the two parts' tokens may differ by a character in length.
    each = {"replaced": len(ALPHABET + HOSTILE) - 1, "inserted": len(ALPHABET + HOSTILE), "deleted": 3}
    places = min(part["characters"] for part in found)
    assert counts.total() >= 0.99 * places * each.get(edit, 1)
    assert counts["signature_invalid"] + counts["token_malformed"] > 0


def test_the_token_itself_stays_good(found: list[dict[str, Any]]) -> None:
    """After all of it the token is the same hit, and neither cache holds anything else (C3)."""
    for each in found:
        assert each["accepted"] == []
        assert (each["same"], each["cached"], each["headers"]) == (True, 1, 1)


def test_averify_says_the_same() -> None:
    """A sample of each kind of edit at every place, one event loop."""
    verifier, token, principal = material()

    async def main() -> None:
        for at in range(0, len(token), 3):
            for name, edit in EDITS.items():
                edited = list(edit(token, at))[at % 3 :: 23]
                for each in edited:
                    with pytest.raises(AuthError) as caught:
                        await verifier.averify(each)
                    assert caught.value.reason in VERDICTS, (name, at)
        assert await verifier.averify(token) is principal

    asyncio.run(main())


def test_edits_of_many_tokens_under_no_cache() -> None:
    """Tokens of other lengths: the last characters of segments that end in groups of 2, 3 and 4."""
    pool = FakeUserPool(clock=FakeClock())
    verifier = pool.offline_verifier(cache_size=0)
    tails = set()
    for length in range(3):
        extra = {"x": "y" * length}
        token = pool.access_token(claims=extra, header=extra)
        assert ends(verifier, token) == "accepted"
        places = [at - 1 for at, character in enumerate(token + ".") if character == "."]
        tails |= {len(segment) % 4 for segment in token.split(".")[:2]}
        for at in places:
            assert {ends(verifier, each) for each in replaced(token, at)} <= VERDICTS
            assert {ends(verifier, each) for each in inserted(token, at)} <= VERDICTS
    assert tails == {0, 2, 3}


if __name__ == "__main__":
    gc.disable()  # a sixth of the time
    sys.stdout.write(json.dumps(run(int(sys.argv[1]), int(sys.argv[2]))))
