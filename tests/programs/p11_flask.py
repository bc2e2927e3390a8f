"""Flask: everything is closed, one view wants a scope."""

from flask import Flask

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.flask import CognitoAuth, current_principal

app = Flask(__name__)
auth = CognitoAuth(Verifier.from_env(), app=app, protect_all=True)


@app.get("/me")
def me() -> str:
    return current_principal.subject


@app.get("/orders")
@auth.require(policy.scopes("orders/read"))
def orders() -> list[str]:
    return ["1"]
