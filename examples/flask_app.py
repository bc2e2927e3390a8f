"""Flask.

python -m cognito_mr_auth.testing --scope orders/read -- flask --app examples/flask_app.py run --port 8000
"""

from flask import Flask

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.flask import CognitoAuth, current_principal

verifier = Verifier.from_env()
app = Flask(__name__)
auth = CognitoAuth(verifier, app=app, protect_all=True)
app.add_url_rule("/ready", view_func=auth.ready)


@app.get("/health")
@auth.public
def health() -> dict[str, str]:
    """Open to everybody."""
    return {"status": "ok"}


@app.get("/me")
def me() -> dict[str, str]:
    """Any valid token, because `protect_all` requires one."""
    return {"subject": current_principal.subject, "issuer": current_principal.issuer.kind}


@app.get("/orders")
@auth.require(policy.scopes("orders/read"))
def orders() -> dict[str, list[str]]:
    """A token with the scope."""
    return {"orders": []}
