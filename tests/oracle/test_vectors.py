"""Public test vectors: Wycheproof, RFC 7515, RFC 7520, JSONTestSuite, read from their own folder.

Each test goes through a whole set and compares a table of verdicts, so that a failure shows the
rows that are wrong; sizes are asserted, since a set that was not found would pass any test.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.refusals import refused
from support.vectors import load, rs256_profile

from cognito_mr_auth import Verifier
from cognito_mr_auth._base.encoding import Malformed, json_object
from cognito_mr_auth._jwks.document import Document, read_document
from cognito_mr_auth._jwks.model import FetchError
from cognito_mr_auth._jwt.compact import CompactJWS, open_jws, parse, verify_signature
from cognito_mr_auth.errors import (
    AlgorithmNotAllowed,
    KeyUnknown,
    SignatureInvalid,
    TokenMalformed,
    TokenRejected,
)
from cognito_mr_auth.testing import FakeUserPool


def document(*keys: Any) -> Document:
    """A JWKS document of these keys, as the library reads one."""
    return read_document(json.dumps({"keys": keys}).encode())


def check_jws(token: str, keys: Document) -> None:
    """The JWS layer: header policy, kid, signature; the payload may be anything."""
    kid, _, signed, signature = open_jws(token)
    if kid not in keys.keys:
        raise KeyUnknown
    verify_signature(CompactJWS(kid, {}, signed, signature), keys.keys[kid].public)


def verdict(call: Callable[..., object], *values: Any) -> str:
    """The name of the documented error, or `accepted`; any other exception goes through."""
    try:
        call(*values)
    except (TokenRejected, FetchError) as error:
        return type(error).__name__
    return "accepted"


# --- Wycheproof


def test_the_rs256_profile(vectors_dir: Path) -> None:
    """All 318 rows of the RS256 profile end as it says, at the JWS layer."""
    rows = rs256_profile(vectors_dir)
    found = {row["tcId"]: verdict(check_jws, row["jws"], document(*row["jwks"]["keys"])) for row in rows}
    wrong = {
        row["tcId"]: (row["comment"], row["why"], found[row["tcId"]])
        for row in rows
        if (found[row["tcId"]] == "accepted") != (row["expect"] == "accept_at_jws_layer")
    }
    assert wrong == {}
    assert len(found) == 318
    assert Counter(found.values())["accepted"] == 8


def test_a_payload_that_is_no_object_is_refused_above(vectors_dir: Path) -> None:
    """The rows that pass the JWS layer hold text, so the JWT layer refuses them."""
    rows = rs256_profile(vectors_dir)
    for row in rows:
        if row["expect"] == "accept_at_jws_layer":
            assert "payload" in str(refused(TokenMalformed, parse, row["jws"]))


def test_every_other_key_type_is_refused(vectors_dir: Path) -> None:
    """The 83 vectors with symmetric and elliptic keys: no key is usable, no header passes."""
    vectors = load(vectors_dir / "wycheproof" / "json_web_signature_test.json")
    rows = rs256_profile(vectors_dir)
    profile = {row["tcId"] for row in rows}
    headers: Counter[str] = Counter()
    for group in vectors["testGroups"]:
        key = group.get("public", group["private"])
        if key["kty"] == "RSA":
            assert {test["tcId"] for test in group["tests"]} <= profile
            continue
        assert not document(key).keys
        headers.update(verdict(open_jws, test["jws"]) for test in group["tests"])
    assert set(headers) <= {"AlgorithmNotAllowed", "TokenMalformed"}
    assert headers.total() == 83
    assert len(profile) + headers.total() == vectors["numberOfTests"]


def test_pkcs1_signatures(vectors_dir: Path) -> None:
    """RSASSA-PKCS1-v1_5 with SHA-256: BER padding, forged padding, wrong sizes are refused."""
    vectors = load(vectors_dir / "wycheproof" / "rsa_signature_2048_sha256_test.json")
    found: Counter[tuple[str, str]] = Counter()
    for group in vectors["testGroups"]:
        keys = document(group["keyJwk"])
        if group["keyJwk"]["e"] == "Aw":  # valid signatures, but of keys with e = 3 (S1)
            assert keys.skipped == (("exponent", 1),)
            found["exponent", "3"] += len(group["tests"])
            continue
        for test in group["tests"]:
            jws = CompactJWS("", {}, bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
            end = verdict(verify_signature, jws, keys.keys["none"].public)
            found[test["result"], end] += 1
    # In the "acceptable" one the padding lacks a NULL; a strict verifier refuses it.
    assert found == {
        ("valid", "accepted"): 7,
        ("acceptable", "SignatureInvalid"): 1,
        ("invalid", "SignatureInvalid"): 249,
        ("exponent", "3"): 2,
    }
    assert found.total() == vectors["numberOfTests"]


# --- RFCs


def test_rfc_7515_a2(vectors_dir: Path) -> None:
    """RFC 7515 A.2: the signature verifies; the token is refused, because it names no key."""
    vector = load(vectors_dir / "rfc7515" / "a2_rs256.json")
    key = document(vector["jwk"] | {"kid": "given"}).keys["given"].public
    assert "kid" in str(refused(TokenMalformed, open_jws, vector["jws"]))
    # Its other parts are read behind a header that names one.
    signed, _, _ = vector["jws"].rpartition(".")
    headed = parse("eyJhbGciOiJSUzI1NiIsImtpZCI6ImdpdmVuIn0." + vector["jws"].partition(".")[2])
    assert headed.payload == vector["payload"]
    assert headed.kid == "given"
    verify_signature(headed._replace(signed=signed.encode()), key)
    refused(SignatureInvalid, verify_signature, headed, key)


def test_rfc_7520_4_1(vectors_dir: Path) -> None:
    """RFC 7520 4.1: header, kid and signature pass; one changed character does not."""
    keys = document(load(vectors_dir / "rfc7520" / "jwk" / "3_3.rsa_public_key.json"))
    vector = load(vectors_dir / "rfc7520" / "jws" / "4_1.rsa_v15_signature.json")
    token = vector["output"]["compact"]
    check_jws(token, keys)
    assert open_jws(token)[1].decode() == vector["input"]["payload"]
    refused(SignatureInvalid, check_jws, token.replace(".SXT", ".SXU"), keys)
    refused(KeyUnknown, check_jws, token, document())


def test_the_other_signatures_of_rfc_7520(vectors_dir: Path) -> None:
    """RFC 7520 4.2 to 4.8: other algorithms and the JSON serializations are refused."""
    forms: Counter[str] = Counter()
    for path in (vectors_dir / "rfc7520" / "jws").glob("*.json"):
        output = load(path)["output"]
        if path.name.startswith("4_1"):
            del output["compact"]
        for form, value in output.items():
            text = value if isinstance(value, str) else json.dumps(value)
            refused(AlgorithmNotAllowed if form == "compact" else TokenMalformed, open_jws, text)
            forms[form] += 1
    assert forms["compact"] == 4
    assert forms.total() - forms["compact"] >= 8


def test_the_keys_of_rfc_7520(vectors_dir: Path) -> None:
    """Of its six keys one is usable; the private RSA key compromises that one as well."""
    loaded = {path.name[:3]: load(path) for path in (vectors_dir / "rfc7520" / "jwk").glob("*.json")}
    assert {name for name, key in loaded.items() if document(key).keys} == {"3_3"}
    assert len(loaded) == 6
    everything = document(*loaded.values())
    assert not everything.keys
    assert len(everything.compromised) == 1


def test_rfc_negative(vectors_dir: Path) -> None:
    """RFC 7515 A.1 and A.5, appendix E; RFC 7517 A.1 gives exactly the key that it should."""
    vectors = load(vectors_dir / "rfc_negative" / "rfc_negative.json")
    for row in vectors["must_reject"]:
        refused(AlgorithmNotAllowed, open_jws, row["jws"])
    for row in vectors["jwks_parse"]:
        assert list(document(*row["jwks"]["keys"]).keys) == row["usable_kid"]
    assert (len(vectors["must_reject"]), len(vectors["jwks_parse"])) == (3, 1)


# --- JSONTestSuite

# "Must be accepted", and is not. JSON allows duplicate names, RFC 7515 section 4 and RFC 7519
# section 4 let us refuse them, and S2 does: two readers could see two tokens in one.
REFUSED = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}
# A whole header, payload or JWKS is an object (RFC 7515 section 4, 7519 section 3, 7517 section 5):
# so many of the accepted texts are one.
OBJECTS = 10


@pytest.fixture(scope="module")
def suite(vectors_dir: Path) -> dict[str, bytes]:
    """All files of test_parsing."""
    folder = vectors_dir / "jsontestsuite" / "test_parsing"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert Counter(name[0] for name in files) == {"n": 188, "y": 95, "i": 35}
    return files


class Placements:
    """Where a text can stand: as the whole of a part, or as one member's value inside it."""

    def __init__(self) -> None:
        self.pool = FakeUserPool()
        self.verifier: Verifier = self.pool.offline_verifier("any")
        self.kid = self.pool.access_key.kid
        self.claims = parse(self.pool.access_token()).payload
        self.header = self._inside({"alg": "RS256", "kid": self.kid})
        self.payload = self._inside(self.claims)
        self.jwks = self._inside(self.pool.jwks())
        self.jwk = self._inside(self.pool.access_key.jwk())

    @staticmethod
    def _inside(value: dict[str, Any]) -> Callable[[bytes], bytes]:
        # The text comes first: what follows it must still be there.
        rest = json.dumps(value).encode()[1:]
        return lambda text: b'{"x":' + text + b"," + rest

    def whole_header(self, text: bytes) -> object:
        return self.verifier.verify(self.pool.sign(text, {}))

    def whole_payload(self, text: bytes) -> object:
        return self.verifier.verify(self.pool.sign(None, text))

    def whole_jwks(self, text: bytes) -> object:
        return read_document(text)

    def in_header(self, text: bytes) -> object:
        return self.verifier.verify(self.pool.sign(self.header(text), self.claims))

    def in_payload(self, text: bytes) -> object:
        principal = self.verifier.verify(self.pool.sign(None, self.payload(text)))
        assert principal.to_dict()["claims"]["x"] == json.loads(text)
        return principal

    def in_jwks(self, text: bytes) -> object:
        found = read_document(self.jwks(text))
        assert set(found.keys) == {key.kid for key in self.pool.keys}
        return found

    def in_jwk(self, text: bytes) -> object:
        found = read_document(b'{"keys":[' + self.jwk(text) + b"]}")
        assert list(found.keys) == [self.kid]
        return found


