"""Litestar: any valid token at one route, a scope at another, and everything else closed, /schema too.

python -m cognito_mr_auth.testing --scope orders/read -- uvicorn --app-dir examples litestar_app:app
"""

from litestar import Litestar, get
from litestar.di import NamedDependency, Provide

from cognito_mr_auth import Principal, Verifier, policy
from cognito_mr_auth.litestar import CognitoAuth

auth = CognitoAuth(Verifier.from_env(), protect_all=True)


@auth.public
@get("/health")
async def health() -> dict[str, str]:
    """Open to everybody, without a token."""
    return {"status": "ok"}


@get("/me", dependencies={"principal": Provide(auth.principal)})
async def me(principal: NamedDependency[Principal]) -> dict[str, str]:
    """Any valid token."""
    return {"subject": principal.subject, "issuer": principal.issuer.kind}


@get("/orders", guards=[auth.require(policy.scopes("orders/read"))])
async def orders() -> dict[str, list[str]]:
    """A token with this scope, which the OpenAPI document names."""
    return {"orders": []}


app = Litestar([health, me, orders, auth.ready("/ready")], plugins=[auth], lifespan=[auth.lifespan])
