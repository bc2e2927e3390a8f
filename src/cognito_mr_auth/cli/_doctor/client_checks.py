"""Checks of app clients: are the configured ones the pool's, and how long do their tokens live?

Pure: makes rows from the responses of AWS. It never receives a client's secret.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cognito_mr_auth._aws.model import Account, AppClient, Trouble, known

from .verdicts import Check, Configured, listed, unknown

__all__ = ["client_checks", "duration"]

_HOUR: Final = 3600
# A pool may have a thousand app clients; a row names some.
_SHOWN: Final = 5


def client_checks(account: Account, configured: Configured) -> Iterator[Check]:
    """Yield every row about app clients."""
    if account.source is None:
        return
    yield from _client_ids(account, configured)
    yield from _lifetimes(account)
    yield from _scopes(account, configured)


def _client_ids(account: Account, configured: Configured) -> Iterator[Check]:
    name = "app clients"
    if isinstance(account.dynamic, int) and account.dynamic:
        said = f"applications registered {account.dynamic} of them themselves, which no fixed list knows"
        yield Check(name, "warning", said, "accept them only if you mean to")
    wanted = configured.pool.client_ids
    if isinstance(account.clients, Trouble):
        yield from _by_description(account, account.clients)
    elif not configured.clients_given:
        do = "give --client-id, or --from-env, to have them compared"
        yield Check(name, "unknown", f"not compared; the pool has {_some(account.clients)}", do)
    elif wanted is None:
        said = f"ANY_CLIENT accepts every one of the pool: {_some(account.clients)}"
        yield Check(name, "warning", said, "name the app clients of this API (client_ids)")
    elif missing := wanted - account.clients.keys():
        yield _not_of_the_pool(missing, _some(account.clients))
    else:
        yield Check(name, "ok", f"all that are configured are the pool's: {_some(dict.fromkeys(wanted, ''))}")


def _by_description(account: Account, trouble: Trouble) -> Iterator[Check]:
    """Without a list of app clients, use the description of each configured one."""
    gone = {
        each
        for each, found in account.described.items()
        if isinstance(found, Trouble) and found.kind == "not-there"
    }
    if gone:
        yield _not_of_the_pool(gone, "others")
    elif account.described and all(isinstance(each, AppClient) for each in account.described.values()):
        some = _some(dict.fromkeys(account.described, ""))
        yield Check("app clients", "ok", f"all that are configured are the pool's: {some}")
    else:
        yield unknown("app clients", trouble)


def _not_of_the_pool(missing: frozenset[str] | set[str], there: str) -> Check:
    said = f"the pool has no app client {listed(missing)}; it has {there}"
    do = "correct client_ids (COGNITO_CLIENT_IDS, --client-id): is it the ID of another pool's client?"
    return Check("app clients", "failure", said, do)


def _some(clients: dict[str, str] | object) -> str:
    names = dict(clients) if isinstance(clients, dict) else {}
    shown = [f"{each} ({names[each]})" if names[each] else each for each in sorted(names)[:_SHOWN]]
    more = len(names) - len(shown)
    return ", ".join(shown or ["none"]) + (f" and {more} more" if more else "")


def _lifetimes(account: Account) -> Iterator[Check]:
    name = "token lifetimes"
    clients = [found for each in account.described.values() if (found := known(each)) is not None]
    troubles = [each for each in account.described.values() if isinstance(each, Trouble)]
    refused = next((each for each in troubles if each.kind != "not-there"), None)
    if refused is not None:
        yield unknown(name, refused)
    if not clients:
        return
    longest = max(clients, key=lambda each: max(each.access_seconds, each.id_seconds))
    seconds = max(longest.access_seconds, longest.id_seconds)
    said = f"{duration(seconds)} at most ({longest.client_id})"
    if seconds > _HOUR:
        do = "a removed user keeps access for so long; shorten the lifetime if you can"
        yield Check(name, "warning", said, do)
    else:
        yield Check(name, "ok", said)
    silent = {each.client_id for each in clients if not each.revocable}
    if silent:
        said = f"tokens of {listed(silent)} cannot be revoked one by one: they have no jti and origin_jti"
        yield Check("token revocation", "warning", said, "set EnableTokenRevocation if you revoke tokens")


def duration(seconds: int) -> str:
    """Format a lifetime in the largest unit that divides it."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _scopes(account: Account, configured: Configured) -> Iterator[Check]:
    if not configured.scopes:
        return
    if isinstance(account.scopes, Trouble):
        yield unknown("scopes", account.scopes)
        return
    clients = [found for each in account.described.values() if (found := known(each)) is not None]
    askable = {scope for each in clients for scope in each.scopes}
    for scope in configured.scopes:
        # Scopes without a slash ("openid", "aws.cognito.signin.user.admin") are Cognito's own.
        if "/" in scope and scope not in account.scopes:
            do = "correct the policy, or define the scope at a resource server of the pool"
            yield Check(f"scope {scope}", "failure", "no resource server of the pool defines it", do)
        elif clients and scope not in askable:
            do = "allow it at an app client (AllowedOAuthScopes)"
            yield Check(f"scope {scope}", "warning", "none of the app clients looked at may ask for it", do)
        else:
            yield Check(f"scope {scope}", "ok", "tokens can carry it")
