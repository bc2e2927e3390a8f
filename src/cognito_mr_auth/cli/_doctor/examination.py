"""Examines one pool: asks AWS's API and the endpoints side by side, and makes all checks.

Owns the order of the rows, and what is left out if AWS cannot be asked. Every wait is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, cast

from cognito_mr_auth._aws.account import ASK_SECONDS, read_account
from cognito_mr_auth._aws.model import Account, Trouble, known
from cognito_mr_auth._aws.reading import Reader
from cognito_mr_auth._aws.side_by_side import Deadline, side_by_side

from .answers import EndpointAnswer
from .client_checks import client_checks
from .endpoint_checks import endpoint_checks
from .endpoints import ENDPOINT_SECONDS, Fetcher, ask_endpoints
from .key_checks import key_checks
from .pool_checks import pool_checks
from .verdicts import Check, Configured, unknown

__all__ = ["Examination", "examine"]

# Each half ends by its own deadline, so both always end before this one.
_EVER: Final = 86400.0

Done = Callable[[str], object]


class Examination(NamedTuple):
    """The rows of one pool, and whether any Region has answered at all."""

    user_pool_id: str
    checks: tuple[Check, ...]
    answered: bool


def examine(
    configured: Configured,
    fetcher: Fetcher,
    reader: Reader | None,
    without_aws: Check | None = None,
    done: Done = lambda _: None,
) -> Examination:
    """Ask and check. Without a reader, `without_aws` says why AWS is not asked."""
    pool = configured.pool
    jobs: dict[str, Callable[[], Any]] = {}
    no_certificates = None
    try:
        fetcher.prepare(endpoint.url for endpoint in pool._key_set_config.endpoints)
        jobs["endpoints"] = partial(ask_endpoints, pool, fetcher, Deadline(ENDPOINT_SECONDS), done)
    except OSError as error:
        no_certificates = _no_certificates(error)
    if reader is not None:
        jobs["AWS"] = partial(
            read_account,
            reader,
            (pool.region, *pool.replica_regions),
            Deadline(ASK_SECONDS),
            wanted=pool.client_ids,
            scopes=bool(configured.scopes),
            done=done,
        )
    results = side_by_side(jobs, Deadline(_EVER))
    for result in results.values():
        if isinstance(result, Exception):
            raise result
    account = cast("Account | None", results.get("AWS"))
    answers = cast("list[EndpointAnswer]", results.get("endpoints", []))
    checks = tuple(_checks(configured, account, answers, [without_aws, no_certificates]))
    answered = any(each.answered for each in answers)
    answered = answered or (account is not None and any(each.answered for each in account.regions.values()))
    return Examination(pool.user_pool_id, checks, answered)


def _checks(
    configured: Configured,
    account: Account | None,
    answers: Sequence[EndpointAnswer],
    not_asked: Sequence[Check | None],
) -> Iterator[Check]:
    issuer_type = None
    yield from filter(None, not_asked)
    if account is not None:
        if (trouble := _without_credentials(account)) is not None:
            # One row instead of one for each thing that could not be asked.
            yield unknown("AWS", trouble)
        else:
            yield from pool_checks(account, configured)
            yield from key_checks(account, configured)
            yield from client_checks(account, configured)
        settings = known(account.regions[account.source].pool) if account.source else None
        issuer_type = settings.issuer_type if settings else None
    if answers:
        dates = account.dates if account is not None else ()
        yield from endpoint_checks(answers, configured, issuer_type, dates)


def _no_certificates(error: OSError) -> Check:
    said = f"the authorities' certificates cannot be loaded ({type(error).__name__}): no endpoint was asked"
    return Check("TLS", "failure", said, "correct SSL_CERT_FILE and SSL_CERT_DIR, or unset them")


def _without_credentials(account: Account) -> Trouble | None:
    """Return the trouble if no Region could be asked because there are no credentials."""
    troubles = [each.pool for each in account.regions.values()]
    for each in troubles:
        if isinstance(each, Trouble) and each.kind == "no-credentials":
            silent = ("no-credentials", "unreachable", "late")
            if all(isinstance(other, Trouble) and other.kind in silent for other in troubles):
                return each
    return None
