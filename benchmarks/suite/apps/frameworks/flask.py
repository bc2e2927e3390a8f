"""Flask with our decorator, and with one of its shape that has nothing in it."""

from __future__ import annotations

from benchmarks.suite.apps.flask_app import empty, ours

from ._common import chosen, gunicorn

NAME = "Flask"
COMMAND = gunicorn(__name__)

guarded, constant = ours, empty
served = chosen(guarded, constant)
