"""The ARN of the method or route that is called, and what a policy document may name.

Owns its parts. An ARN is built from the parts of one that API Gateway gave, and nothing that a client
chose gets into it unescaped.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from cognito_mr_auth._base.partitions import REGION
from cognito_mr_auth.errors import ConfigurationError

__all__ = ["MAX_RESOURCE_CHARS", "NOWHERE", "MethodArn", "statement"]

# "Output from an API Gateway Lambda authorizer": the limit of each Resource in the document.
MAX_RESOURCE_CHARS = 512

# Every partition (aws, aws-cn, aws-us-gov, aws-iso-b, aws-eusc). Stage names: letters, digits, "-", "_",
# and $default. The rest begins with a verb, or is $connect or $default.
_ARN = re.compile(
    rf"(?P<prefix>arn:aws(?:-[a-z]+){{0,2}}:execute-api:(?:{REGION.pattern}):[0-9]{{12}}:[A-Za-z0-9]+/"
    r"(?:[A-Za-z0-9_-]+|\$default)/)(?P<rest>.*)",
    re.ASCII | re.DOTALL,
)
# IAM: `*`, `?` and `${` have a meaning in a Resource; `${*}`, `${?}` and `${$}` are the characters
# themselves ("IAM policy elements: Variables and tags", special characters).
_SPECIAL = re.compile(r"[*?]|\$(?=\{)")


class MethodArn(NamedTuple):
    """`prefix` ends with the stage and a slash; `rest` is "GET/orders/5", or "$connect"."""

    prefix: str
    rest: str

    @classmethod
    def parse(cls, arn: object) -> MethodArn:
        """The parts of an event's methodArn or routeArn.

        Raises:
            ConfigurationError: it is no such ARN, so the event is not API Gateway's.
        """
        parts = _ARN.fullmatch(arn) if type(arn) is str else None
        if parts is None:
            raise ConfigurationError("the event holds no execute-api ARN: it is no authorizer's event")
        return cls(parts["prefix"], parts["rest"])

    @property
    def itself(self) -> str | None:
        """The Resource that is this method and path alone; None where AWS would refuse its length."""
        resource = self.prefix + _SPECIAL.sub(r"${\g<0>}", self.rest)
        return resource if len(resource) <= MAX_RESOURCE_CHARS else None


NOWHERE = MethodArn("", "")
"""In place of an ARN, where events have none."""


def statement(effect: str, resources: list[str]) -> dict[str, Any]:
    """One statement of a policy document, "Allow" or "Deny"."""
    return {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resources}