@pytest.fixture(scope="module")
def placements() -> Iterator[Placements]:
    """One pool for all files."""
    made = Placements()
    with made.verifier:
        yield made


MEMBERS = ["in_header", "in_payload", "in_jwks", "in_jwk"]
WHOLES = ["whole_header", "whole_payload", "whole_jwks"]


@pytest.mark.parametrize("placement", MEMBERS + WHOLES)
def test_what_must_be_rejected_is(suite: dict[str, bytes], placements: Placements, placement: str) -> None:
    """Every `n_` file is TokenMalformed, or a failed fetch, wherever it stands."""
    found = {
        name: verdict(getattr(placements, placement), text)
        for name, text in suite.items()
        if name.startswith("n_")
    }
    assert len(found) == 188
    assert set(found.values()) == {"FetchError" if "jwk" in placement else "TokenMalformed"}


@pytest.mark.parametrize("placement", MEMBERS)
def test_what_must_be_accepted_is_as_a_members_value(
    suite: dict[str, bytes], placements: Placements, placement: str
) -> None:
    """Every `y_` file is accepted inside an otherwise valid part, except for duplicate names."""
    found = {
        name: verdict(getattr(placements, placement), text)
        for name, text in suite.items()
        if name.startswith("y_")
    }
    assert {name for name, end in found.items() if end != "accepted"} == REFUSED
    assert len(found) == 95


