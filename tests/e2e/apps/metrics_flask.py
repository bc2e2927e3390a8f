"""Flask behind several workers, whose metrics Prometheus scrapes from any of them."""

from __future__ import annotations

import os

from e2e.apps.settings import SETTINGS, verifier

os.environ["PROMETHEUS_MULTIPROC_DIR"] = SETTINGS["metrics"]  # before the client is imported

from flask import Flask, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from cognito_mr_auth import policy, prometheus
from cognito_mr_auth.flask import CognitoAuth

app = Flask(__name__)
guard = verifier("main")
auth = CognitoAuth(guard, app=app, protect_all=True)
prometheus.export(guard, seconds=0.1)


@app.get("/me")
def me() -> dict[str, int]:
    """Any valid token."""
    return {"worker": os.getpid()}


@app.get("/admin")
@auth.require(policy.groups("admin"))
def admin() -> dict[str, int]:
    """Open to everybody."""
    return {"worker": os.getpid()}


@app.get("/metrics")
@auth.public
def metrics() -> Response:
    """What Prometheus scrapes."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
