"""The claims that Cognito puts into its tokens: access, machine and ID tokens.

Owns the default payloads, which follow the Cognito developer guide's "Understanding user pool JSON web
tokens". It must never sign, nor know a clock.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Final, NamedTuple

# The only scope of a sign-in through the SDK (AWS: "Scopes, M2M, and resource servers").
SDK_SCOPE: Final = "aws.cognito.signin.user.admin"
# A resource server's scopes have the form "identifier/name". Machines get only such scopes.
MACHINE_SCOPE: Final = "orders/read"
DEFAULT_USERNAME: Final = "alice"
DEFAULT_PROVIDER: Final = "Google"
_SUBJECTS: Final = uuid.UUID("c09e1170-0000-4000-8000-000000000000")


class Moment(NamedTuple):
    """The issuer and the client of a token, and when it is issued (seconds since the epoch)."""

    issuer: str
    client_id: str
    issued_at: float
    expires_at: float
    not_before: float | None


class User(NamedTuple):
    """The user of a token; `provider` is the identity provider of a federated user."""

    username: str
    subject: str
    groups: tuple[str, ...]
    provider: str | None

    @classmethod
    def named(
        cls,
        username: str | None,
        subject: str | None,
        groups: Iterable[str],
        federated: bool | str,
    ) -> User:
        """Fill in what the caller left open. The same username always has the same `sub`."""
        provider = DEFAULT_PROVIDER if federated is True else federated or None
        name = username or (f"{provider.lower()}_100001" if provider else DEFAULT_USERNAME)
        return cls(
            username=name,
            subject=str(uuid.uuid5(_SUBJECTS, name)) if subject is None else subject,
            groups=_names(groups, "groups"),
            provider=provider,
        )


def access_claims(
    moment: Moment, user: User, scopes: Iterable[str], audience: str | None
) -> dict[str, object]:
    """A user's access token; `audience` is the resource it is bound to (RFC 8707)."""
    return {
        "sub": user.subject,
        **_groups(user),
        "iss": moment.issuer,
        "version": 2,
        "client_id": moment.client_id,
        **({} if audience is None else {"aud": audience}),
        "origin_jti": str(uuid.uuid4()),
        "event_id": str(uuid.uuid4()),
        "token_use": "access",
        "scope": " ".join(_names(scopes, "scopes")),
        **_times(moment),
        "username": user.username,
    }


def machine_claims(moment: Moment, scopes: Iterable[str]) -> dict[str, object]:
    """The client-credentials grant: `sub` is the client, and there is no user."""
    return {
        "sub": moment.client_id,
        "token_use": "access",
        "scope": " ".join(_names(scopes, "scopes")),
        "iss": moment.issuer,
        "version": 2,
        "client_id": moment.client_id,
        **_times(moment),
    }


def id_claims(moment: Moment, user: User, email: str | None) -> dict[str, object]:
    """A user's ID token; `aud` is the client."""
    return {
        "sub": user.subject,
        **_groups(user),
        "email_verified": True,
        "iss": moment.issuer,
        "cognito:username": user.username,
        "origin_jti": str(uuid.uuid4()),
        "aud": moment.client_id,
        **_identities(moment, user),
        "event_id": str(uuid.uuid4()),
        "token_use": "id",
        **_times(moment),
        "email": f"{user.username}@example.com" if email is None else email,
    }


def _times(moment: Moment) -> dict[str, object]:
    return {
        "auth_time": moment.issued_at,
        "exp": moment.expires_at,
        "iat": moment.issued_at,
        **({} if moment.not_before is None else {"nbf": moment.not_before}),
        "jti": str(uuid.uuid4()),
    }


def _groups(user: User) -> dict[str, object]:
    """Return the groups. Cognito omits the claim for a user without groups."""
    return {"cognito:groups": list(user.groups)} if user.groups else {}


def _identities(moment: Moment, user: User) -> dict[str, object]:
    """Return `identities`. Cognito writes `primary` and `dateCreated` (ms) as strings, `issuer` as null."""
    if user.provider is None:
        return {}
    identity = {
        "userId": user.username.rpartition("_")[2],
        "providerName": user.provider,
        "providerType": user.provider,
        "issuer": None,
        "primary": "true",
        "dateCreated": str(int(moment.issued_at * 1000)),
    }
    return {"identities": [identity]}


def _names(values: Iterable[str], option: str) -> tuple[str, ...]:
    """Refuse a single string, a common mistake that would become one scope per letter."""
    if isinstance(values, str):
        raise TypeError(f"{option}= takes a list of strings, not one string: [{values!r}]")
    return tuple(values)
