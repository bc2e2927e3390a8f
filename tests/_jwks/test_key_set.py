"""`KeySet`: stored responses from files, seeds and endpoints, and the state of each endpoint."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.rig import Rig

from cognito_mr_auth._jwks import schedule
from cognito_mr_auth._jwks.document import read_document
from cognito_mr_auth._jwks.exposure import thumbprint
from cognito_mr_auth._jwks.model import Endpoint, FetchError, KeyFileEntry
from cognito_mr_auth._jwks.report import provider_health
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.testing import FakeUserPool

FAKE = FakeUserPool()
RAW = json.dumps(FAKE.jwks()).encode()
COMPROMISING = json.dumps(FAKE.jwks(private=True)).encode()
URL, OTHER = (each.url for each in Rig(fake=FAKE).pool._key_set_config.endpoints[:2])
WALL = Rig(fake=FAKE).clock.wall
BOTH = {FAKE.access_key.kid, FAKE.id_key.kid}


def answer(rig: Rig, endpoint: Endpoint, raw: bytes, *, age: float = 0.0) -> tuple[bool, list[Any]]:
    """Store an answer to a request begun `age` seconds ago."""
    now, emitted = rig.clock(), []
    document = rig.key_set.read(raw, local=False)
    begun = (now[0] - age, now[1] - age)
    return rig.key_set.store_response(endpoint, begun, raw, document, 0.1, now, emitted), emitted


def kinds(emitted: list[Any]) -> list[str]:
    """The names of the events, in order."""
    return [type(event).__name__ for event in emitted]


@pytest.mark.parametrize(
    ("entry", "state"),
    [
        pytest.param(KeyFileEntry(URL, WALL - 5, RAW), "fresh", id="young"),
        pytest.param(KeyFileEntry(URL, WALL - 7200, RAW), "stale", id="two hours"),
        pytest.param(KeyFileEntry(URL, WALL + 59, RAW), "fresh", id="a clock a little ahead"),
        pytest.param(KeyFileEntry(URL, WALL + 61, RAW), "empty", id="from the future"),
        pytest.param(KeyFileEntry(URL, WALL - 86400, RAW), "empty", id="max_stale"),
        pytest.param(KeyFileEntry("https://else.example", WALL, RAW), "empty", id="another pool's"),
        pytest.param(KeyFileEntry(URL, WALL, b"{"), "empty", id="no document"),
        pytest.param(KeyFileEntry(URL, WALL, b'{"keys":[]}'), "empty", id="no key"),
    ],
)
def test_entries_of_a_key_file(entry: KeyFileEntry, state: str) -> None:
    """P: entries of this pool's endpoints are stored if not too old; they pass the checks of a fetch."""
    rig = Rig(fake=FAKE, entries=[entry])
    assert rig.key_set.state == state
    assert rig.key_set.entries() == ([entry] if state != "empty" else [])


def test_a_seed_yields_to_an_entry_of_the_file() -> None:
    """P: the seed is used only where no entry is usable, and is never saved."""
    other = FakeUserPool().jwks()
    assert (
        set(Rig(fake=FAKE, jwks=other, entries=[KeyFileEntry(URL, WALL, RAW)]).key_set.snapshot.keys) == BOTH
    )
    seeded = Rig(fake=FAKE, jwks=other)
    assert seeded.key_set.state == "stale"
    assert seeded.key_set.entries() == []
    _, emitted = answer(seeded, seeded.updated, RAW)
    assert set(seeded.key_set.snapshot.keys) == BOTH
    assert kinds(emitted) == ["FetchSucceeded", "KeysChanged", "StateChanged"]


@pytest.mark.parametrize(
    ("jwks", "says"),
    [
        ("{", "document-not-jwks"),
        ({"keys": []}, "it is empty"),
        ({"keys": [{"kty": "EC"}]}, "not-rsa"),
    ],
)
def test_a_seed_without_a_key_is_a_configuration_error(jwks: Any, says: str) -> None:
    """S7: nonsense fails in the constructor, and says why."""
    with pytest.raises(ConfigurationError, match=says):
        Rig(fake=FAKE, jwks=jwks)


