"""Requests per second of REST framework and of django-ninja, by what authenticates their one route.

    python -m benchmarks.django_apis --smoke

REST framework under gunicorn (one sync worker), ninja there with a plain operation and under uvicorn with
a coroutine function. wrk drives them as in section 5 of the suite (benchmarks/suite/requests.py), with one
token that ours finds in its cache. "Constant" is an authentication of the framework's own kind that reads
the header and knows everybody.
"""

from __future__ import annotations

import argparse
import shutil

from .suite.apps._servers import GUNICORN, UVICORN
from .suite.requests import NO_AUTH, Framework, Variant, rounds_of, rows_of

__all__ = ["FRAMEWORKS"]

APP = "benchmarks.suite.apps.django_apis_app"
CONSTANT = "constant authentication"
VARIANTS = (
    Variant(NO_AUTH, guarded=False),
    Variant(CONSTANT, guarded=False),
    Variant("ours", CONSTANT),
    Variant("ours, with a policy", CONSTANT),
)
FRAMEWORKS = (
    Framework("REST framework", (*GUNICORN[:-1], f"{APP}:drf()"), ("rest_framework", "gunicorn"), VARIANTS),
    Framework("ninja, WSGI", (*GUNICORN[:-1], f"{APP}:ninja()"), ("ninja", "gunicorn"), VARIANTS),
    Framework("ninja, ASGI", (*UVICORN[:-1], f"{APP}:ninja_async"), ("ninja", "uvicorn"), VARIANTS),
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
