"""The demo: what it plays, that it succeeds on the real thing, and that it can fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import pytest
from click.testing import CliRunner

from cognito_mr_auth import errors, events
from cognito_mr_auth.cli import main
from cognito_mr_auth.cli._demo.command import MAX_PHASE_SECONDS, perform
from cognito_mr_auth.cli._demo.judge import Call, World
from cognito_mr_auth.cli._demo.ordinary import Accepts, Endpoint, Ordinary, found
from cognito_mr_auth.cli._demo.plan import KINDS, Phase, Plan, story
from cognito_mr_auth.cli._demo.report import Board, Report
from cognito_mr_auth.cli._demo.run import MakeVerifier, real_verifier
from cognito_mr_auth.cli._demo.subject import Subject
from cognito_mr_auth.cli._demo.tokens import FORGED, Shot, stream
from cognito_mr_auth.testing import FakeUserPool

OUTAGE = "everything is down"
SHORT = Plan((Phase("one", 0.2), Phase("two", 0.2, cold="second")), rate=50.0)


class Recorder:
    """A show that keeps what it is given."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.reports: list[Report] = []

    def begin(self, plan: Plan, ordinary: Ordinary | None) -> None:
        self.plans.append(plan)

    def update(self, report: Report) -> None:
        self.reports.append(report)

    def end(self, report: Report) -> None:
        self.reports.append(report)


# --- What is played


def test_the_story_is_the_issues() -> None:
    """Six phases in order, each with its faults, in at most 30 s."""
    plan = story()
    assert [sorted(phase.faults) for phase in plan.phases] == [
        [],
        ["original", "updated"],
        ["original", "updated"],
        ["original", "updated"],
        ["original", "replica", "updated"],
        [],
    ]
    assert [phase.cold for phase in plan.phases] == [None, None, "second", None, "third", None]
    assert [phase.rotate for phase in plan.phases] == [False, False, False, True, False, False]
    for seconds in (plan, story(MAX_PHASE_SECONDS)):
        assert sum(phase.seconds + phase.longer for phase in seconds.phases) < 28.5


def test_unknown_kids_leave_room_for_the_rotation() -> None:
    """Forged kids before the rotation cause fewer than the two refreshes that R4 allows at once."""
    before = [phase for phase in story().phases[:4] if phase.unknown_kid]
    assert len(before) <= 1


def test_the_stream_has_every_token() -> None:
    """Valid tokens of every issuer and kind, and every way of forging, each what it says it is."""
    pool = FakeUserPool()
    shots = list(islice(stream(pool), 50))
    reported = {shot.what for shot in shots if not shot.forged}
    assert len(reported) == 9
    assert all(any(kind in what for what in reported) for kind in KINDS)
    assert {shot.what for shot in shots if shot.forged} == set(FORGED)
    assert sum(shot.forged for shot in shots) == 20
    with pool.offline_verifier("any") as verifier:
        for shot in shots:
            if shot.forged:
                with pytest.raises(errors.TokenRejected):
                    verifier.verify(shot.token)
            else:
                assert verifier.verify(shot.token)


# --- The real thing


@pytest.mark.needs("jwt")
@pytest.mark.outside
def test_it_succeeds_on_the_real_verifier() -> None:
    """Every phase, shortened: nothing valid refused, nothing forged accepted, 503 only in need.

    Beside it PyJWKClient accepts before and after, and loses requests while its Region is away.
    The outage lasts longer than the second for which callers wait before all but one get 503 (W7).
    """
    show, plan = Recorder(), story(0.4)
    phases = [replace(each, seconds=1.6) if each.name == OUTAGE else each for each in plan.phases]
    assert [each.seconds for each in phases].count(1.6) == 1
    # A machine that stalls may spend both payments on unknown kids here, and they come back every 5 s (R4):
    # the shortened rotation would be over before.
    # And the first phase lasts until every endpoint has answered, however slow the machine is.
    phases[0] = replace(phases[0], unknown_kid=False, longer=2.0)
    assert perform(replace(plan, phases=tuple(phases)), show, ordinary=found(plan)) == 0, show.reports[-1]
    last = show.reports[-1]
    assert last.counts["valid refused"] == last.counts["forged accepted"] == 0
    assert last.counts["valid accepted"] > 50
    assert last.counts["forged refused"] > 30
    assert last.counts["valid unavailable"] >= 1
    assert [phase.unavailable for phase in last.phases[:4]] == [0, 0, 0, 0]
    notes = " ".join(note for phase in last.phases for note in phase.notes)
    for reported in ("second verifier, cold: first token", "new keys accepted", "third verifier, cold"):
        assert reported in notes
    assert set(last.phases[0].answered) == set(KINDS)
    assert last.phases[4].answered == {}
    ours, theirs = last.columns
    assert [score.lost for score in ours.phases] == [0] * 6
    assert [score.sent for score in ours.phases] == [score.sent for score in theirs.phases]
    # How many depends on Python: from 3.12 on each fetch of urllib's takes so long that callers who wait for
    # one another are answered late, some of them after the recovery.
    assert sum(score.lost for score in theirs.phases[1:5]) > 0
    # What was on its way when the Region died counts in the phase before.
    assert theirs.phases[0].accepted > 0
    assert theirs.phases[5].accepted > 0
    assert len(show.reports) > 10
    assert last.seconds < 12