def test_an_answer_reports_what_it_skipped() -> None:
    """K4: skipped members are counted and reported."""
    rig = Rig(fake=FAKE)
    raw = json.dumps({"keys": [*FAKE.jwks()["keys"], {"kty": "EC"}]}).encode()
    usable, emitted = answer(rig, rig.updated, raw)
    assert usable
    assert kinds(emitted) == ["KeysSkipped", "FetchSucceeded", "KeysChanged", "StateChanged"]
    assert emitted[1].skipped == 1
    assert (emitted[3].before, emitted[3].after) == ("empty", "fresh")


def test_the_keys_are_the_union_of_all_answers() -> None:
    """K1: a lagging endpoint takes no new key away, and a lost one keeps the old ones."""
    rig, other = Rig(fake=FAKE), FakeUserPool()
    answer(rig, rig.updated, RAW)
    answer(rig, rig.key_set.endpoints[1], json.dumps(other.jwks()).encode())
    assert set(rig.key_set.snapshot.keys) == BOTH | {other.access_key.kid, other.id_key.kid}
    assert len(rig.key_set.entries()) == 2


@pytest.mark.parametrize("ages", [(10.0, 700.0), (700.0, 10.0)])
def test_the_set_is_as_old_as_its_newest_answer(ages: tuple[float, float]) -> None:
    """K2: one endpoint that answers keeps the set fresh."""
    rig = Rig(fake=FAKE)
    for endpoint, age in zip(rig.key_set.endpoints, ages, strict=False):
        answer(rig, endpoint, RAW, age=age)
    assert provider_health(rig.key_set, rig.clock())["age"] == 10.0


def test_an_older_answer_never_replaces_a_newer() -> None:
    """K4: by the start of the request."""
    rig = Rig(fake=FAKE)
    answer(rig, rig.updated, RAW)
    usable, emitted = answer(rig, rig.updated, json.dumps(FakeUserPool().jwks()).encode(), age=1)
    assert usable
    assert kinds(emitted) == ["FetchSucceeded"]
    assert set(rig.key_set.snapshot.keys) == BOTH


def test_a_document_without_a_key_takes_nothing_away() -> None:
    """K4: a document with no usable key takes nothing away."""
    rig = Rig(fake=FAKE)
    answer(rig, rig.updated, RAW)
    usable, emitted = answer(rig, rig.updated, b'{"keys":[]}')
    assert not usable
    assert emitted == []
    assert set(rig.key_set.snapshot.keys) == BOTH


def test_compromised_keys_are_unusable_for_the_life_of_the_process() -> None:
    """T5: whichever endpoint serves the private members, and whatever it and the others serve later."""
    rig = Rig(fake=FAKE)
    answer(rig, rig.updated, RAW)
    usable, emitted = answer(rig, rig.key_set.endpoints[1], COMPROMISING)
    assert not usable
    assert kinds(emitted) == ["KeysSkipped", "KeyExposed", "KeysChanged", "StateChanged"]
    assert emitted[1].moduli == 2
    assert not rig.key_set.snapshot.keys
    assert not rig.key_set.usable(rig.clock())
    for seconds in (0, 3600, 8 * 86400):
        rig.later(seconds)
        for endpoint in rig.key_set.endpoints:
            assert answer(rig, endpoint, RAW) == (False, [])
    assert not rig.key_set.snapshot.keys
    new = FakeUserPool().jwks()["keys"]
    usable, emitted = answer(rig, rig.updated, json.dumps({"keys": [*FAKE.jwks()["keys"], *new]}).encode())
    assert usable
    assert set(rig.key_set.snapshot.keys) == {each["kid"] for each in new}
    assert "rotate the pool's keys" in rig.key_set.unavailable(rig.clock()).hint


def test_an_exposure_is_reported_when_it_changes() -> None:
    """T5, B1: a private key that is served for days is one event, and not one for each fetch."""
    rig, one = Rig(fake=FAKE), json.dumps({"keys": FAKE.jwks(private=True)["keys"][:1]}).encode()
    raws = [COMPROMISING, COMPROMISING, one, RAW, one]
    found = [kinds(answer(rig, rig.updated, raw)[1]).count("KeyExposed") for raw in raws]
    assert found == [1, 0, 1, 0, 1]


