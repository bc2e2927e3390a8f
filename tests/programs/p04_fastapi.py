"""FastAPI: a principal, and one with a scope or a group."""

from typing import Annotated

from fastapi import Depends, FastAPI

from cognito_mr_auth import Principal, Verifier, policy
from cognito_mr_auth.fastapi import CognitoAuth

app = FastAPI()
auth = CognitoAuth(Verifier.from_env(), app=app)
READER = policy.scopes("orders/read") | policy.groups("ops")


@app.get("/me")
def me(caller: Annotated[Principal, Depends(auth)]) -> str:
    return caller.subject


@app.get("/orders", dependencies=[Depends(auth.require(READER))])
def orders() -> list[str]:
    return ["1"]