# --- It can fail


class Stub:
    """A verifier that always answers the same."""

    def __init__(self, answer: Callable[[], None]) -> None:
        self._answer = answer
        self.closed = False

    def verify(self, token: str) -> object:
        return self._answer()

    def close(self) -> None:
        self.closed = True


def _raises(error: Exception) -> Callable[[], None]:
    def answer() -> None:
        raise error

    return answer


STUBS = [
    pytest.param(lambda: None, "forged token accepted: alg none", id="accepts-all"),
    pytest.param(_raises(errors.TokenExpired()), "valid token refused", id="refuses-all"),
    pytest.param(_raises(errors.KeysUnavailable()), "503 though the key", id="503-always"),
]


@pytest.mark.parametrize(("answer", "reported"), STUBS)
@pytest.mark.outside
def test_a_wrong_verifier_fails(answer: Callable[[], None], reported: str) -> None:
    """A verifier that gives wrong answers ends in exit status 1, and the faults are reported."""
    show = Recorder()
    stubs: list[Stub] = []

    def make(_pool: FakeUserPool, _plan: Plan, _on_event: Callable[[events.Event], None]) -> Stub:
        stubs.append(Stub(answer))
        return stubs[-1]

    assert perform(SHORT, show, make) == 1
    assert any(wrong.startswith(reported) for wrong in show.reports[-1].phases[0].wrong)
    assert show.reports[-1].summary.startswith("FAILED")
    assert len(stubs) == 2
    assert all(stub.closed for stub in stubs)


@pytest.mark.outside
def test_a_bug_is_not_hidden() -> None:
    """What is no AuthError comes out, after everything was closed, and nothing claims success."""
    show = Recorder()
    make: MakeVerifier = lambda *_: Stub(_raises(ZeroDivisionError()))  # noqa: E731
    with pytest.raises(ZeroDivisionError):
        perform(SHORT, show, make)
    assert show.reports[-1].summary.startswith("BROKEN OFF")


@pytest.mark.outside
def test_a_silent_phase_fails() -> None:
    """A phase without a single accepted token is no success, although nothing was wrong."""
    plan = Plan((Phase("all down", 0.3, dict.fromkeys(KINDS, "refuse")),), rate=20.0)
    show = Recorder()
    assert perform(plan, show, real_verifier) == 1
    assert show.reports[-1].phases[0].wrong == ("no valid token accepted",)


# --- Beside an ordinary verifier


@pytest.mark.outside
def test_an_ordinary_verifier_that_hangs_ends_nothing_and_fails_nothing() -> None:
    """What hangs at the end is lost; the demo ends all the same, and its status is about ours alone."""
    released, show = threading.Event(), Recorder()
    ordinary = Ordinary("Hangs", "1", {}, lambda *_: lambda _token: released.wait())
    try:
        assert perform(SHORT, show, ordinary=ordinary) == 0, show.reports[-1]
    finally:
        released.set()
    ours, theirs = (column.total for column in show.reports[-1].columns)
    assert (ours.lost, theirs.accepted) == (0, 0)
    assert theirs.lost == theirs.sent == ours.sent > 0


@pytest.mark.outside
def test_a_verifier_that_starts_without_any_keys_to_be_had_has_none_beside_it() -> None:
    """It compares nothing: neither its requests nor its losses are counted."""
    made: list[list[str]] = []

    def make(_pool: FakeUserPool, _primary: Endpoint, issuers: list[str]) -> Accepts:
        made.append(issuers)
        return lambda _token: True

    down = Phase("down", 0.1, dict.fromkeys(KINDS, "refuse"), cold="third")
    plan = Plan((Phase("well", 0.1), Phase("one", 0.1, cold="second"), down), rate=50.0)
    show, ours = Recorder(), []

    def stub(*_: object) -> Stub:
        ours.append(Stub(lambda: None))
        return ours[-1]

    perform(plan, show, stub, Ordinary("All", "1", {}, make))
    last = show.reports[-1]
    assert (len(ours), [len(issuers) for issuers in made]) == (3, [3, 3])
    first, second = last.columns
    assert first.phases == second.phases
    assert first.total.sent == last.counts["valid accepted"] - 1  # the third one's only token


# --- What is counted


def _call(shot: Shot, seconds: float = 0.1) -> Call:
    return Call(shot, 1.0, 1.0 + seconds, frozenset())


VALID = Shot("", "valid", forged=False, kid="a")


