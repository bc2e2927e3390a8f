"""FastAPI: guests are welcome at one route."""

from typing import Annotated

from fastapi import Depends, FastAPI

from cognito_mr_auth import Principal, Verifier
from cognito_mr_auth.fastapi import CognitoAuth

app = FastAPI()
auth = CognitoAuth(Verifier.from_env(), app=app)


@app.get("/feed")
def feed(caller: Annotated[Principal | None, Depends(auth.optional)]) -> str:
    return caller.subject if caller else "everybody"


@app.get("/me")
def me(caller: Annotated[Principal, Depends(auth)]) -> str:
    return caller.subject
