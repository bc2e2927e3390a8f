"""FastAPI with our dependency, and with one of its shape that has nothing in it."""

from __future__ import annotations

from benchmarks.suite.apps.fastapi_app import empty, ours

from ._common import chosen, uvicorn

NAME = "FastAPI"
COMMAND = uvicorn(__name__)

guarded, constant = ours, empty
served = chosen(guarded, constant)
