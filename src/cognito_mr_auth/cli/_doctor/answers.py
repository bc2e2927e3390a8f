"""The response of a key endpoint, as a value. Pure."""

from __future__ import annotations

from typing import NamedTuple

from cognito_mr_auth._aws.model import DateSample
from cognito_mr_auth._jwks.document import Document
from cognito_mr_auth._jwks.model import Endpoint

__all__ = ["EndpointAnswer"]


class EndpointAnswer(NamedTuple):
    """The response of one endpoint: its document, or the reason of `events.FetchFailed` with its status.

    `tls` is the version of TLS, None without it. `proxy` is the proxy's host and port.
    """

    endpoint: Endpoint
    document: Document | None
    reason: str = ""
    status: int | None = None
    seconds: float = 0.0
    date: DateSample | None = None
    tls: str | None = None
    proxy: str | None = None

    @property
    def name(self) -> str:
        """The endpoint's name in a row."""
        return f"{self.endpoint.kind} {self.endpoint.region}"

    @property
    def not_enabled(self) -> bool:
        """Whether the endpoint itself says that there is no such issuer."""
        return self.reason == "status" and self.status in (403, 404)

    @property
    def answered(self) -> bool:
        """Whether the endpoint itself sent an HTTP answer."""
        return self.document is not None or (self.status is not None and self.reason != "proxy")
