"""The command `doctor`: what to examine, and the exit status.

Owns the options. Asks nothing itself. It imports the examination in a call, because that loads the HTTP
client.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from cognito_mr_auth import ANY_CLIENT, UserPool
from cognito_mr_auth._config import environment
from cognito_mr_auth.cli._options import Exit, json_option, usage_errors
from cognito_mr_auth.pool import _KINDS
from cognito_mr_auth.principal import IssuerKind

from .verdicts import Check, Configured, unknown

if TYPE_CHECKING:
    from cognito_mr_auth._aws.boto import Clients
    from cognito_mr_auth._aws.reading import Reader

    from .endpoints import Fetcher
    from .examination import Examination

__all__ = ["Dependencies", "doctor"]


def _own_clients(profile: str | None) -> Clients:
    from cognito_mr_auth._aws import boto

    return boto.clients_of(boto.load_session(profile))


def _own_fetcher() -> Fetcher:
    from .endpoints import Fetcher

    return Fetcher()


class Dependencies(NamedTuple):
    """What the command uses of its process. Tests pass their own as click's `obj`."""

    clients: Callable[[str | None], Clients] = _own_clients
    fetcher: Callable[[], Fetcher] = _own_fetcher
    environ: Mapping[str, str] = os.environ


@click.command()
@click.option("--from-env", is_flag=True, help="Examine what the COGNITO_ variables configure.")
@click.option("--user-pool-id", help='Such as "us-west-2_EXAMPLE".')
@click.option(
    "--replica-region",
    "replica_regions",
    multiple=True,
    metavar="REGION",
    help="A Region that the verifier's configuration names; may be repeated.",
)
@click.option(
    "--client-id",
    "client_ids",
    multiple=True,
    metavar="ID",
    help="An app client that the verifier accepts; may be repeated.",
)
@click.option("--any-client", is_flag=True, help="The verifier accepts every app client.")
@click.option(
    "--issuer-kind",
    "issuer_kinds",
    multiple=True,
    type=click.Choice(_KINDS),
    help="A kind of issuer that the verifier accepts; may be repeated. Default: all that the pool has.",
)
@click.option("--jwks-url", metavar="URL", help="Ask this endpoint alone: https, or http to loopback.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="SCOPE",
    help="A scope that a policy of yours asks for; may be repeated.",
)
@click.option("--profile", metavar="NAME", help="The profile of AWS's configuration files.")
@click.option("--no-aws", is_flag=True, help="Ask the key endpoints alone; needs no credentials.")
@json_option
@click.pass_obj
def doctor(
    given: Dependencies | None,
    /,
    *,
    from_env: bool,
    scopes: Sequence[str],
    profile: str | None,
    no_aws: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Examine a user pool and its Regions, and what a verifier's configuration makes of them.

    Asks AWS's API (extra [aws], read-only) and every key endpoint, and says for each check ok, warning,
    failure or unknown, and what to do. Exit status: 0 no failure, 1 a failure, 2 wrong usage or a boto3 that
    is too old, 3 no Region answered.
    """
    from .show import show, show_json

    dependencies = given or Dependencies()
    with usage_errors():
        found = _from_env(dependencies.environ, settings) if from_env else [_from_options(**settings)]
        clients, without_aws = (None, _NOT_ASKED) if no_aws else _clients(dependencies, profile)
    fetcher = dependencies.fetcher()
    pools = [_examine(each._replace(scopes=tuple(scopes)), fetcher, clients, without_aws) for each in found]
    (show_json if as_json else show)(pools)
    if not any(each.answered for each in pools):
        raise SystemExit(Exit.KEYS_UNAVAILABLE)
    if any(check.verdict == "failure" for each in pools for check in each.checks):
        raise SystemExit(Exit.REFUSED)


_NOT_ASKED = Check("AWS", "unknown", "not asked (--no-aws)")


def _from_env(environ: Mapping[str, str], settings: Mapping[str, Any]) -> list[Configured]:
    if any(settings.values()):
        raise click.UsageError("--from-env takes all of it from the environment; leave the other options out")

    def configured(*pools: UserPool, **options: Any) -> list[Configured]:
        known = {name: options[name] for name in ("leeway",) if name in options}
        return [Configured(pool, **known) for pool in pools]

    return environment.verifier_from(configured, environ)


def _from_options(
    *,
    user_pool_id: str | None,
    client_ids: Sequence[str],
    any_client: bool,
    issuer_kinds: Sequence[IssuerKind],
    jwks_url: str | None,
    replica_regions: Sequence[str],
) -> Configured:
    if user_pool_id is None:
        raise click.UsageError("name the pool with --user-pool-id, or use --from-env")
    if client_ids and any_client:
        raise click.UsageError("--client-id and --any-client exclude each other")
    pool = UserPool(
        user_pool_id,
        client_ids=client_ids or ANY_CLIENT,
        replica_regions=replica_regions,
        issuer_kinds=issuer_kinds or None,
        jwks_urls=jwks_url,
    )
    return Configured(pool, clients_given=bool(client_ids) or any_client)


def _clients(dependencies: Dependencies, profile: str | None) -> tuple[Clients | None, Check | None]:
    from cognito_mr_auth._aws.boto import MissingBotoError

    try:
        return dependencies.clients(profile), None
    except MissingBotoError:
        said = "not asked: boto3 is not installed"
        return None, Check("AWS", "unknown", said, 'pip install "cognito-mr-auth[cli,aws]"')


def _examine(
    configured: Configured, fetcher: Fetcher, clients: Clients | None, without_aws: Check | None
) -> Examination:
    from .examination import examine
    from .show import Progress

    pool = configured.pool
    with Progress(pool.user_pool_id) as progress:
        reader = None
        if clients is not None:
            reader, without_aws = _reader(clients, pool, fetcher)
        return examine(configured, fetcher, reader, without_aws, progress)


def _reader(clients: Clients, pool: UserPool, fetcher: Fetcher) -> tuple[Reader | None, Check | None]:
    from cognito_mr_auth._aws.boto import OldBotoError
    from cognito_mr_auth._aws.reading import Reader

    reader = Reader(clients, pool.user_pool_id, fetcher.wall)
    try:
        trouble = reader.prepare(pool.region)
    except OldBotoError as error:
        raise click.UsageError(f"{error}. --no-aws leaves AWS out") from error
    return (reader, None) if trouble is None else (None, unknown("AWS", trouble))
