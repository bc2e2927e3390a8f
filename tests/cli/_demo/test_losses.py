"""What a verifier of the demo lost: each valid request once, in the phase that it was sent in."""

from __future__ import annotations

import threading

import pytest

from cognito_mr_auth.cli._demo.losses import Column, Losses, Score

# What happened in two phases (s: sent, a: accepted, l: lost; then the phase), and both scores as
# sent, accepted, lost, waiting.
COUNTED = [
    pytest.param("", (0, 0, 0, 0), (0, 0, 0, 0), id="nothing"),
    pytest.param("s0 a0", (1, 1, 0, 0), (0, 0, 0, 0), id="accepted"),
    pytest.param("s0 l0", (1, 0, 1, 0), (0, 0, 0, 0), id="lost"),
    pytest.param("s0 s0 a0", (2, 1, 0, 1), (0, 0, 0, 0), id="one-waits"),
    pytest.param("s0 s1 a1 l0", (1, 0, 1, 0), (1, 1, 0, 0), id="answered-in-the-next-phase"),
]


def _played(steps: str) -> Losses:
    losses = Losses("x", 2)
    for step in steps.split():
        if step[0] == "s":
            losses.sent(int(step[1]))
        else:
            losses.answered(int(step[1]), accepted=step[0] == "a")
    return losses


def _numbers(score: Score) -> tuple[int, int, int, int]:
    return score.sent, score.accepted, score.lost, score.waiting


@pytest.mark.parametrize(("steps", "first", "second"), COUNTED)
def test_what_is_counted(steps: str, first: tuple[int, ...], second: tuple[int, ...]) -> None:
    """A request without an answer waits; an answer counts where the request did."""
    column = _played(steps).column()
    assert [_numbers(score) for score in column.phases] == [first, second]
    assert _numbers(column.total) == tuple(map(sum, zip(first, second, strict=True)))


def test_what_waits_at_the_end_is_lost() -> None:
    """And an answer that comes later changes nothing."""
    losses = _played("s0 s0 a0 s1 l1")
    losses.end(0)
    losses.answered(0, accepted=True)
    assert [_numbers(score) for score in losses.column().phases] == [(2, 1, 1, 0), (1, 0, 1, 0)]


def test_the_end_waits_for_answers_on_their_way() -> None:
    """As soon as the last one is there it goes on."""
    losses = _played("s0 s1 a1")
    late = threading.Timer(0.05, losses.answered, (0,), {"accepted": True})
    late.start()
    losses.end(60)
    late.join()
    assert losses.column().total == Score(2, 2, 0)


def test_json() -> None:
    """The sums, then each phase."""
    column = Column("x", (Score(3, 1, 2), Score(1, 1, 0)))
    assert column.to_dict() == {
        "verifier": "x",
        "sent": 4,
        "accepted": 2,
        "lost": 2,
        "phases": [{"sent": 3, "accepted": 1, "lost": 2}, {"sent": 1, "accepted": 1, "lost": 0}],
    }