def _leaky(raw: bytes = COMPROMISING, age: float = 0.0, url: str | None = None) -> dict[str, Any]:
    return {"entries": [KeyFileEntry(url or URL, WALL - age, raw)]}


def _recorded(age: float = 0.0) -> dict[str, Any]:
    prints = [thumbprint(key.material[0]) for key in read_document(RAW).keys.values()]
    return {"exposed": dict.fromkeys(prints, WALL - age)}


HALF = json.dumps({"keys": [*FAKE.jwks()["keys"][:1], *FAKE.jwks(private=True)["keys"][1:]]}).encode()


@pytest.mark.parametrize(
    ("options", "used", "events"),
    [
        pytest.param({}, BOTH, [], id="nothing"),
        pytest.param(_recorded(), set(), [("", 2)], id="recorded"),
        pytest.param(_recorded(86399), set(), [("", 2)], id="recorded-a-day-ago"),
        pytest.param(_recorded(86400), BOTH, [], id="recorded-too-long-ago"),
        pytest.param(_recorded(-1e9), set(), [("", 2)], id="recorded-in-the-future"),
        pytest.param(_leaky(), set(), [(URL, 2)], id="a-private-key-in-the-file"),
        pytest.param(_leaky(HALF), {FAKE.access_key.kid}, [(URL, 1)], id="one-of-two-in-the-file"),
        pytest.param(_leaky(age=86399), set(), [(URL, 2)], id="a-day-old"),
        pytest.param(_leaky(age=86400), BOTH, [], id="too-old"),
        pytest.param(_leaky(age=-1e9), set(), [(URL, 2)], id="from-the-future"),
        pytest.param(
            _leaky(url="https://else.example"), set(), [("https://else.example", 2)], id="another-endpoint"
        ),
        pytest.param({"jwks": HALF}, {FAKE.access_key.kid}, [("", 1)], id="in-the-seed"),
    ],
)
def test_what_files_and_seeds_expose(
    options: dict[str, Any], used: set[str], events: list[tuple[str, int]]
) -> None:
    """T5: over a restart for `max_stale` after a process last knew it, and from wherever documents come."""
    rig = Rig(fake=FAKE, **options)
    assert [(each.url, each.moduli) for each in rig.key_set.noticed] == events
    assert rig.events == rig.key_set.noticed
    answer(rig, rig.original or rig.updated, RAW)
    assert set(rig.key_set.snapshot.keys) == used


def test_a_file_of_exposed_keys_leaves_the_pool_to_its_seed() -> None:
    """P, T5: the seed is used where no file has a usable key."""
    other = FakeUserPool()
    rig = Rig(fake=FAKE, entries=[KeyFileEntry(URL, WALL, RAW)], jwks=other.jwks(), **_recorded())
    assert set(rig.key_set.snapshot.keys) == {other.access_key.kid, other.id_key.kid}


def test_the_record_is_written_as_of_now() -> None:
    """T5: after a restart the keys stay unusable for `max_stale`, however long ago they leaked."""
    rig = Rig(fake=FAKE)
    answer(rig, rig.updated, COMPROMISING)
    assert set(rig.key_set.contents(rig.clock()).exposed.values()) == {WALL}
    rig.later(30 * 3600)
    contents = rig.key_set.contents(rig.clock())
    assert (len(contents.exposed), set(contents.exposed.values())) == (2, {WALL + 30 * 3600})


def test_an_endpoint_that_answered_later_than_its_keys_say() -> None:
    """R3, P: the file keeps both times, and a restart knows when the endpoint last answered."""
    entry = KeyFileEntry(URL, WALL - 50_000, RAW, answered=WALL - 20)
    rig = Rig(fake=FAKE, entries=[entry])
    assert rig.key_set.states[URL].answered == (rig.clock()[0] - 20, rig.clock()[1] - 20)
    assert rig.key_set.entries() == [entry]
    impossible = Rig(fake=FAKE, entries=[entry._replace(answered=WALL + 100)])
    assert impossible.key_set.states[URL].answered == (rig.clock()[0] - 50_000, rig.clock()[1] - 50_000)


