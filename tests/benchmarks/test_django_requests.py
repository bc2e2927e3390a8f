"""The Django projects of benchmarks/django_requests.py are what its table calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.django_requests import VARIANTS
from benchmarks.suite.apps._settings import ANSWER, Settings
from benchmarks.suite.requests import Variant
from cognito_mr_auth.testing import FakeUserPool

PROJECT = Path(__file__).resolve().parents[2]
# A process for each, because Django's settings are a process's.
PROGRAM = """
import json, sys
from benchmarks.suite.apps import django_app
from django.test import AsyncClient, Client
from asgiref.sync import async_to_sync

asynchronous, *tokens = sys.argv[1:]
(django_app.served_async if asynchronous else django_app.served)()
client = AsyncClient() if asynchronous else Client()
get = async_to_sync(client.get) if asynchronous else client.get
said = [get("/orders", headers={"Authorization": f"Bearer {token}"}) for token in tokens]
print(json.dumps([[each.status_code, json.loads(each.content)] for each in said]))
"""


@pytest.mark.outside
@pytest.mark.parametrize("asynchronous", ["", "yes"], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_each_variant_is_what_it_says(variant: Variant, asynchronous: str) -> None:
    """A good token gets the same answer each; a forged one is refused by what is guarded, and by no other."""
    pool = FakeUserPool()
    tokens = [pool.access_token(), pool.access_token(signed_by="foreign")]
    with pool.serve() as served:
        settings = Settings.of(pool, served, variant.name)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, asynchronous, *tokens],
            cwd=PROJECT,
            env={**os.environ, **settings.as_environment()},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    (good, answer), (forged, _) = json.loads(done.stdout)
    assert (good, answer) == (200, ANSWER)
    assert forged == (401 if variant.guarded else 200)
