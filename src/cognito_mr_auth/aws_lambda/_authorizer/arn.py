"""The ARN of the called method or route, and what a policy document may name.

Owns the parts of an ARN, and IAM's reading of a document's Resources. An ARN is built from the parts of one
that API Gateway sent. Nothing that a client chose gets into it unescaped.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from cognito_mr_auth._base.partitions import REGION
from cognito_mr_auth.errors import ConfigurationError

__all__ = ["MAX_RESOURCE_CHARS", "NOWHERE", "MethodArn", "allows", "statement"]

# "Output from an API Gateway Lambda authorizer": the limit of each Resource in the document.
MAX_RESOURCE_CHARS = 512

# Every partition (aws, aws-cn, aws-us-gov, aws-iso-b, aws-eusc), and the values of serverless-offline for
# account and API. A stage name has letters, digits, "-" and "_", or is $default. AWS's samples have "*" for a
# stage or no API. The rest begins with a verb, or is $connect or $default.
_ARN = re.compile(
    rf"(?P<api>arn:aws(?:-[a-z]+){{0,2}}:execute-api:(?:{REGION.pattern}):"
    r"(?:[0-9]{12}:[A-Za-z0-9]*|random-account-id:random-api-id)/)"
    r"(?P<stage>[A-Za-z0-9_-]+|\$default|\*)/(?P<rest>.*)",
    re.ASCII | re.DOTALL,
)
# IAM: `*`, `?` and `${` have a meaning in a Resource; `${*}`, `${?}` and `${$}` are the characters
# themselves ("IAM policy elements: Variables and tags", special characters).
_SPECIAL = re.compile(r"[*?]|\$(?=\{)")
# A literal character, escaped or not, or a wildcard.
_SYMBOL = re.compile(r"(?:\$\{(?P<escaped>[*?$])\}|(?P<wild>[*?])|(?P<plain>.))", re.DOTALL)


class MethodArn(NamedTuple):
    """`prefix` is in Resource syntax and ends with the stage and a slash. `rest` is like "GET/orders/5"."""

    prefix: str
    rest: str

    @classmethod
    def parse(cls, arn: object) -> MethodArn:
        """Split an event's methodArn or routeArn.

        Raises:
            ConfigurationError: the value is not such an ARN, so the event is not API Gateway's.
        """
        parts = _ARN.fullmatch(arn) if type(arn) is str else None
        if parts is None:
            raise ConfigurationError("the event has no execute-api ARN, so it is not an authorizer's event")
        # A sample event has the stage "*". As a wildcard it would make the response cover every stage.
        return cls(f"{parts['api']}{_escaped(parts['stage'])}/", parts["rest"])

    @property
    def verb(self) -> str | None:
        """The called method; None if the ARN has none, as for $connect and a $default route."""
        verb, slash, _ = self.rest.partition("/")
        return verb if slash else None

    @property
    def itself(self) -> str | None:
        """The Resource that is only this method and path; None if it is too long for AWS."""
        resource = self.prefix + _escaped(self.rest)
        return resource if len(resource) <= MAX_RESOURCE_CHARS else None


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"${\g<0>}", text)


NOWHERE = MethodArn("", "")
"""Replaces the ARN of events that have none."""


def statement(effect: str, resources: list[str]) -> dict[str, Any]:
    """Return one statement of a policy document, "Allow" or "Deny"."""
    return {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resources}


def allows(document: dict[str, Any], arn: MethodArn) -> bool:
    """Whether a document for that API and stage allows this method and path. A Deny overrides every Allow."""
    effects = {
        each["Effect"]
        for each in document["Statement"]
        if any(_matches(resource.removeprefix(arn.prefix), arn.rest) for resource in each["Resource"])
    }
    return effects == {"Allow"}


def _matches(pattern: str, text: str) -> bool:
    """Whether an IAM pattern covers the text. `*` matches any characters, also "/", and `?` matches one.

    It backtracks only to the last `*`, so its time is at most proportional to the product of both lengths.
    """
    symbols = [(each["escaped"] or each["plain"], each["wild"]) for each in _SYMBOL.finditer(pattern)]
    at = here = begun = 0
    star = -1
    while here < len(text):
        plain, wild = symbols[at] if at < len(symbols) else (None, None)
        if wild == "*":
            star, begun = at, here
            at += 1
        elif wild == "?" or plain == text[here]:
            at, here = at + 1, here + 1
        elif star < 0:
            return False
        else:
            begun += 1
            at, here = star + 1, begun
    return all(wild == "*" for _, wild in symbols[at:])