def test_a_pool_that_only_knows_compromised_keys_is_empty() -> None:
    """Contract: "empty" never had keys, and a warning is no key."""
    rig = Rig(fake=FAKE)
    answer(rig, rig.updated, COMPROMISING)
    assert rig.key_set.state == "empty"
    assert rig.key_set.entries() == []


def test_time_alone_changes_the_set() -> None:
    """K1: a stored response older than `max_stale` no longer stands, and that is reported."""
    rig = Rig(fake=FAKE)
    answer(rig, rig.updated, RAW)
    emitted: list[Any] = []
    rig.later(100)
    rig.key_set.rebuild_if_due(rig.clock(), emitted)
    assert emitted == []
    rig.later(86400)
    rig.key_set.rebuild_if_due(rig.clock(), emitted)
    assert kinds(emitted) == ["KeysChanged", "StateChanged"]
    assert set(emitted[0].removed) == BOTH
    assert not rig.key_set.usable(rig.clock())


def fail(rig: Rig, endpoint: Endpoint, **options: Any) -> tuple[bool, list[Any]]:
    """A failure of that endpoint, and the events that it caused."""
    emitted: list[Any] = []
    counted = rig.key_set.record_failure(endpoint, FetchError("status", **options), 0.1, rig.clock(), emitted)
    return counted, emitted


def test_a_failure_takes_nothing_away() -> None:
    """K1: what an endpoint last answered stands, whatever it does then."""
    rig = Rig(fake=FAKE)
    answer(rig, rig.updated, RAW)
    for each in (500, 403, 404):
        fail(rig, rig.updated, status=each)
    rig.key_set.rebuild(rig.clock(), [])
    assert set(rig.key_set.snapshot.keys) == BOTH
    assert [entry.url for entry in rig.key_set.entries()] == [URL]


def test_failures_back_off_and_a_success_clears_them() -> None:
    """R6: each failure in a row makes the back-off longer; one success ends it."""
    rig = Rig(fake=FAKE)
    rest = []
    for _ in range(3):
        counted, emitted = fail(rig, rig.updated, status=500)
        assert counted
        rest.append(emitted[0].retry_in)
    assert rest == [1.5, 3.0, 6.0]
    assert rig.key_set.states[URL].last_error == "status 500"
    answer(rig, rig.updated, RAW)
    assert rig.key_set.states[URL].failures == 0


class _Through:
    """A connection through the proxy that a variable names."""

    def __init__(self, proxy: str | None) -> None:
        self.proxy = proxy


def test_a_failure_behind_a_proxy_names_its_variable() -> None:
    """A proxy is the first suspect: in health, in the hint, and in the error's text."""
    rig = Rig(fake=FAKE)
    rig.key_set.connections[URL] = _Through("https_proxy")
    rig.key_set.record_failure(rig.updated, FetchError("connect"), 0.1, rig.clock(), [])
    health = provider_health(rig.key_set, rig.clock())["endpoints"]
    said = {each["url"]: (each["last_error"], each["hint"]) for each in health}
    assert said[URL][0] == "connect through https_proxy"
    assert "the proxy that https_proxy names" in said[URL][1]
    assert said[OTHER] == (None, None)
    error = rig.key_set.unavailable(rig.clock())
    assert error.hint is not None
    assert "the proxy that https_proxy names" in error.hint
    assert str(error) == f"{error.message}: {error.hint}"


def test_a_silent_proxy_is_named_before_its_silence_counts() -> None:
    """A caller gives up after 2 s, and an attempt counts as failed after 5 s."""
    rig = Rig(fake=FAKE)
    for url in (URL, OTHER):
        rig.key_set.connections[url] = _Through("ALL_PROXY")
    hint = rig.key_set.unavailable(rig.clock()).hint
    assert hint is not None
    assert "the proxy that ALL_PROXY names may be why" in hint
    rig.key_set.connections = {URL: _Through(None)}
    assert "PROXY" not in (rig.key_set.unavailable(rig.clock()).hint or "")


