"""The URL of a key document that a user configures: what is requested, and what of it may be shown.

This module has that check and the redaction, and is pure. The host that is checked is the host that an HTTP
client connects to. So everything that two readers of URLs could take for different hosts is refused.
"""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from cognito_mr_auth.errors import ConfigurationError

from .checks import is_loopback

__all__ = ["KeyURL", "read_key_url", "shown"]

# RFC 3986 3.2.2 and 3.2.3: an IPv6 address in brackets, or a name or an IPv4 address; then a port.
# Names of containers may hold "_".
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
# RFC 1035 2.3.4, without the length octet and the root's octet.
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
    """Reads an absolute https URL, an http URL of this machine, or, with `insecure`, any http URL.

    Raises:
        ConfigurationError: anything else. The message names the setting.
    """

    def refuse(why: str) -> ConfigurationError:
        return ConfigurationError(f"{setting} holds {shown(given)}{why}")

    if isinstance(given, str):
        given = str.__str__(given)  # the plain text of a str Enum's member
    if not isinstance(given, str) or not given.isascii() or not given.isprintable() or " " in given:
        raise refuse(": give an absolute https URL")
    try:
        parts = urlsplit(given)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # its message is not shown, because it repeats the URL's authority
        raise refuse(", which is no URL") from None
    if not host:
        raise refuse(": give an absolute https URL")
    if parts.username is not None or parts.fragment:
        raise refuse(": no user name or fragment belongs there")
    # `urlsplit` ignores what stands between a bracket and the port: "[::1]evil".
    if not _AUTHORITY.fullmatch(parts.netloc) or len(host) > MAX_HOST_CHARS or port == 0:
        raise refuse(", which names no host")
    loopback = is_loopback(host)
    if parts.scheme != "https" and not (parts.scheme == "http" and (loopback or insecure)):
        raise refuse(
            ": https is required beyond loopback "
            "(insecure_emulator=True allows http, for an emulator in a container)"
        )
    place, _, query = given.partition("#")[0].partition("?")
    # Other code compares with "https", so a scheme in capitals would not be recognised.
    return KeyURL(parts.scheme + place[len(parts.scheme) :], query, loopback)


def shown(given: object) -> str:
    """The part of a URL, or of what was given in its place, that a message may show.

    User name, password, query and fragment are left out, because each may be a secret in a log.
    """
    text = given if isinstance(given, str) else repr(given)
    begin = re.search(r"[?#]", text)
    place, rest = (text[: begin.end()] + "...", text[begin.end() :]) if begin else (text, "")
    if "@" in place:
        place = "..." + place[place.rindex("@") :]
    elif "@" in rest:  # a password may hold "?", so what stands before it may not be the host
        place = "..."
    return repr(place) if isinstance(given, str) else place
