"""FastAPI: the claims as a model of one's own."""

from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field

from cognito_mr_auth import Verifier
from cognito_mr_auth.fastapi import CognitoAuth


class Claims(BaseModel):
    sub: str
    tenant: str = Field(alias="custom:tenant")


app = FastAPI()
auth = CognitoAuth(Verifier.from_env(), app=app)


@app.get("/me")
def me(claims: Annotated[Claims, Depends(auth.claims(Claims))]) -> str:
    return claims.tenant
