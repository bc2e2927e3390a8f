"""URLs of key documents: which host is dialled, and what of a URL is shown."""

from __future__ import annotations

import enum
import sys

import httpx
import pytest

from cognito_mr_auth._base.urls import read_key_url, shown
from cognito_mr_auth.errors import ConfigurationError

GOOD = [
    ("https://a.example/jwks.json", False),
    ("https://a.example", False),
    ("https://a.example./jwks", False),
    ("https://A.Example:8443/x?y=z", False),
    ("https://a.example:/x", False),
    ("https://10.0.0.1/x", False),
    ("https://[2001:db8::1]/jwks", False),
    ("https://[2001:db8::1]:8443/jwks", False),
    ("https://a.example/?x=http://b.example@c.example/", False),
    ("https://localhost/jwks", True),
    ("http://localhost:9229/jwks", True),
    ("http://LOCALHOST:9229/jwks", True),
    ("http://127.9.9.9/jwks", True),
    ("HTTP://127.0.0.1/jwks", True),
    ("http://[::1]/jwks", True),
    ("http://[::1]:5000/jwks?x", True),
]


@pytest.mark.parametrize(("url", "loopback"), GOOD, ids=[str(n) for n in range(len(GOOD))])
def test_the_host_that_is_judged_is_dialled(url: str, *, loopback: bool) -> None:
    """An HTTP client goes to that host and port, asks with that query, and reads the scheme alike."""
    read = read_key_url("urls", url, insecure=False)
    assert read.loopback is loopback
    dialled = httpx.URL(f"{read.place}?{read.query}" if read.query else read.place)
    assert (dialled.host, dialled.port) == (httpx.URL(url).host, httpx.URL(url).port)
    assert dialled.raw_path == httpx.URL(url).raw_path
    assert (dialled.host in ("localhost", "::1") or dialled.host.startswith("127.")) is loopback
    assert read.place.startswith(("https:", "http:"))


class Texts(enum.StrEnum):
    """Settings as some applications hold them."""

    KEYS = "https://a.example/?x"


class OldTexts(str, enum.Enum):  # noqa: UP042
    """The same, as it was written before."""

    KEYS = "https://a.example/?x"


@pytest.mark.parametrize("member", [Texts.KEYS, OldTexts.KEYS], ids=["StrEnum", "str-Enum"])
def test_a_member_of_an_enum_is_its_text(member: str) -> None:
    """Whatever its kind prints, and no part of it stays a member."""
    read = read_key_url("urls", member, insecure=False)
    assert (type(read.place), type(read.query)) == (str, str)
    assert (read.place, read.query) == ("https://a.example/", "x")


