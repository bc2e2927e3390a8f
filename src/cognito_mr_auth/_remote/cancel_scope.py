"""One fetch's deadline and state, and how another thread ends it (F).

This module has the time that a fetch is given, what it does now, and what `cancel` interrupts. It knows no
socket and no HTTP client, because callers' threads make scopes before anything of the network is loaded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from .clocks import monotonic

__all__ = ["CancelScope"]


class CancelScope:
    """The deadline of one fetch, `seconds` from now, and the way to end it from another thread.

    Other threads read these attributes without a lock. Each changes by one assignment:

    - `phase`: what the fetch does now: "dns", "connect", "tls" or "answer";
    - `first_byte` and `last_byte`: when the peer's first and latest byte came, on `clocks.monotonic`; None
      before. Bytes of a TLS handshake count, and TCP's handshake does not. In a TLS handshake the end of a
      connection counts as a byte too, but the fetch ends with it anyway;
    - `proxy`: the name of the variable that holds the URL of the proxy; None before, and without one;
    - `octets`: how many octets have been read in all, without those of TLS handshakes.
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
        # With the lock, `cancel` never touches a descriptor that is already closed. It is reentrant, because
        # a signal's handler may call `cancel` on a thread that holds it.
        self._lock = threading.RLock()
        self._interrupts: dict[object, Callable[[], object]] = {}

    def remaining(self, error: type[Exception]) -> float:
        """The seconds until the deadline. Raises `error` if none are left, or after `cancel`."""
        seconds = self.deadline - monotonic()
        if seconds <= 0 or self.cancelled:
            raise error("deadline")
        return seconds

    def received(self, octets: int = 0) -> None:
        """Note the time at which something came from the peer, and count octets."""
        now = monotonic()
        if self.first_byte is None:
            self.first_byte = now
        self.last_byte = now
        self.octets += octets

    def attach(self, waiting: object, interrupt: Callable[[], object]) -> None:
        """Let `cancel` call `interrupt` until `detach(waiting)`. After `cancel`, it is called at once.

        `interrupt` must not wait for anything. OSErrors that it raises are dropped.
        """
        with self._lock:
            self._interrupts[waiting] = interrupt
            if self.cancelled:
                self.cancel()

    def detach(self, waiting: object) -> None:
        """End an `attach`. Afterwards its `interrupt` is not called any more."""
        with self._lock:
            self._interrupts.pop(waiting, None)

    def cancel(self) -> None:
        """End whatever the fetch waits for, and everything that it would begin. Any thread may call it."""
        self.cancelled = True
        self.hang_up()

    def hang_up(self) -> None:
        """Shut the connection down, from any thread. What has come by then may still be read.

        After a freeze, an answer may have arrived that the process has not read yet (R7).
        """
        self.hung_up = True
        with self._lock:
            for interrupt in tuple(self._interrupts.values()):
                with suppress(OSError):  # the peer has closed it before
                    interrupt()
