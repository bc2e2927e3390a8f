"""Threaded WSGI servers on a port of their own choice, which they report as gunicorn does.

python -m e2e.apps.threaded waitress|cheroot THREADS MODULE:NAME
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

HOST = "127.0.0.1"
# cheroot's own number is 5: the kernel drops what comes beyond it, and a client asks again a second later.
BACKLOG = 128


def waitress(application: Any, threads: int) -> None:
    """Run waitress until a signal stops it."""
    from waitress import create_server

    server = create_server(application, host=HOST, port=0, threads=threads)
    report(server.effective_port)
    server.run()


def cheroot(application: Any, threads: int) -> None:
    """Run cheroot until a signal stops it."""
    from cheroot.wsgi import Server

    server = Server((HOST, 0), application, numthreads=threads, request_queue_size=BACKLOG)
    server.prepare()
    report(server.bind_addr[1])
    server.serve()


def report(port: int) -> None:
    """Say where it listens."""
    print(f"Listening at: http://{HOST}:{port}", flush=True)  # noqa: T201


def main(name: str, threads: str, application: str) -> None:
    """Run the server of this name."""
    module, _, attribute = application.partition(":")
    {"waitress": waitress, "cheroot": cheroot}[name](getattr(import_module(module), attribute), int(threads))


if __name__ == "__main__":
    main(*sys.argv[1:])
