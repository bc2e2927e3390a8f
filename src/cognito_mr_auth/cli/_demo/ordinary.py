"""The ordinary verifier that the demo runs beside ours: PyJWT's PyJWKClient and `jwt.decode`.

Owns its settings, which must be fair: those of its documentation, its own defaults, and every issuer of the
pool. So it loses a request only because it lacks a key. Judges nothing.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Protocol

from cognito_mr_auth.testing import FakeUserPool

from .plan import Plan

__all__ = ["INSTALL", "Accepts", "Endpoint", "Ordinary", "found", "proxies_leave_loopback"]

INSTALL: Final = 'pip install "cognito-mr-auth[cli,pyjwt]"'

# PyJWKClient's own defaults.
LIFESPAN_S: Final = 300.0
COOLDOWN_S: Final = 30.0
TIMEOUT_S: Final = 30.0
# The default of Verifier's `revalidate_after`. Beyond it, as beyond PyJWKClient's lifespan, keys are used
# only after a request to an endpoint. So the demo shortens both in proportion.
REVALIDATE_AFTER_S: Final = 3600.0

Accepts = Callable[[str], bool]
"""Whether a token is accepted. The call may take any time."""


class Endpoint(Protocol):
    """The attributes of an endpoint that it uses."""

    @property
    def url(self) -> str:
        """The URL of the JWKS."""

    @property
    def issuer(self) -> str:
        """The issuer of the endpoint."""


class Ordinary(NamedTuple):
    """An ordinary verifier: its name, its settings in seconds, and how one is made.

    `make(pool, primary, issuers)` takes the primary Region's endpoint and the issuers that it accepts.
    """

    name: str
    version: str
    settings: Mapping[str, float]
    make: Callable[[FakeUserPool, Endpoint, list[str]], Accepts]


def _pyjwt() -> Any:
    import jwt

    return jwt


def found(plan: Plan, load: Callable[[], Any] = _pyjwt) -> Ordinary | None:
    """Return PyJWT's, with times shortened as the plan shortens ours; None if PyJWT is absent or too old."""
    shortened = plan.revalidate_after / REVALIDATE_AFTER_S
    settings = {"lifespan": LIFESPAN_S * shortened, "cooldown_duration": COOLDOWN_S * shortened}
    # Not shortened, as ours are not, because a network's times do not change.
    settings["timeout"] = TIMEOUT_S
    try:
        jwt = load()
        jwt.PyJWKClient("http://127.0.0.1/", **settings)
    except (ImportError, AttributeError, TypeError):  # absent; another `jwt`; before cooldown_duration
        return None

    def make(pool: FakeUserPool, primary: Endpoint, issuers: list[str]) -> Accepts:
        client = jwt.PyJWKClient(primary.url, **settings)
        return _accepts(jwt, client, issuers, pool.client_id)

    return Ordinary("PyJWKClient", f"PyJWT {jwt.__version__}", settings, make)


def _accepts(jwt: Any, client: Any, issuers: list[str], client_id: str) -> Accepts:
    # PyJWKClient does not wrap some errors of the network and of the document.
    refusals = (jwt.PyJWTError, OSError, ValueError, http.client.HTTPException)

    def accepts(token: str) -> bool:
        try:
            key = client.get_signing_key_from_jwt(token)
            # Cognito's access tokens have the client in `client_id`, and mostly no `aud`.
            options = {"verify_aud": False}
            claims = jwt.decode(token, key, algorithms=["RS256"], issuer=issuers, options=options)
        except refusals:
            return False
        return client_id in (claims.get("client_id"), claims.get("aud"))

    return accepts


@contextmanager
def proxies_leave_loopback(environ: MutableMapping[str, str]) -> Iterator[None]:
    """Within the block urllib sends requests to loopback past every proxy.

    Our own fetches do so anyway. PyJWKClient's would go to HTTP_PROXY, where no loopback of ours is.
    """
    before = environ.get("no_proxy")
    environ["no_proxy"] = "127.0.0.1"  # the demo asks for nothing else; this spelling comes before NO_PROXY
    try:
        yield
    finally:
        if before is None:
            del environ["no_proxy"]
        else:
            environ["no_proxy"] = before
