"""A state machine over the life of two pools' keys, compared with the reference model (K, R, P).

More examples: COGNITO_MR_AUTH_EXAMPLES=5000.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cognito_mr_auth import UserPool
from cognito_mr_auth._jwks.exposure import thumbprint
from cognito_mr_auth._jwks.model import FetchError, KeyFileContents
from cognito_mr_auth._remote import key_file as _key_file

from .case import Case
from .judge import Judge
from .profile import machine
from .reference import Doc, Model
from .rigged import ACCEPTED, CLIENT, FAKES, KEYS, MATERIALS, UNKNOWN, Request, Rigged, World, token

KIDS = ("a", "b", "c", "d")
POOLS = st.integers(0, 1)
TIMEOUTS = st.sampled_from([0.0, 0.5, 2.5, 6.0])
INDEX = st.integers(0, 7)
# Below, at and beyond each limit of the rules.
SECONDS = st.sampled_from([0.1, 0.25, 1.0, 2.0, 4.9, 5.0, 11.0, 31.0, 60.0, 899.0, 901.0, 2700.0, 3600.0])
LONG = st.sampled_from([3599.0, 7200.0, 43200.0, 82800.0, 86400.0])
JUMPS = st.sampled_from([-90000.0, -7200.0, -901.0, -61.0, -3.0, 3.0, 6.0, 12.0, 901.0, 3601.0, 86401.0])
ANSWERS = {
    "ok": None,
    "lagging": None,
    "leak": None,
    "empty": None,
    "garbage": None,
    "down": FetchError("connect"),
    "busy": FetchError("status", status=503, retry_after=30.0),
    "absurd": FetchError("status", status=429, retry_after=86400.0),
    "forbidden": FetchError("status", status=403),
    "reset": FetchError("answer"),
    "blocked": FetchError("proxy", status=403),  # a proxy's response counts for no endpoint
}
KINDS = st.sampled_from(["ok", "ok", "ok", "ok", "lagging", "lagging", "down", *sorted(ANSWERS)])


class Keys(RuleBasedStateMachine):
    """Two pools in one verifier; the first has three endpoints and a key file, the second two."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "keys.json"
        self.world = World()
        self.docs: list[list[Doc]] = [[Doc({"a": MATERIALS[0][0]})], [Doc({"a": MATERIALS[1][0]})]]
        self.pairs = [[("a", MATERIALS[0][0])], [("a", MATERIALS[1][0])]]
        self.ghosts: list[Request] = []
        self.cache_size, self.prompt, self.leaky = 0, True, True

    def _verifier(self) -> Rigged:
        """A verifier as a new process builds it from the key file."""
        regions: tuple[list[str], list[str]] = (["us-east-1"], [])
        files = (self.path, None)
        pools = [
            UserPool(fake.user_pool_id, client_ids=[CLIENT], replica_regions=where, key_file=file)
            for fake, where, file in zip(FAKES, regions, files, strict=True)
        ]
        return Rigged(self.world, *pools, cache_size=self.cache_size)

    @initialize(
        cache_size=st.sampled_from([0, 4]),
        prompt=st.sampled_from([True, True, False]),
        leaky=st.sampled_from([True, False, False]),
    )
    def begin(self, cache_size: int, prompt: bool, leaky: bool = True) -> None:
        """A cold start, with or without the token cache; hung-up requests may end at once or later.

        In most lives no key leaks, because one that has leaked verifies nothing any more (T5).
        """
        self.cache_size, self.prompt, self.leaky = cache_size, prompt, leaky
        verifier = self._verifier()
        cases = []
        for number, fake in enumerate(FAKES):
            kinds = {
                each["kind"]: each["url"]
                for each in verifier._health()["providers"][fake.user_pool_id]["endpoints"]
            }
            model = Model(kinds.values(), kinds["original"], self.world.clock())
            cases.append(Case(number, model, self.world))
        self.judge = Judge(self.world, verifier, cases, prompt=prompt)

    def teardown(self) -> None:
        """Release the waiters; remove the key file."""
        if hasattr(self, "judge"):
            self.judge.close()
        shutil.rmtree(self.folder)

    # ---- callers

    def _call(self, pool: int, kid: str, material: int, timeout: float, plausible: bool = True) -> str:
        text = token(pool, kid, material, plausible=plausible)
        return self.judge.call(self.judge.cases[pool], kid, material, text, timeout, plausible)

    @rule(pool=POOLS, index=INDEX, timeout=TIMEOUTS)
    def present(self, pool: int, index: int, timeout: float) -> None:
        """A token signed with a key that the pool lists, or once listed."""
        kid, material = self.pairs[pool][-1 - index % len(self.pairs[pool])]
        self._call(pool, kid, material, timeout)

    @rule(timeout=st.sampled_from([0.0, 2.5]))
    def present_all(self, timeout: float) -> None:
        """Every token that was ever good, and each of the other pool's keys under this issuer."""
        for pool in (0, 1):
            for kid, material in self.pairs[pool]:
                self._call(pool, kid, material, timeout)
            for kid, material in self.pairs[1 - pool]:
                assert self._call(pool, kid, material, 0.0) != ACCEPTED, "T2"

    @rule(pool=POOLS, kid=st.sampled_from(KIDS), material=st.integers(0, 8), plausible=st.booleans())
    def forge(self, pool: int, kid: str, material: int, plausible: bool) -> None:
        """A kid and a key that need not belong together."""
        outcome = self._call(pool, kid, material, 2.5, plausible)
        assert outcome != ACCEPTED or (kid, material) in self.pairs[pool]
        assert outcome != ACCEPTED or plausible

    @rule(pool=POOLS, count=st.sampled_from([3, 3, 40]), known=st.booleans(), timeout=TIMEOUTS)
    def flood(self, pool: int, count: int, known: bool, timeout: float) -> None:
        """Forged signatures under a known kid, or unknown kids."""
        for number in range(count):
            kid = "a" if known else f"forged-{number % 7}"
            outcome = self._call(pool, kid, MATERIALS[1 - pool][0], timeout)
            assert outcome != ACCEPTED, "T2"

    @rule(pool=POOLS, kind=st.sampled_from(["ok", "down"]), seconds=st.sampled_from([0.25, 1.0, 4.0]))
    def hammer(self, pool: int, kind: str, seconds: float) -> None:
        """R4: unknown kids in a row; each refresh has ended before the next kid comes."""
        for number in range(6):
            self._call(pool, f"forged-{number}", MATERIALS[pool][0], 0.5)
            self.land_all(kind)
            self.judge.pass_time(seconds)

    @rule(pool=POOLS)
    def implausible(self, pool: int) -> None:
        """R5: a token that could not pass anyway causes no request, if the pool has keys."""
        case = self.judge.cases[pool]
        usable = case.model.view(self.world.clock()).usable
        before = list(self.world.requests)
        outcome = self._call(pool, "forged-0", MATERIALS[pool][0], 0.0, False)
        if usable and not case.undecided:
            assert outcome == UNKNOWN
            begun = [each for each in self.world.requests if each not in before]
            assert case.callers or not begun

    @rule(pool=POOLS)
    def warm(self, pool: int) -> None:
        """The user calls `warm`."""
        self.judge.warm(self.judge.cases[pool])

    # ---- endpoints

    def _doc(self, pool: int, kind: str, index: int) -> Doc | None:
        history = self.docs[pool]
        if kind == "lagging":
            return history[index % len(history)]
        if kind == "leak" and self.leaky:
            kids = sorted(history[-1].keys)
            return history[-1]._replace(private=frozenset(kids[index % len(kids) :][:1])) if kids else None
        if kind == "empty":
            return Doc({})
        return history[-1] if kind in ("ok", "leak") else None

    @precondition(lambda self: self.world.requests)
    @rule(which=INDEX, kind=KINDS, index=INDEX)
    def land(self, which: int, kind: str, index: int) -> None:
        """One of the pending requests ends."""
        request = self.world.requests[which % len(self.world.requests)]
        self._complete(request, [fake.user_pool_id for fake in FAKES].index(request.pool_id), kind, index)

    def _complete(self, request: Request, pool: int, kind: str, index: int) -> None:
        self.judge.land(request, self._doc(pool, kind, index), ANSWERS[kind])

    @precondition(lambda self: self.world.requests)
    @rule(kind=KINDS)
    def land_all(self, kind: str) -> None:
        """All of them, and those that follow, end in the same way."""
        for _ in range(30):
            if not self.world.requests:
                break
            self.land(0, kind, 0)

    @precondition(lambda self: self.world.requests)
    @rule(which=INDEX, seconds=st.sampled_from([0.0, 0.5, 1.5, 4.5]))
    def receive(self, which: int, seconds: float) -> None:
        """R1, W7: bytes come for a pending request, and no answer."""
        self.world.receive(self.world.requests[which % len(self.world.requests)])
        self.judge.pass_time(seconds)

    @rule(which=INDEX)
    def fill(self, which: int) -> None:
        """F: other pools have all threads of a host."""
        urls = [url for case in self.judge.cases for url in case.model.urls]
        self.world.full.add(urls[which % len(urls)].split("/")[2])

    @precondition(lambda self: self.world.full)
    @rule()
    def room(self) -> None:
        """F: threads can be had again."""
        self.judge.room(set(self.world.full))

    @rule(
        pool=POOLS,
        known=st.booleans(),
        kind=st.sampled_from(["hang", "hang", "reset", "busy"]),
        rounds=st.integers(1, 4),
        seconds=st.sampled_from([0.5, 1.0, 1.5, 5.0, 16.0]),
    )
    def outage(self, pool: int, known: bool, kind: str, rounds: int, seconds: float) -> None:
        """W7, R6: every endpoint hangs or fails, callers go on coming; then all of it is over."""
        for number in range(rounds):
            for other in range(3):
                kid, material = self.pairs[pool][-1]
                self._call(pool, kid if known else f"forged-{number}-{other}", material, 2.0)
            if kind != "hang":
                self._settle(pool, dict.fromkeys(self.judge.cases[pool].model.urls, kind), 6)
            self.judge.pass_time(seconds)
        self._settle(pool, {}, 12)

    @rule(
        pool=POOLS,
        holder=INDEX,
        kid=st.sampled_from(KIDS),
        number=INDEX,
        kind=st.sampled_from(["hang", "down", "reset", "busy", "empty"]),
        seconds=st.sampled_from([0.2, 1.0, 2.0, 6.0]),
    )
    def lagging(self, pool: int, holder: int, kid: str, number: int, kind: str, seconds: float) -> None:
        """R3: the only endpoint that lists a new key is down, and the others lag; then it comes back."""
        case = self.judge.cases[pool]
        self._refresh(pool, ["ok"] * 3)
        self.rotate(pool, kid, number)
        material = self.docs[pool][-1].keys[kid]
        kinds = dict.fromkeys(case.model.urls, "before")
        kinds[case.model.urls[holder % len(kinds)]] = kind
        for _ in range(3):
            self._call(pool, kid, material, 2.0)
            self._settle(pool, kinds, 8)
            self.judge.pass_time(seconds)
        kinds[case.model.urls[holder % len(kinds)]] = "ok"
        self.judge.pass_time(61.0)
        self._call(pool, kid, material, 2.0)
        self._settle(pool, kinds, 8)
        view = case.model.view(self.world.clock())
        if not (self.judge.closed or case.undecided or self.world.full or self.world.requests):
            heard = kid in view.quarantined or kid in view.keys or material in case.model.compromised
            assert heard or not view.usable or not self.docs[pool][-1].usable, "R3: the new key was not found"

    def _settle(self, pool: int, kinds: dict[str, str], count: int) -> None:
        """The requests of this pool end, each as `kinds` says of its endpoint; "hang" is not to end."""
        pool_id = self.judge.cases[pool].pool_id
        for _ in range(count):
            due = [
                each
                for each in self.world.requests
                if each.pool_id == pool_id and kinds.get(each.url) != "hang" and not each.hung_up
            ]
            if not due:
                return
            kind = kinds.get(due[0].url, "ok")
            self._complete(due[0], pool, "lagging" if kind == "before" else kind, -2)

    def _refresh(self, pool: int, kinds: list[str]) -> None:
        """Ask every endpoint; each request ends as `kinds` says."""
        case = self.judge.cases[pool]
        self.judge.warm(case)
        for request in [
            each for each in self.world.requests if each.pool_id == case.pool_id and not each.hung_up
        ]:
            if request in self.world.requests:
                self._complete(request, pool, kinds[case.model.urls.index(request.url)], -2)

    @rule(pool=POOLS, which=INDEX, rounds=st.integers(1, 3), kid=st.sampled_from(KIDS), more=st.booleans())
    def away(self, pool: int, which: int, rounds: int, kid: str, more: bool) -> None:
        """K1: one Region is down for a day: its response expires, the others' do not."""
        self._refresh(pool, ["ok"] * 3)
        self.withdraw(pool, kid)
        kinds = [
            "down" if each == which % len(self.judge.cases[pool].model.urls) else "ok" for each in range(3)
        ]
        for _ in range(rounds):
            self.judge.pass_time(28000.0)
            self._refresh(pool, kinds)
        self.judge.pass_time(2600.0 if more else 0.0)
        self.present_all(0.0)

    @rule(pool=POOLS, kid=st.sampled_from(KIDS), number=INDEX, away=st.booleans())
    def disagree(self, pool: int, kid: str, number: int, away: bool) -> None:
        """K3: the endpoints have different keys for one kid."""
        self.rotate(pool, kid, number)
        self._refresh(pool, ["ok", "lagging", "down" if away else "ok"])
        self.present_all(0.0)

    @rule(pool=POOLS, kid=st.sampled_from(KIDS), number=INDEX, only=st.booleans(), away=st.booleans())
    def leak(self, pool: int, kid: str, number: int, only: bool, away: bool) -> None:
        """T5: one endpoint serves private members of a key that the others list, perhaps its only one."""
        self.rotate(pool, kid, number)
        if only:
            self.docs[pool].append(Doc({kid: self.docs[pool][-1].keys[kid]}))
        self._refresh(pool, ["ok"] * 3)
        self._refresh(pool, ["leak", "ok", "down" if away else "ok"])
        self.present_all(0.0)

    @rule(pool=POOLS, kid=st.sampled_from(KIDS), number=INDEX)
    def rotate(self, pool: int, kid: str, number: int) -> None:
        """The pool lists a new key; under a known kid, that is a re-key."""
        material = MATERIALS[pool][number % len(MATERIALS[pool])]
        self.docs[pool].append(Doc({**self.docs[pool][-1].keys, kid: material}))
        if (kid, material) not in self.pairs[pool]:
            self.pairs[pool].append((kid, material))

    @rule(pool=POOLS, kid=st.sampled_from(KIDS))
    def withdraw(self, pool: int, kid: str) -> None:
        """The pool no longer lists a key."""
        keys = {each: material for each, material in self.docs[pool][-1].keys.items() if each != kid}
        self.docs[pool].append(Doc(keys))

    # ---- time and life

    @rule(seconds=SECONDS)
    def later(self, seconds: float) -> None:
        """Time passes; pending requests are slow."""
        self.judge.pass_time(seconds)

    @rule(seconds=LONG)
    def much_later(self, seconds: float) -> None:
        """Hours without a request."""
        self.judge.pass_time(seconds)

    @rule(seconds=JUMPS)
    def jump(self, seconds: float) -> None:
        """The wall clock is set, or the process was frozen."""
        self.judge.jump(seconds)

    @rule()
    def fork(self) -> None:
        """Go on as the child, which has neither the parent's requests nor its callers."""
        self.judge.drop_callers()
        self.ghosts += self.world.requests
        self.world.forget()
        self.judge.verifier._reset_after_fork()

    @precondition(lambda self: self.ghosts)
    @rule(which=INDEX)
    def land_a_ghost(self, which: int) -> None:
        """K4: the answer to a request from before a fork changes nothing."""
        ghost = self.ghosts.pop(which % len(self.ghosts))
        self.judge.look()
        before, requests = self.judge.verifier._health(), list(self.world.requests)
        self.world.answer = b'{"keys": []}'
        ghost.work()
        assert self.judge.verifier._health() == before
        assert self.world.requests == requests

    @rule(monotonic=st.sampled_from([1.0, 1e6]))
    def restart(self, monotonic: float) -> None:
        """P: a new process begins with its key file; the second pool has none."""
        judge, now = self.judge, self.world.clock()
        judge.drop_callers()
        self.world.forget()
        self.ghosts.clear()
        self.world.clock._move(0.0, monotonic - now[1])
        now = self.world.clock()
        pool_id, model = FAKES[0].user_pool_id, judge.cases[0].model
        contents = self.world.saved.pop(pool_id, None)
        if contents is not None or not self.path.exists():
            contents = contents or KeyFileContents()
            saved = {each.url: each.begun for each in contents.entries}
            assert saved == {url: response.begun[0] for url, response in model.file.items()}, "P: the file"
            assert set(contents.exposed) == {THUMBPRINT[each] for each in model.filed}, "T5: the file"
            self.path.unlink(missing_ok=True)
            _key_file.write(str(self.path), pool_id, contents.entries, model.urls, contents.exposed)
        second = judge.cases[1].model
        fresh = [model.reloaded(now), Model(second.urls, second.original, now)]
        cases = [Case(number, each, self.world) for number, each in enumerate(fresh)]
        self.judge = Judge(self.world, self._verifier(), cases, prompt=self.prompt)

    @precondition(lambda self: not self.judge.closed)
    @rule(sure=st.integers(0, 9))
    def close(self, sure: int) -> None:
        """K4: no request and no new response after that; the keys go on verifying."""
        if sure == 9:
            self.judge.close()

    # ---- always

    @invariant()
    def young_keys_stay(self) -> None:
        """K1, T2: failures evict no key, none is older than max_stale, and none is of another pool."""
        if not hasattr(self, "judge"):
            return
        now = self.world.clock()
        for case in self.judge.cases:
            view = case.model.view(now)
            held = self.judge.verifier._key_sets[case.pool_id]._key_set.snapshot.keys
            numbers = {kid: MATERIAL[key.material[0]] for kid, key in held.items()}
            assert set(numbers.values()) <= set(MATERIALS[case.number]), "T2"
            if view.usable and not case.undecided:
                young = {kid for kid in view.keys if kid in held}
                assert all(numbers[kid] in view.keys[kid] or view.state == "stale" for kid in young)
            # Not by `health`, which looks at what time has done to the requests.
            state = self.judge.verifier._key_sets[case.pool_id]._key_set.state_of(now)
            assert case.undecided or (state in ("empty", "expired")) == (not view.usable)
            assert not view.usable or case.undecided or state == view.state

    @invariant()
    def nobody_waits_for_ever(self) -> None:
        """R1: every waiter took its step when it was due."""
        for case in self.judge.cases if hasattr(self, "judge") else []:
            assert all(each.waiter.wake > self.world.monotonic() for each in case.callers)


MATERIAL = {key._lease.private_key().public_key().public_numbers().n: at for at, key in enumerate(KEYS)}
THUMBPRINT = {at: thumbprint(modulus) for modulus, at in MATERIAL.items()}

TestKeys = Keys.TestCase
TestKeys.settings = machine()
TestKeys.__doc__ = "K, R, P: the model allows every outcome and every request, whatever happens."
