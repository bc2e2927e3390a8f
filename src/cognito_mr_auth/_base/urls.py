"""The URL of a key document that a user configures: what is dialled, and what of it may be shown.

Owns that check and the redaction. The host that is judged is the host that an HTTP client dials, so
everything that two readers of URLs could take for different hosts is refused. Pure.
"""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from cognito_mr_auth.errors import ConfigurationError

from .checks import is_loopback

__all__ = ["KeyURL", "read_key_url", "shown"]

# RFC 3986 3.2.2 and 3.2.3: an IPv6 address in brackets, or a name or IPv4 address; then a port.
# Containers have names with "_".
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
# RFC 1035 2.3.4, without the length octet and the root's.
MAX_HOST_CHARS = 253
_AUTHORITY = re.compile(rf"(?:\[[0-9A-Fa-f:.]+\]|{_LABEL}(?:\.{_LABEL})*\.?)(?::[0-9]{{0,5}})?", re.ASCII)


class KeyURL(NamedTuple):
    """A URL in two parts, and whether its host is this machine. `query` may hold a secret."""

    place: str
    query: str
    loopback: bool

    def __repr__(self) -> str:
        """Show no query."""
        return f"KeyURL({self.place!r})"


def read_key_url(setting: str, given: object, *, insecure: bool) -> KeyURL:
    """An absolute https URL, or an http one of this machine, or of any with `insecure`.

    Raises:
        ConfigurationError: for anything else, naming the setting.
    """

    def refuse(why: str) -> ConfigurationError:
        return ConfigurationError(f"{setting} holds {shown(given)}{why}")

    if isinstance(given, str):
        given = str.__str__(given)  # a member of an Enum is kept as the text that it is
    if not isinstance(given, str) or not given.isascii() or not given.isprintable() or " " in given:
        raise refuse(": give an absolute https URL")
    try:
        parts = urlsplit(given)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # its text names the host with all that stands around it
        raise refuse(", which is no URL") from None
    if not host:
        raise refuse(": give an absolute https URL")
    if parts.username is not None or parts.fragment:
        raise refuse(": no user name or fragment belongs there")
    # `urlsplit` overlooks what stands between a bracket and the port: "[::1]evil".
    if not _AUTHORITY.fullmatch(parts.netloc) or len(host) > MAX_HOST_CHARS or port == 0:
        raise refuse(", which names no host")
    loopback = is_loopback(host)
    if parts.scheme != "https" and not (parts.scheme == "http" and (loopback or insecure)):
        raise refuse(
            ": https is required beyond loopback "
            "(insecure_emulator=True allows http, for an emulator in a container)"
        )
    place, _, query = given.partition("#")[0].partition("?")
    # "HTTPS" in capitals would be read as no https elsewhere.
    return KeyURL(parts.scheme + place[len(parts.scheme) :], query, loopback)


def shown(given: object) -> str:
    """What a message may show of a URL, or of what stands in its place.

    No user name, password, query or fragment: each may be a secret, and messages end in logs.
    """
    text = given if isinstance(given, str) else repr(given)
    begin = re.search(r"[?#]", text)
    place, rest = (text[: begin.end()] + "...", text[begin.end() :]) if begin else (text, "")
    if "@" in place:
        place = "..." + place[place.rindex("@") :]
    elif "@" in rest:  # a password may hold "?", so that nothing before it is surely the host
        place = "..."
    return repr(place) if isinstance(given, str) else place
