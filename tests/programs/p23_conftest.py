"""Tests of an application that says Verifier.from_env() at import: the first lines of its conftest.py."""

from cognito_mr_auth.testing import FakeUserPool

pool = FakeUserPool.in_environ()
