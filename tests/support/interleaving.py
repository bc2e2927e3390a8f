"""Runs functions on threads that switch between any two bytecodes, as threads without a GIL do.

With a GIL, CPython looks for another thread at calls and loops only, so `x += 1` loses nothing there. Here
one thread at a time runs the chosen modules. Chance names it, and says for how many bytecodes. What is one
bytecode or one call into C stays whole. So it is without a GIL, where dicts, lists and sets lock themselves.
"""

from __future__ import annotations

import os
import random
import sys
import threading
from collections.abc import Callable, Iterable
from types import CodeType, FrameType, ModuleType
from typing import Any

# A thread that takes no bytecode for so long waits for a lock that another one holds, or runs C.
STUCK_SECONDS = 0.002
# Some errors need a switch after one bytecode; others, that a thread runs a function between two of another.
BYTECODES = (1, 1, 1, 10, 100)
# A test of a few thousand switches takes a few seconds.
END_SECONDS = 60.0


def interleave(
    works: Iterable[Callable[[], object]],
    modules: Iterable[ModuleType | str],
    *,
    seed: int = 0,
    bytecodes: tuple[int, ...] = BYTECODES,
) -> None:
    """Run each function on a thread of its own to its end; raises what the first of them raised.

    `modules`, or files, are where the threads switch. `seed` is where chance begins; one of
    `bytecodes` is how many a thread runs in a row.
    """
    jobs = list(works)
    turns = _Turns(len(jobs), bytecodes, seed)
    files = frozenset(getattr(each, "__file__", None) or str(each) for each in modules)
    raised: list[BaseException] = []

    def run(number: int) -> None:
        before = sys.gettrace()
        try:
            turns.begin()
            sys.settrace(_tracer(files, lambda: turns.give(number)))
            jobs[number]()
        except BaseException as error:  # noqa: BLE001 - told to the caller
            raised.append(error)
        finally:
            sys.settrace(before)
            turns.end(number)

    threads = [threading.Thread(target=run, args=(each,), daemon=True) for each in range(len(jobs))]
    for each in threads:
        each.start()
    for each in threads:
        each.join(END_SECONDS)
    assert not any(each.is_alive() for each in threads), "a thread waits for ever"
    if raised:
        raise raised[0]


def at_bytecode(number: int, code: CodeType, work: Callable[[], object], other: Callable[[], object]) -> bool:
    """Run `work`; before the bytecode of this number in `code`, another thread runs `other` to its end.

    False if `code` ended before that bytecode.
    """
    left = number

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal left
        frame.f_trace_opcodes = frame.f_code is code
        if event == "opcode":
            left -= 1
            if left == -1:
                thread = threading.Thread(target=other)
                thread.start()
                thread.join(END_SECONDS)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return left < 0


class _Turns:
    """Whose turn it is."""

    def __init__(self, threads: int, bytecodes: tuple[int, ...], seed: int) -> None:
        self._changed = threading.Condition()
        self._here = threading.Barrier(threads)
        self._running = set(range(threads))
        self._stuck: set[int] = set()
        self._turn, self._left = -1, 0
        self._bytecodes = bytecodes
        self._random = random.Random(seed)

    def begin(self) -> None:
        """Wait until all threads are there."""
        self._here.wait(END_SECONDS)

    def give(self, me: int) -> None:
        """Let chance name the next thread, and wait for one's own turn."""
        with self._changed:
            self._stuck.discard(me)
            self._left -= 1
            if self._turn == me and self._left > 0:
                return
            self._left = self._random.choice(self._bytecodes)
            self._turn = self._random.choice(sorted(self._running - self._stuck))
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._turn == me, STUCK_SECONDS):
                self._stuck.add(self._turn)
                self._turn = me

    def end(self, me: int) -> None:
        """A thread has ended."""
        with self._changed:
            self._running.discard(me)
            self._stuck.discard(me)
            self._turn = next(iter(self._running - self._stuck), -1)
            self._changed.notify_all()


def _tracer(files: frozenset[str], give: Callable[[], None]) -> Callable[[FrameType, str, Any], Any]:
    absolute = {os.path.realpath(each) for each in files}
    known: dict[str, bool] = {}

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "call":
            file = frame.f_code.co_filename
            if file not in known:
                known[file] = os.path.realpath(file) in absolute
            if not known[file]:
                return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        if event == "opcode":
            give()
        return trace

    return trace
