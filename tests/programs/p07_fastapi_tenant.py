"""FastAPI: the tenant in the path must be the token's."""

from typing import Annotated

from fastapi import Depends, FastAPI

from cognito_mr_auth import Principal, Verifier, errors
from cognito_mr_auth.fastapi import CognitoAuth

app = FastAPI()
auth = CognitoAuth(Verifier.from_env(), app=app)


@app.get("/tenants/{tenant}/orders")
def orders(tenant: str, caller: Annotated[Principal, Depends(auth)]) -> list[str]:
    if caller.claims.get("custom:tenant") != tenant:
        raise errors.PolicyDenied("another tenant's orders")
    return ["1"]
