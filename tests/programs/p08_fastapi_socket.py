"""FastAPI: a browser's WebSocket, whose token is a subprotocol."""

from typing import Annotated

from fastapi import Depends, FastAPI, WebSocket

from cognito_mr_auth import Principal, Verifier
from cognito_mr_auth.fastapi import CognitoAuth

app = FastAPI()
auth = CognitoAuth(Verifier.from_env(), app=app, subprotocol="bearer")


@app.websocket("/feed")
async def feed(websocket: WebSocket, caller: Annotated[Principal, Depends(auth)]) -> None:
    await websocket.accept()
    await websocket.send_text(caller.subject)
    await websocket.close()
