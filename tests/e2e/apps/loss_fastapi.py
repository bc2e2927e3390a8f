"""FastAPI, for the loss of a Region: returns the caller, and the worker that answered."""

from __future__ import annotations

import os
from typing import Annotated

from e2e.apps.settings import verifier
from fastapi import Depends, FastAPI

from cognito_mr_auth import Principal
from cognito_mr_auth.fastapi import CognitoAuth

auth = CognitoAuth(verifier("main"))
app = FastAPI()


@app.get("/me")
def me(principal: Annotated[Principal, Depends(auth)]) -> dict[str, object]:
    """Any valid token."""
    return {"subject": principal.subject, "worker": os.getpid()}