@pytest.mark.parametrize(
    ("reason", "named"), [("tls-certificate", True), ("connect", False), ("answer-timeout", False)]
)
def test_a_certificate_that_is_not_trusted_names_the_cure(reason: str, named: bool) -> None:
    """SSL_CERT_FILE and ssl_context= stand in hint and health where TLS is at fault, and nowhere else."""
    rig = Rig(fake=FAKE)
    rig.key_set.record_failure(rig.updated, FetchError(reason), 0.1, rig.clock(), [])
    (hint,) = (
        each["hint"] for each in provider_health(rig.key_set, rig.clock())["endpoints"] if each["hint"]
    )
    for text in (hint, str(rig.key_set.unavailable(rig.clock()))):
        assert ("SSL_CERT_FILE" in text, "ssl_context=" in text) == (named, named)


@pytest.mark.parametrize("rests", ["with keys", "without keys"])
def test_a_back_off_has_a_length_of_its_own_while_the_pool_has_no_key(rests: str) -> None:
    """R6: 1/2, 1, 2 s in place of 2, 4, 8, ...; a success clears both."""
    rig = Rig(fake=FAKE)
    found = []
    for _ in range(5):
        fail(rig, rig.updated, status=500)
        state = rig.key_set.states[URL]
        found.append(schedule.cooldown_left(state, rig.clock(), urgent=rests == "without keys"))
    assert found == ([1.5, 3.0, 6.0, 12.0, 24.0] if rests == "with keys" else [0.375, 0.75, 1.5, 1.5, 1.5])
    answer(rig, rig.updated, RAW)
    assert schedule.cooldown_left(rig.key_set.states[URL], rig.clock(), urgent=False) == 0.0


def test_when_an_endpoint_answered_and_since_when_it_fails() -> None:
    """R3: by the begin of its request; an answer, or two hours unasked, interrupts a row of failures."""
    rig = Rig(fake=FAKE)
    first = rig.clock()
    fail(rig, rig.updated)
    rig.later(2 * 3600.0 - 1)
    fail(rig, rig.updated)
    state = rig.key_set.states[URL]
    assert (state.answered, state.failing_since) == (None, first)
    rig.later(2 * 3600.0)
    fail(rig, rig.updated)
    assert rig.key_set.states[URL].failing_since == rig.clock()
    answer(rig, rig.updated, RAW, age=1.0)
    newest = rig.clock()[0] - 1.0, rig.clock()[1] - 1.0
    answer(rig, rig.updated, RAW, age=3.0)
    assert rig.key_set.states[URL].failing_since is None
    fail(rig, rig.updated)
    state = rig.key_set.states[URL]
    assert (state.answered, state.failing_since, state.failures) == (newest, rig.clock(), 1)


def test_a_key_files_endpoints_have_answered_when_it_says() -> None:
    """R3, P: also where the entry is too old to be used, or is no document."""
    rig = Rig(
        fake=FAKE,
        entries=[KeyFileEntry(URL, WALL - 90_000, RAW), KeyFileEntry(OTHER, WALL - 10, b"{")],
    )
    now = rig.clock()
    assert rig.key_set.states[URL].answered == (now[0] - 90_000, now[1] - 90_000)
    assert rig.key_set.states[OTHER].answered == (now[0] - 10, now[1] - 10)
    assert rig.key_set.states[URL].failing_since == rig.key_set.states[URL].answered  # the other did answer
    assert rig.key_set.states[OTHER].failing_since is None
    offline = Rig(fake=FAKE, entries=[KeyFileEntry(URL, WALL, RAW)], key_file="keys.json", offline=True)
    assert offline.key_set.states == {}


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize(
    ("kind", "response_age", "disabled"),
    [
        pytest.param("updated", None, True, id="never spoke"),
        pytest.param("updated", 10, False, id="has a word"),
        pytest.param("updated", 86400, True, id="its word is too old"),
        pytest.param("replica", None, True, id="a replica"),
        pytest.param("original", None, False, id="the original"),
    ],
)
def test_disabling(status: int, kind: str, response_age: float | None, disabled: bool) -> None:
    """K5: 403 or 404 of an optional issuer, while no response of it stands, is "not enabled" for an hour."""
    rig = Rig(fake=FAKE)
    endpoint = next(each for each in rig.key_set.endpoints if each.kind == kind)
    if response_age is not None:
        answer(rig, endpoint, RAW)
        rig.later(response_age)
    counted, emitted = fail(rig, endpoint, status=status)
    assert counted is not disabled
    assert kinds(emitted)[0] == ("EndpointDisabled" if disabled else "FetchFailed")
    [health] = [
        each for each in provider_health(rig.key_set, rig.clock())["endpoints"] if each["kind"] == kind
    ]
    assert health["disabled"] is disabled
    assert health["retry_in"] == (3600 if disabled else 1.5)
    assert health["failures"] == (0 if disabled else 1)
    urgent = schedule.cooldown_left(rig.key_set.states[endpoint.url], rig.clock(), urgent=True)
    assert urgent == (2.0 if disabled else 0.375)


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(FetchError("proxy", status=403), id="a proxy's 403"),
        pytest.param(FetchError("proxy", status=404), id="a proxy's 404"),
        pytest.param(FetchError("status", status=401), id="401"),
        pytest.param(FetchError("status", status=410), id="410"),
        pytest.param(FetchError("redirect", status=302), id="a login page"),
    ],
)
def test_what_disables_nothing(failure: FetchError) -> None:
    """K5: only the endpoint itself says that it is not enabled; anything else is an outage."""
    rig = Rig(fake=FAKE)
    assert rig.key_set.record_failure(rig.updated, failure, 0.1, rig.clock(), [])
    assert not rig.key_set.states[URL].disabled


