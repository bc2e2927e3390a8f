"""FastAPI: everything is closed but the health check."""

from fastapi import FastAPI

from cognito_mr_auth import Verifier
from cognito_mr_auth.fastapi import CognitoAuth

app = FastAPI()
auth = CognitoAuth(Verifier.from_env(), app=app, protect_all=True)


@app.get("/health")
@auth.public
def health() -> str:
    return "ok"


@app.get("/orders")
def orders() -> list[str]:
    return ["1"]
