"""The command line, extra `[cli]`: demo, doctor, verify, inspect, keys fetch, completion.

This module is the index. The library must never import it, because only this package needs click and rich.
"""

from __future__ import annotations

try:
    import click  # noqa: F401 - imported here, where its absence can be explained
    import rich  # noqa: F401
except ModuleNotFoundError as _missing:
    raise ImportError(
        f'the command line needs {_missing.name}: pip install "cognito-mr-auth[cli]"'
    ) from _missing

from ._app import main

__all__ = ["main"]
