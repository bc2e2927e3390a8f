"""Processes that represent a deployed function: their packages, and the authority that they trust.

Owns the isolation of a new process from everything else in this environment. Does not know what it runs.
"""

from __future__ import annotations

import os
import re
import ssl
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import cognito_mr_auth
from cognito_mr_auth.testing import FakeEndpoints

__all__ = ["command", "inherited", "packages", "trusted"]

# Distributions that children may import, with their requirements.
DEPLOYED = ("cryptography", "httpx", "aws-lambda-powertools", "pyjwt", "urllib3")


def packages(folder: Path) -> Path:
    """Make a folder with the content of a deployment package, and nothing else.

    httpx and httpcore would import trio, rich and click, because these are installed here.
    """
    folder.mkdir()
    places = {Path(cognito_mr_auth.__file__).parent}
    waiting, seen = list(DEPLOYED), set[str]()
    while waiting:
        name = waiting.pop()
        with suppress(PackageNotFoundError):  # it is required only on another system or Python
            if name in seen:
                continue
            seen.add(name)
            deployed = distribution(name)
            tops = {each.parts[0] for each in deployed.files or () if ".." not in each.parts}
            places |= {Path(str(deployed.locate_file(top))) for top in tops - {"__pycache__"}}
            required = (each for each in deployed.requires or () if "extra ==" not in each)
            waiting += [re.split(r"[^A-Za-z0-9._-]", each, maxsplit=1)[0] for each in required]
    for place in places:
        (folder / place.name).symlink_to(place)
    return folder


def command(code: str, packages: Path) -> list[str]:
    """Return a command whose process sees only these packages: no .pth file, no PYTHON* variable."""
    return [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(packages)!r})\n{code}"]


def trusted(endpoints: FakeEndpoints) -> str:
    """Return the throw-away authority of the endpoints' certificate, as PEM."""
    found = endpoints.ssl_context.get_ca_certs(binary_form=True) if endpoints.ssl_context else []
    return "".join(map(ssl.DER_cert_to_PEM_cert, found))


def inherited() -> dict[str, str]:
    """Return the variables that every process needs, and no other."""
    return {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
