"""Authentication for gRPC servers: an interceptor for `grpc.server`, and its twin for `grpc.aio.server`.

    server = grpc.server(ThreadPoolExecutor(), interceptors=[CognitoAuthInterceptor(verifier)])

Owns the public names: the interceptors with their settings, the decorators for a servicer's methods, and a
handler for readiness probes. The guard decides which calls pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, Literal, TypedDict, Unpack

try:
    import grpc
    from grpc.aio import ServerInterceptor as AioServerInterceptor
except ImportError as _missing:
    raise ImportError(
        'cognito_mr_auth.grpc needs grpcio: pip install "cognito-mr-auth[grpc]"', name="grpc"
    ) from _missing

from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.readiness import Readiness
from cognito_mr_auth._web.settings import SocketOptions, refuse_options
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.pool import UserPool
from cognito_mr_auth.verifier import Verifier

from ._admission import Admission
from ._behaviors import aguarded, guarded
from ._call import principal_of
from ._marks import optional, public, require
from ._methods import Methods

__all__ = [
    "AioCognitoAuthInterceptor",
    "CognitoAuthInterceptor",
    "optional",
    "principal_of",
    "public",
    "ready",
    "require",
]


class _Options(TypedDict, total=False):
    """The settings that apply to gRPC; `guard.Guard` documents each."""

    require: Policy | None
    optional: bool
    exclude: Collection[str]
    cookie: str | None
    allowed_origins: Collection[str]
    header: str
    scheme: Literal["Bearer"] | None
    close_at_expiry: bool
    realm: str
    resource_metadata: str | None
    timeout: float


# gRPC has no preflights and no subprotocols, and only an HTTP server can serve a document at a path.
_REFUSED: Final = SocketOptions.__optional_keys__ - _Options.__optional_keys__


class _Interceptor:
    """The parts that both interceptors share: the guard, and the policies of methods."""

    def __init__(
        self,
        verifier: Verifier | Guard,
        *,
        methods: Mapping[str, Policy | None] | None = None,
        **options: Unpack[_Options],
    ) -> None:
        name = type(self).__name__
        refuse_options(options, _REFUSED, f"does not apply to gRPC, so {name} does not accept it")
        self._guard = RequestGuard.of(name, verifier, options, _Options.__optional_keys__)
        self._methods = Methods({} if methods is None else methods)


class CognitoAuthInterceptor(_Interceptor, grpc.ServerInterceptor):  # type: ignore[misc]
    """Let calls pass only with a token that the verifier accepts, for `grpc.server`.

    Args:
        verifier: the verifier of the tokens, or a `Guard`, which has its own options. Hooks must not be
            coroutine functions.
        methods: a policy for each method, beside the guard's policy; None accepts any valid token. The keys
            are `"/pkg.Service/Method"`, `"/pkg.Service/*"`, or `"/*"` for all other methods. The most
            specific name applies. A method that no name matches is denied to everybody, unless it is
            excluded or marked.
        options: settings of the guard that is made from a verifier; `guard.Guard` lists them. `exclude` takes
            names of methods, such as "/grpc.health.v1.Health/*". With `close_at_expiry` no message of a
            stream passes after its token's expiry.

    Other calls get UNAUTHENTICATED, PERMISSION_DENIED or UNAVAILABLE. The trailing metadata has `auth-reason`
    and `www-authenticate`, or `grpc-retry-pushback-ms`. An AuthError that a handler raises gets the same
    response. Calls are verified on the server's threads, on which handlers run.

    Raises:
        ConfigurationError, TypeError: a setting is invalid, or does not apply to gRPC.
    """

    def __init__(
        self,
        verifier: Verifier | Guard,
        *,
        methods: Mapping[str, Policy | None] | None = None,
        **options: Unpack[_Options],
    ) -> None:
        super().__init__(verifier, methods=methods, **options)
        self._guard.refuse_async_hooks()
        self._methods.refuse_async_checks()

    def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        """Return the handler behind the guard. gRPC calls this."""
        handler = continuation(handler_call_details)
        return guarded(Admission(self._guard, self._methods, handler_call_details, handler))


class AioCognitoAuthInterceptor(_Interceptor, AioServerInterceptor):  # type: ignore[misc]
    """The same for `grpc.aio.server`, whose handlers may be coroutine functions or not.

    Hooks and checks may be coroutine functions. With `close_at_expiry` a stream ends when its token expires,
    if its handler is a coroutine function or an async generator function.
    """

    def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Awaitable[Any]:
        """Return the handler behind the guard. gRPC calls this.

        Raises:
            RuntimeError: the server is not an asyncio server.
        """
        # Not a coroutine function, because grpc.server would take its coroutine for a handler.
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError("grpc.server needs a CognitoAuthInterceptor; this is grpc.aio's") from None
        return self._intercept(continuation, handler_call_details)

    async def _intercept(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        return await aguarded(Admission(self._guard, self._methods, details, await continuation(details)))


# grpc.health.v1.HealthCheckResponse as protobuf writes it: field 1, an enum.
_SERVING, _NOT_SERVING = b"\x08\x01", b"\x08\x02"


def ready(verifier: Verifier | Guard, *providers: UserPool | str) -> grpc.GenericRpcHandler:
    """`grpc.health.v1.Health/Check` for readiness probes, which is `public`.

        server.add_generic_rpc_handlers((ready(verifier),))

    It answers SERVING or NOT_SERVING for the server as a whole (the service ""), as
    `Verifier.ready(*providers)` decides. It answers NOT_FOUND for any other service. Use it only for servers
    without their own health servicer.

    Raises:
        ConfigurationError, TypeError: the argument is not a verifier, or it has no such pool.
    """
    readiness = Readiness(verifier, providers)

    @public
    def check(request: bytes, context: Any) -> bytes:
        if request:  # the request names a service
            context.abort(grpc.StatusCode.NOT_FOUND, "only the server as a whole is known here")
        return _SERVING if readiness.answer("GET").status == 200 else _NOT_SERVING

    handler = grpc.unary_unary_rpc_method_handler(check)
    return grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler})
