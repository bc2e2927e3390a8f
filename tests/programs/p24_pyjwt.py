"""Code that calls jwt.decode, kept."""

import sys

import jwt

from cognito_mr_auth import Verifier
from cognito_mr_auth.pyjwt import JWKClient

client = JWKClient(Verifier.from_env())
key = client.get_signing_key_from_jwt(sys.argv[1])
print(jwt.decode(sys.argv[1], key, algorithms=["RS256"], issuer=client.issuers)["sub"])