def test_a_url_of_the_users_is_never_disabled() -> None:
    """K5: 403 from a VPC endpoint or an emulator is a failure; the updated issuer's own URL may say so."""
    for issuer_kind, disabled in (("original", False), ("updated", True)):
        host = "cognito-idp" if issuer_kind == "original" else "issuer-cognito-idp"
        issuer = f"https://{host}.us-west-2.amazonaws.com/us-west-2_Fake00001"
        rig = Rig(fake=FAKE, jwks_urls={issuer: "https://keys.example/jwks.json"})
        fail(rig, rig.key_set.endpoints[0], status=403)
        assert rig.key_set.states["https://keys.example/jwks.json"].disabled is disabled


def test_an_answer_ends_what_disabled_its_endpoint() -> None:
    """K5: and a failure other than 403 or 404 does, because then it is enabled and down."""
    for word in ("answer", "fail"):
        rig = Rig(fake=FAKE)
        fail(rig, rig.updated, status=403)
        if word == "answer":
            answer(rig, rig.updated, RAW)
        else:
            fail(rig, rig.updated, status=500)
        assert not rig.key_set.states[URL].disabled


@pytest.mark.parametrize(
    ("outage", "expected"),
    [
        pytest.param("none", 900.0, id="healthy"),
        pytest.param("one failed", 900.0, id="one failed"),
        pytest.param("all failed", 450.0, id="all failed"),
        pytest.param("stale-if-error", 450.0, id="stale-if-error"),
    ],
)
def test_after_an_outage_the_next_refresh_is_spread_further(outage: str, expected: float) -> None:
    """R: within 50 % in place of 10 %, because a fleet whose outage ended has asked all at once."""
    rig = Rig(fake=FAKE)
    rig.key_set._rng = lambda: 0.0
    for each in rig.key_set.endpoints[: {"one failed": 1, "all failed": 3}.get(outage, 0)]:
        fail(rig, each)
    rig.key_set.stale_if_error = outage == "stale-if-error"
    answer(rig, rig.updated, RAW)
    assert rig.key_set.snapshot.fresh_for == pytest.approx(810.0 if expected == 900.0 else 450.0)
    assert not rig.key_set.stale_if_error
    answer(rig, rig.key_set.endpoints[1], RAW)  # one more answer of the same refresh
    assert rig.key_set.snapshot.fresh_for == pytest.approx(810.0 if expected == 900.0 else 450.0)
    rig.later(1000.0)
    answer(rig, rig.updated, RAW)
    assert rig.key_set.snapshot.fresh_for == pytest.approx(810.0)


