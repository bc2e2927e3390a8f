"""And its tests."""

from app import app
from fastapi.testclient import TestClient


def test_orders(cognito_headers):
    api = TestClient(app)
    assert api.get("/orders").status_code == 401
    assert api.get("/orders", headers=cognito_headers(scopes=["orders/read"])).status_code == 200
