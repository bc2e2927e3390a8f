"""Flask: everything is closed, but guests are welcome at one view."""

from flask import Flask

from cognito_mr_auth import Verifier
from cognito_mr_auth.flask import CognitoAuth, principal_of

app = Flask(__name__)
auth = CognitoAuth(Verifier.from_env(), app=app, protect_all=True)


@app.get("/feed")
@auth.optional
def feed() -> str:
    caller = principal_of()
    return caller.subject if caller else "everybody"


@app.get("/me")
def me() -> str:
    return "me"