def test_the_hint_of_an_outage() -> None:
    """E: the error says what each endpoint did and what that means, or which setting to look at."""
    rig = Rig(fake=FAKE)
    fail(rig, rig.updated, status=403)
    fail(rig, rig.original, retry_after=30)
    error = rig.key_set.unavailable(rig.clock())
    assert error.reason == "keys_unavailable"
    assert error.hint is not None
    assert "updated issuer in us-west-2: not enabled" in error.hint
    assert "original issuer in us-west-2: status" in error.hint
    assert "replica issuer in us-east-1: no answer" in error.hint
    assert error.retry_after == 1
    assert "missing route" not in error.hint  # two have answered
    rig.key_set.record_failure(rig.updated, FetchError("connect-timeout"), 1.0, rig.clock(), [])
    hint = rig.key_set.unavailable(rig.clock()).hint or ""
    assert hint.endswith("a missing route to the internet looks the same")
    issuer = URL.removesuffix("/.well-known/jwks.json")
    alone = Rig(fake=FAKE, jwks_urls={issuer: URL})
    fail(alone, alone.updated, status=403)
    hint = alone.key_set.unavailable(alone.clock()).hint or ""
    assert "IssuerConfiguration" in hint
    assert "replica_regions" in hint
    offline = Rig(fake=FAKE, key_file="keys.json", offline=True)
    assert "offline" in (offline.key_set.unavailable(offline.clock()).hint or "")


@pytest.mark.parametrize(("retry_in", "expected"), [(None, 1), (0.2, 1), (4.2, 5), (300.0, 60)])
def test_a_kid_that_no_endpoint_can_confirm(retry_in: float | None, expected: int) -> None:
    """R3, R4, E: 503 with a reason of its own, each endpoint's state, and the seconds to the next payment."""
    rig = Rig(fake=FAKE)
    answer(rig, rig.updated, RAW)
    fail(rig, rig.key_set.endpoints[1], status=503)
    error = rig.key_set.unconfirmed(rig.clock(), retry_in)
    assert (error.reason, error.status, error.retry_after) == ("key_unconfirmed", 503, expected)
    assert "status" in (error.hint or "")


@pytest.mark.parametrize("ahead", [0.5, 59.0])
def test_a_file_of_a_clock_a_little_ahead_stands_against_nothing(ahead: float) -> None:
    """K4, P: an endpoint's answer of now is newer than a file of the past, whatever time that file names."""
    first = Rig()
    wall = first.clock.wall + ahead
    entries = [KeyFileEntry(each.url, wall, first.jwks()) for each in first.pool._key_set_config.endpoints]
    rig = Rig(fake=first.fake, entries=entries)
    rig.fake.rotate()
    caller = rig.call(rig.kid)
    rig.land("updated")
    assert caller.step().kid == rig.kid


def test_a_monotonic_clock_that_goes_back_keeps_nothing_out() -> None:
    """K4, R7: as in a sandbox that was restored; the larger of both clocks says what is newer."""
    rig = Rig()
    rig.fill()
    rig.clock._move(10.0, -1000.0)
    rig.fake.rotate()
    caller = rig.call(rig.kid)
    rig.land("updated")
    assert caller.step().kid == rig.kid


def test_what_is_wrong_is_reported_once() -> None:
    """K3: a contradiction is an event when it begins, and none while it lasts."""
    rig = Rig(fake=FAKE)
    answer(rig, rig.updated, RAW)
    forged = json.dumps({"keys": [FAKE.impostor(FAKE.access_key.kid).jwk()]}).encode()
    first = kinds(answer(rig, rig.key_set.endpoints[1], forged)[1])
    second = kinds(answer(rig, rig.key_set.endpoints[1], forged)[1])
    assert (first.count("KeyQuarantined"), second.count("KeyQuarantined")) == (1, 0)


def test_no_repr_shows_a_document() -> None:
    """E: an endpoint may serve a private key."""
    entry = KeyFileEntry(URL, WALL, COMPROMISING)
    rig = Rig(fake=FAKE, entries=[KeyFileEntry(URL, WALL, RAW)])
    shown = repr([entry, *rig.key_set._responses.values()])
    assert shown == f"[KeyFileEntry({URL!r}), StoredResponse({URL!r})]"
