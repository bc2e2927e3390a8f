"""One fetch's deadline and state, and how another thread ends it (F).

Owns the time that a fetch has, what it is doing now, and what `cancel` interrupts. Knows no socket and no
HTTP client, because the engine makes a scope on a caller's thread before anything of the network is loaded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from .clocks import monotonic

__all__ = ["CancelScope"]


class CancelScope:
    """The deadline of one fetch, `seconds` from now, and the way to end it from another thread.

    Other threads read these attributes without a lock; each changes by one assignment:

    - `phase`: what the fetch does now: "dns", "connect", "tls" or "answer";
    - `first_byte` and `last_byte`: when the peer's first and latest byte came, on `clocks.monotonic`; None
      before. Bytes of a TLS handshake count, TCP's handshake does not. Neither tells a byte from the end of
      a connection in a TLS handshake, with which the fetch ends anyway;
    - `proxy`: the name of the variable that holds the URL of the proxy; None before, and without one;
    - `octets`: how many have been read in all, without those of TLS handshakes.
    """

    __slots__ = (
        "_interrupts",
        "_lock",
        "cancelled",
        "deadline",
        "first_byte",
        "hung_up",
        "last_byte",
        "octets",
        "phase",
        "proxy",
    )

    def __init__(self, seconds: float) -> None:
        self.deadline = monotonic() + seconds
        self.cancelled = self.hung_up = False
        self.phase = "dns"
        self.proxy: str | None = None
        self.first_byte: float | None = None
        self.last_byte: float | None = None
        self.octets = 0
        # So that `cancel` never touches a descriptor that is closed meanwhile. A signal's handler may call
        # `cancel` on a thread that is in it already.
        self._lock = threading.RLock()
        self._interrupts: dict[object, Callable[[], object]] = {}

    def remaining(self, error: type[Exception]) -> float:
        """Seconds until the deadline; raises `error` when there are none, or after `cancel`."""
        seconds = self.deadline - monotonic()
        if seconds <= 0 or self.cancelled:
            raise error("deadline")
        return seconds

    def received(self, octets: int = 0) -> None:
        """Something came from the peer: note the time, and count octets."""
        now = monotonic()
        if self.first_byte is None:
            self.first_byte = now
        self.last_byte = now
        self.octets += octets

    def attach(self, waiting: object, interrupt: Callable[[], object]) -> None:
        """Have `cancel` call `interrupt` until `detach(waiting)`; call it now if that has happened.

        `interrupt` must not wait for anything. The OSErrors that it raises are dropped.
        """
        with self._lock:
            self._interrupts[waiting] = interrupt
            if self.cancelled:
                self.cancel()

    def detach(self, waiting: object) -> None:
        """End an `attach`. Afterwards no `interrupt` of it runs any more."""
        with self._lock:
            self._interrupts.pop(waiting, None)

    def cancel(self) -> None:
        """End whatever the fetch waits for, from any thread, and all that it would begin."""
        self.cancelled = True
        self.hang_up()

    def hang_up(self) -> None:
        """Shut the connection down, from any thread; what has come by then may still be read.

        After a freeze, an answer may lie there that the process has not read yet (R7).
        """
        self.hung_up = True
        with self._lock:
            for interrupt in tuple(self._interrupts.values()):
                with suppress(OSError):  # the peer was quicker
                    interrupt()