@pytest.mark.parametrize(
    ("placement", "for_objects"),
    [
        # Read, and then refused for what an empty object lacks: alg, iss, keys.
        ("whole_header", "AlgorithmNotAllowed"),
        ("whole_payload", "IssuerUnknown"),
        ("whole_jwks", "FetchError"),
    ],
)
def test_what_must_be_accepted_is_read_as_a_whole(
    suite: dict[str, bytes], placements: Placements, placement: str, for_objects: str
) -> None:
    """Every `y_` object is read and then lacks something; what is no object is malformed."""
    found = {
        name: (verdict(getattr(placements, placement), text), isinstance(json.loads(text), dict))
        for name, text in suite.items()
        if name.startswith("y_") and name not in REFUSED
    }
    no_object = "FetchError" if placement == "whole_jwks" else "TokenMalformed"
    assert Counter(found.values()) == {(for_objects, True): OBJECTS, (no_object, False): 83}


def test_every_object_that_must_be_accepted_is_read(suite: dict[str, bytes]) -> None:
    """The reader itself gives what each `y_` object says."""
    read = {}
    for name, text in suite.items():
        if name.startswith("y_") and name not in REFUSED:
            value = json.loads(text)
            if isinstance(value, dict):
                read[name] = json_object(text)
                assert read[name] == value
            else:
                with pytest.raises(Malformed, match=r"^not a JSON object$"):
                    json_object(text)
    assert len(read) == OBJECTS


@pytest.mark.parametrize("placement", MEMBERS + WHOLES)
def test_what_may_be_either_ends_well(
    suite: dict[str, bytes], placements: Placements, placement: str
) -> None:
    """Every `i_` file is accepted, or refused by a documented error."""
    found = [
        verdict(getattr(placements, placement), text) for name, text in suite.items() if name.startswith("i_")
    ]
    assert len(found) == 35
    if placement in MEMBERS:
        # Underflow to zero and large whole numbers are read; all else is out of range or no UTF-8.
        assert found.count("accepted") == 5


@pytest.mark.parametrize("placement", MEMBERS + WHOLES)
def test_what_parsers_read_differently_ends_well(
    vectors_dir: Path, placements: Placements, placement: str
) -> None:
    """test_transform: odd numbers, similar names, broken escapes; no undocumented exception."""
    folder = vectors_dir / "jsontestsuite" / "test_transform"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    found = {name: verdict(getattr(placements, placement), text) for name, text in files.items()}
    assert len(found) == 22
    if placement in MEMBERS:
        refused_names = {name for name, end in found.items() if end != "accepted"}
        same_key = {name for name in files if name.startswith("object_same_key")}
        invalid = {name for name in files if "invalid" in name}
        assert refused_names == same_key | invalid
