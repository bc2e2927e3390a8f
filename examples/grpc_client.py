"""Calls examples/grpc_server.py, or any server whose messages are octets. No generated code is needed.

TOKEN="$TOKEN" python examples/grpc_client.py /example.Shop/Orders

TOKEN is the one that the server's command has printed. Without it, the call has no token.
"""

import os
import sys

import grpc


def main(method: str, address: str = "127.0.0.1:50051") -> int:
    token = os.environ.get("TOKEN")  # not an argument, which other users of the machine can see
    metadata = [("authorization", f"Bearer {token}")] if token else None
    with grpc.insecure_channel(address) as channel:
        try:
            print(channel.unary_unary(method)(b"", metadata=metadata, timeout=10).decode())
        except grpc.RpcError as error:
            print(f"{error.code().name}: {error.details()}", file=sys.stderr)
            for name, value in error.trailing_metadata() or ():
                print(f"{name}: {value}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
