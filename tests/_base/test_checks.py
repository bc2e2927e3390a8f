"""Grammars that several modules share: what fits each, and the nearest that does not."""

from __future__ import annotations

import re

import pytest

from cognito_mr_auth._base import checks
from cognito_mr_auth.errors import ConfigurationError

GRAMMARS: dict[str, tuple[str, list[str], list[str]]] = {
    "POOL_ID": (
        checks.POOL_ID,
        ["us-west-2_EXAMPLE", "us-gov-west-1_a", "eu-west-1_" + "a" * 45],
        [
            *(
                "us-west-2_",
                "us-west-2_" + "a" * 46,
                "us-west-2-EXAMPLE",
                "us-west-2_EX-A",
                "us-west-2_a\n",
                "",
            ),
            *("us-west-2_a_b", "_a", "us-west-2\n_a", "us-west-2_\u00e9", "us-west-2_\u0661"),
        ],
    ),
    "HOST_NAME": (
        checks.HOST_NAME,
        ["amazonaws.com", "amazonaws.com.cn", "a.bc"],
        ["amazonaws", "amazonaws.c", "10.0.0.1", "-a.com", "a-.com", "a..com", "A.com", "a.com."],
    ),
    "HOST": (
        checks.HOST,
        ["api", "api.example.com", "10.0.0.1", "a-b.c"],
        ["", "-a", "a-", "a..b", "a_b", "a.", "API", "a" * 64],
    ),
    "TOKEN": (
        checks.TOKEN,
        ["Bearer", "__Host-token", "!#$%&'*+-.^_`|~"],
        ["", "a b", "a,b", "a;b", "\u00e9"],
    ),
}


@pytest.mark.parametrize("name", GRAMMARS)
def test_a_grammar_takes_what_its_source_takes(name: str) -> None:
    """Each grammar matches as a whole what its standard allows, and nothing beside it."""
    pattern, fitting, unfit = GRAMMARS[name]
    assert [each for each in fitting if not re.fullmatch(pattern, each)] == []
    assert [each for each in unfit if re.fullmatch(pattern, each)] == []


def test_a_pools_id_is_read_as_its_grammar_says() -> None:
    """The check of every UserPool, which compiles no pattern, takes what the grammar takes."""
    _, fitting, unfit = GRAMMARS["POOL_ID"]
    assert [each for each in (*fitting, *unfit) if checks.is_pool_id(each)] == fitting


def test_text_is_every_printable_character_but_two() -> None:
    """RFC 6750 3: all of ASCII from space to tilde, without the quote and the backslash."""
    taken = {chr(code) for code in range(0x300) if re.fullmatch(f"[{checks.TEXT}]", chr(code))}
    assert taken == {chr(code) for code in range(0x20, 0x7F)} - {'"', "\\"}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.0.9", "::1"])
def test_loopback_is_this_machine(host: str) -> None:
    """What never leaves the machine."""
    assert checks.is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost.example.com",
        "128.0.0.1",
        "127.0.0.1.example.com",
        "127.0.0",
        "127.evil.example.com",
        "127.a.b.c",
        "127.0.0.x",
        "127.0.0.1234",
        "127.0.0.256",
        "127.0.0.01",
        "::2",
        "[::1]",
        "127.\u0661.0.1",
    ],
)
def test_other_hosts_are_not_loopback(host: str) -> None:
    """A name with that beginning belongs to another machine."""
    assert not checks.is_loopback(host)


@pytest.mark.parametrize("value", ["", "a" * 129, "a b", "a-b", "a\n", "\u0661", None, b"a", 1])
def test_what_is_no_client_id(value: object) -> None:
    """One to 128 ASCII letters, digits, underscores and plus signs, as a str."""
    assert not checks.is_client_id(value)
    assert checks.is_client_id("1example23456789+_Z")
    assert checks.is_client_id("a" * 128)


@pytest.mark.parametrize("value", [None, 0, 1, "true", [], "False"])
def test_a_flag_is_true_or_false(value: object) -> None:
    """Nothing that only looks like a flag is taken for one, and the message names the setting."""
    checks.check_flag("offline", True)
    checks.check_flag("offline", False)
    with pytest.raises(ConfigurationError, match=r"^offline=.*: give True or False$"):
        checks.check_flag("offline", value)