def test_a_call_belongs_to_the_phase_that_it_began_in() -> None:
    """A phase is reported as over only when its last call has ended."""
    board = Board(SHORT)
    board.is_now(World(0.0, frozenset(KINDS), frozenset("a")))
    board.enter(0)
    index = board.opened()
    board.enter(1)
    assert [phase.open_calls for phase in board.report(0.0).phases] == [1, 0]
    board.closed(index, _call(VALID, 0.25), None)
    first, second = board.report(0.0).phases
    assert (first.state, first.accepted, first.slowest_ms, first.wrong) == ("ended", 1, 250.0, ())
    assert (second.state, second.accepted) == ("running", 0)


def test_many_faults_are_reported_in_few_lines() -> None:
    """The same fault is counted, and of many different ones the first five are reported."""
    board = Board(SHORT)
    board.enter(0)
    for what in ["a", "a", "b", "c", "d", "e", "f", "g"]:
        board.closed(board.opened(), _call(Shot("", what, forged=True, kid=None)), None)
    wrong = board.report(0.0).phases[0].wrong
    assert wrong[0] == "forged token accepted: a (2 times)"
    assert len(wrong) == 6
    assert wrong[-1] == "and 2 more"


def test_who_has_answered() -> None:
    """Counted per phase."""
    board = Board(SHORT)
    board.enter(0)
    board.answered("replica")
    assert board.have_answered(["replica"])
    board.enter(1)
    assert not board.have_answered(["replica"])
    board.enter(2)
    board.answered("updated")  # an answer that comes when all is over
    assert board.report(0.0).phases[1].answered == {"updated": 1}


def test_an_answer_under_way_counts_while_its_endpoint_was_well() -> None:
    """An endpoint answers no request in a phase in which it is down."""
    one, two = Phase("well", 1.0), Phase("down", 1.0, {"replica": "refuse"})
    board = Board(Plan((one, two, two)))
    board.enter(2)
    for kind in ("replica", "original"):
        board.answered(kind)
    assert [phase.answered for phase in board.report(0.0).phases] == [{"replica": 1}, {}, {"original": 1}]


# --- What is remarked

UNAVAILABLE = errors.KeysUnavailable()


def _subject(cold: str | None) -> Subject:
    return Subject(cold, lambda url: url, lambda _kind: None)


def test_a_subject_follows_events() -> None:
    """Which kids a verifier holds follows from its events."""
    answering: list[str] = []
    subject = Subject(None, {"u": "updated"}.__getitem__, answering.append)
    subject.on_event(events.KeysChanged("p", ("a", "b"), ()))
    subject.on_event(events.KeysChanged("p", ("c",), ("a",)))
    subject.on_event(events.FetchSucceeded("p", "u", 0.1, 2, 0))
    subject.on_event(events.StateChanged("p", "empty", "fresh"))
    assert subject.held == {"b", "c"}
    assert answering == ["updated"]


def test_a_cold_start_is_remarked_once() -> None:
    """The first token, with its source."""
    subject = _subject("second")
    subject.on_event(events.FetchSucceeded("p", "replica", 0.1, 2, 0))
    reported = subject.remark(_call(VALID), None, 0.0)
    assert reported is not None
    assert reported.startswith("second verifier, cold: first token after ")
    assert reported.endswith("keys from replica")
    assert subject.remark(_call(VALID), None, 0.0) is None


def test_a_cold_start_in_an_outage_is_remarked_twice() -> None:
    """The first 503, and the first token; the ones between are only counted."""
    subject = _subject("third")
    assert subject.remark(_call(VALID), UNAVAILABLE, 0.0) == "third verifier, cold: 503 in 100 ms"
    assert subject.remark(_call(VALID), UNAVAILABLE, 0.0) is None
    reported = subject.remark(_call(VALID), None, 0.5)
    assert reported == "third verifier: first token 0.6 s into this phase"


def test_a_new_key_is_remarked_once() -> None:
    """The first token that was accepted after a rotation."""
    subject = _subject(None)
    assert subject.remark(_call(VALID), None, 0.0) is None
    subject.awaits(frozenset("a"))
    reported = subject.remark(_call(VALID), None, 0.9)
    assert reported == "first token of the new keys accepted after 200 ms"
    assert subject.remark(_call(VALID), None, 0.0) is None


@pytest.mark.outside
def test_json() -> None:
    """One document, with the lifetimes, the phases and the verdict."""
    done = CliRunner().invoke(main, ["demo", "--phase-seconds", "0.5", "--rate", "20", "--json"])
    document = json.loads(done.output)
    assert (done.exit_code, document["ok"]) == (0, True), document
    assert document["windows"]["max_stale"] == 60
    assert [phase["name"] for phase in document["phases"]] == [each.name for each in story().phases]
    assert document["summary"].startswith("WELL after")
    assert document["lost"][0]["verifier"] == "cognito-mr-auth"
    assert document["lost"][0]["lost"] == 0
