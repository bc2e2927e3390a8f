"""Requests per second of a Django project, by what guards its one view.

    python -m benchmarks.django_requests --smoke

Under gunicorn (one sync worker) with a plain view, and under uvicorn with a coroutine function. wrk drives
them as in section 5 of the suite (benchmarks/suite/requests.py), with one token that ours finds in its cache.
"Constant" is a middleware of the same shape that reads the header and knows everybody.
"""

from __future__ import annotations

import argparse
import shutil

from .suite.apps._servers import GUNICORN, UVICORN
from .suite.requests import NO_AUTH, Framework, Variant, rounds_of, rows_of

__all__ = ["FRAMEWORKS"]

APP = "benchmarks.suite.apps.django_app"
CONSTANT = "constant middleware"
VARIANTS = (
    Variant(NO_AUTH, guarded=False),
    Variant(CONSTANT, guarded=False),
    Variant("ours, middleware", CONSTANT),
    Variant("ours, require", CONSTANT),
)
PACKAGES = ("django", "gunicorn", "uvicorn")
FRAMEWORKS = (
    Framework("Django, WSGI", (*GUNICORN[:-1], f"{APP}:served()"), PACKAGES, VARIANTS),
    Framework("Django, ASGI", (*UVICORN[:-1], f"{APP}:served_async"), PACKAGES, VARIANTS),
)


def _main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--smoke", action="store_true", help="that it runs, not how fast")
    smoke = parser.parse_args().smoke
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed")
    for framework in FRAMEWORKS:
        for row in rows_of(framework, rounds_of(framework, list(VARIANTS), smoke=smoke), {}):
            print(row)


if __name__ == "__main__":
    _main()
