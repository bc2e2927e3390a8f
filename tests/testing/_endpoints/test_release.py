"""What lets go of held connections, also of those that come too late."""

from __future__ import annotations

import socket

from cognito_mr_auth.testing._endpoints.release import Release


def test_a_handler_that_comes_after_the_release_is_let_go_too() -> None:
    """A handler that begins to hold just after heal() must not hold for good."""
    release = Release()
    assert not release.wait(0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        release.set()
        with release.holding(ours):
            assert ours.recv(1) == b""
    assert release.wait(0)


def test_a_connection_that_is_gone_does_no_harm() -> None:
    """Shutting down a closed socket is no error."""
    release = Release()
    ours, theirs = socket.socketpair()
    theirs.close()
    with release.holding(ours):
        ours.close()
        release.set()