ABSOLUTE, USER = "absolute https URL", "user name or fragment"
# Newer versions of Python refuse some of these hosts by themselves.
NO_URL = NO_HOST = "which (is no URL|names no host)"
PLAIN = "insecure_emulator"
BAD: dict[str, tuple[object, str]] = {
    "none": (None, ABSOLUTE),
    "bytes": (b"https://a.example/", ABSOLUTE),
    "empty": ("", ABSOLUTE),
    "relative": ("/jwks.json", ABSOLUTE),
    "no-scheme": ("a.example/jwks", ABSOLUTE),
    "one-slash": ("https:/a.example/", ABSOLUTE),
    "three-slashes": ("https:///a.example/", ABSOLUTE),
    "no-host": ("https://:443/", ABSOLUTE),
    "space": ("https://a.example/ x", ABSOLUTE),
    "newline": ("https://a.example/\n", ABSOLUTE),
    "tab-in-the-host": ("http://local\thost/", ABSOLUTE),
    "control": ("https://a.example/\x7f", ABSOLUTE),
    "unicode": ("https://\u0430.example/", ABSOLUTE),
    "full-width-dot": ("http://127\uff0e0.0.1/", ABSOLUTE),
    "port": ("https://a.example:99999/", NO_URL),
    "port-text": ("https://a.example:x/", NO_URL),
    "two-ports": ("http://127.0.0.1:80:80/", NO_URL),
    "bracket": ("https://[::1/", NO_URL),
    "after-the-bracket": ("http://[::1]evil/", NO_HOST),
    "after-the-bracket-https": ("https://[2001:db8::1]evil.example/", NO_HOST),
    "name-after-the-bracket": ("http://[::1].evil.example/", NO_HOST),
    "between-bracket-and-port": ("http://[::1]evil:80/", NO_HOST),
    "after-the-port": ("http://[::1]:80evil/", NO_URL),
    "zone": ("http://[::1%25eth0]/", NO_HOST),
    "percent": ("http://localhost%2eevil.example/", NO_HOST),
    "percent-nul": ("http://localhost%00.evil.example/", NO_HOST),
    "backslash": ("http://127.0.0.1\\evil.example/", NO_HOST),
    "semicolon": ("http://localhost;evil.example/", NO_HOST),
    "comma": ("http://localhost,evil.example/", NO_HOST),
    "star": ("https://*.example/", NO_HOST),
    "empty-label": ("https://a..example/", NO_HOST),
    "hyphen-first": ("https://-a.example/", NO_HOST),
    "port-of-six-digits": ("https://a.example:000443/", NO_HOST),
    "port-0": ("https://a.example:0/", NO_HOST),
    "too-long-a-name": (f"https://{'a.' * 123}example.com/", NO_HOST),
    "user": ("https://u:hunter2@a.example/", USER),
    "password": ("https://:hunter2@a.example/", USER),
    "no-user": ("https://@a.example/", USER),
    "loopback-as-user": ("http://127.0.0.1@evil.example/", USER),
    "loopback-and-port-as-user": ("http://localhost:80@evil.example/", USER),
    # From 3.14 on Python itself says that this is no URL.
    "bracket-as-user": (
        "http://[::1]@evil.example/",
        USER if sys.version_info < (3, 14) else "which is no URL",
    ),
    "backslash-before-the-host": ("http://127.0.0.1\\@evil.example/", USER),
    "fragment": ("https://a.example/#hunter2", USER),
    "http": ("http://a.example/", PLAIN),
    "http-private": ("http://10.0.0.1/", PLAIN),
    "http-mapped": ("http://[::ffff:127.0.0.1]/", PLAIN),
    "http-like": ("http://127.0.0.1.evil.example/", PLAIN),
    "http-localhost-evil": ("http://localhost.evil/", PLAIN),
    "http-prefix": ("http://localhost.evil.example/", PLAIN),
    "http-suffix": ("http://evil.localhost/", PLAIN),
    "http-number": ("http://2130706433/", PLAIN),
    "http-short": ("http://127.1/", PLAIN),
    "file": ("file://localhost/etc/passwd", PLAIN),
    "ftp": ("ftp://127.0.0.1/", PLAIN),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused(name: str) -> None:
    """No URL that two readers could send to two hosts, and no secret of it in the message."""
    given, why = BAD[name]
    with pytest.raises(ConfigurationError, match=why) as caught:
        read_key_url("urls", given, insecure=False)
    assert str(caught.value).startswith("urls holds ")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "name", [name for name, (_, why) in BAD.items() if why != PLAIN or name in ("file", "ftp")]
)
def test_an_emulator_changes_the_scheme_alone(name: str) -> None:
    """`insecure` allows http to any host, and nothing else that is refused."""
    with pytest.raises(ConfigurationError):
        read_key_url("urls", BAD[name][0], insecure=True)
    assert read_key_url("urls", "http://moto_server:5000/x", insecure=True).loopback is False


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("https://a.example/x", "'https://a.example/x'"),
        ("https://a.example/x?k=hunter2", "'https://a.example/x?...'"),
        ("https://a.example/x#hunter2", "'https://a.example/x#...'"),
        ("https://u:hunter2@a.example/", "'...@a.example/'"),
        ("https://u:hunter2@a.example/?hunter2", "'...@a.example/?...'"),
        ("https://u:hunter2@a.example/ x", "'...@a.example/ x'"),
        ("http://u:p@hunter2@a.example/", "'...@a.example/'"),
        ("u:hunter2@a.example", "'...@a.example'"),
        ("https://u:hunt?er2@a.example/", "'...'"),
        ("https://u:hunt#er2@a.example/", "'...'"),
        ("https://a.example/?mail=u@hunter2", "'...'"),
        (["https://a.example/?hunter2"], "['https://a.example/?..."),
        (b"https://u:hunter2@a.example/?hunter2", "...@a.example/?..."),
        (None, "None"),
    ],
    ids=lambda value: "",
)
def test_what_is_shown(given: object, text: str) -> None:
    """Scheme, host and path, for the reader to know which one is meant; no part that may be a secret."""
    assert shown(given) == text


def test_a_repr_shows_no_query() -> None:
    """A URL may end in a traceback's locals."""
    assert repr(read_key_url("urls", "https://a.example/x?hunter2", insecure=False)) == (
        "KeyURL('https://a.example/x')"
    )
