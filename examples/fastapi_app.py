"""FastAPI: any valid token at one route, a scope at another, and Swagger UI at /docs.

    python -m cognito_mr_auth.testing --scope orders/read -- uvicorn --app-dir examples fastapi_app:app

Then, with the token that it prints: curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8000/orders
"""

from typing import Annotated

from fastapi import Depends, FastAPI

from cognito_mr_auth import Principal, Verifier, policy
from cognito_mr_auth.fastapi import CognitoAuth

verifier = Verifier.from_env()
auth = CognitoAuth(verifier)
app = FastAPI(lifespan=auth.lifespan)
auth.init_app(app)
app.add_api_route("/ready", auth.ready, include_in_schema=False)

Caller = Annotated[Principal, Depends(auth)]
OrderReader = Annotated[Principal, Depends(auth.require(policy.scopes("orders/read")))]


@app.get("/health")
def health():
    return {"status": "ok"}


@app.get("/me")
def me(principal: Caller):
    return {"subject": principal.subject, "issuer": principal.issuer.kind}


@app.get("/feed")
def feed(caller: Annotated[Principal | None, Depends(auth.optional)]):
    return {"for": caller.subject if caller else "everybody"}


@app.get("/orders")
def orders(principal: OrderReader):
    return {"orders": []}
