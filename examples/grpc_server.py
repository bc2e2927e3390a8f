"""gRPC, without generated code: messages are JSON. `grpc_client.py` calls it.

python -m cognito_mr_auth.testing --scope orders/read -- python examples/grpc_server.py
"""

import json
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.grpc import CognitoAuthInterceptor, principal_of, public, ready, require


@public
def health(_request: bytes, _context: grpc.ServicerContext) -> Any:
    """Open to everybody."""
    return {"status": "ok"}


def me(_request: bytes, context: grpc.ServicerContext) -> Any:
    """Any valid token, because the interceptor requires one."""
    principal = principal_of(context)
    return None if principal is None else {"subject": principal.subject, "issuer": principal.issuer.kind}


@require(policy.scopes("orders/read"))
def orders(_request: bytes, _context: grpc.ServicerContext) -> Any:
    """A token with the scope."""
    return {"orders": []}


def handler(method: Callable[..., Any]) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(method, None, lambda said: json.dumps(said).encode())


def main(host: str = "127.0.0.1", port: str = "50051") -> None:
    with Verifier.from_env() as verifier:
        server = grpc.server(ThreadPoolExecutor(), interceptors=[CognitoAuthInterceptor(verifier)])
        methods = {"Health": handler(health), "Me": handler(me), "Orders": handler(orders)}
        shop = grpc.method_handlers_generic_handler("example.Shop", methods)
        server.add_generic_rpc_handlers((shop, ready(verifier)))
        print("listening on port", server.add_insecure_port(f"{host}:{port}"), flush=True)
        server.start()
        signal.signal(signal.SIGTERM, lambda *_: server.stop(grace=5))
        server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
