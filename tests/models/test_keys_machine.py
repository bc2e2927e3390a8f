"""A state machine over the life of two pools' keys, judged against the reference model (DESIGN K, R, P).

More examples: COGNITO_MR_AUTH_EXAMPLES=5000.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cognito_mr_auth import UserPool
from cognito_mr_auth._jwks.model import FetchError
from cognito_mr_auth._remote import key_file as _key_file

from .judge import Case, Judge
from .profile import machine
from .reference import Doc, Model
from .rigged import ACCEPTED, CLIENT, FAKES, KEYS, MATERIALS, UNKNOWN, Out, Rigged, World, token

KIDS = ("a", "b", "c", "d")
POOLS = st.integers(0, 1)
PATIENCE = st.sampled_from([0.0, 0.5, 2.5, 6.0])
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
        self.ghosts: list[Out] = []
        self.cache_size = 0

    def _verifier(self) -> Rigged:
        """A process with what is on disk."""
        regions: tuple[list[str], list[str]] = (["us-east-1"], [])
        files = (self.path, None)
        pools = [
            UserPool(fake.user_pool_id, client_ids=[CLIENT], replica_regions=where, key_file=file)
            for fake, where, file in zip(FAKES, regions, files, strict=True)
        ]
        return Rigged(self.world, *pools, cache_size=self.cache_size)

    @initialize(cache_size=st.sampled_from([0, 4]))
    def begin(self, cache_size: int) -> None:
        """A cold start, with or without the verified-token cache."""
        self.cache_size = cache_size
        verifier = self._verifier()
        cases = []
        for number, fake in enumerate(FAKES):
            kinds = {
                each["kind"]: each["url"]
                for each in verifier.health()["providers"][fake.user_pool_id]["endpoints"]
            }
            cases.append(Case(number, Model(kinds.values(), kinds["updated"], self.world.clock())))
        self.judge = Judge(self.world, verifier, cases)

    def teardown(self) -> None:
        """Nothing is left."""
        if hasattr(self, "judge"):
            self.judge.close()
        shutil.rmtree(self.folder)

    # ---- callers

    def _arrive(self, pool: int, kid: str, material: int, patience: float, plausible: bool = True) -> str:
        text = token(pool, kid, material, plausible=plausible)
        return self.judge.arrive(self.judge.cases[pool], kid, material, text, patience, plausible)

    @rule(pool=POOLS, index=INDEX, patience=PATIENCE)
    def present(self, pool: int, index: int, patience: float) -> None:
        """A token signed with a key that the pool has, or once had."""
        kid, material = self.pairs[pool][-1 - index % len(self.pairs[pool])]
        self._arrive(pool, kid, material, patience)

    @rule(probes=st.sampled_from([0.0, 2.5]))
    def present_all(self, probes: float) -> None:
        """Every token that was ever good, and each under the other pool's issuer."""
        for pool in (0, 1):
            for kid, material in self.pairs[pool]:
                self._arrive(pool, kid, material, probes)
            for kid, material in self.pairs[1 - pool]:
                assert self._arrive(pool, kid, material, 0.0) != ACCEPTED, "T2"

    @rule(pool=POOLS, kid=st.sampled_from(KIDS), material=st.integers(0, 8), plausible=st.booleans())
    def forge(self, pool: int, kid: str, material: int, plausible: bool) -> None:
        """A kid and a key that need not belong together."""
        outcome = self._arrive(pool, kid, material, 2.5, plausible)
        assert outcome != ACCEPTED or (kid, material) in self.pairs[pool]
        assert outcome != ACCEPTED or plausible

    @rule(pool=POOLS, count=st.sampled_from([3, 3, 40]), known=st.booleans(), patience=PATIENCE)
    def flood(self, pool: int, count: int, known: bool, patience: float) -> None:
        """Forged signatures under a known kid, or kids that nobody has."""
        for number in range(count):
            kid = "a" if known else f"forged-{number % 7}"
            outcome = self._arrive(pool, kid, MATERIALS[1 - pool][0], patience)
            assert outcome != ACCEPTED, "T2"

    @rule(pool=POOLS, kind=st.sampled_from(["ok", "down"]), seconds=st.sampled_from([0.25, 1.0, 4.0]))
    def hammer(self, pool: int, kind: str, seconds: float) -> None:
        """R4: unknown kids one after the other, each flight over before the next comes."""
        for number in range(6):
            self._arrive(pool, f"forged-{number}", MATERIALS[pool][0], 0.5)
            self.land_all(kind)
            self.judge.pass_time(seconds)

    @rule(pool=POOLS)
    def implausible(self, pool: int) -> None:
        """R5: what could not pass anyway spends nothing, where there is a set."""
        case = self.judge.cases[pool]
        usable = case.model.view(self.world.clock()).usable
        before = list(self.world.outs)
        outcome = self._arrive(pool, "forged-0", MATERIALS[pool][0], 0.0, False)
        if usable and not case.blurred:
            assert outcome == UNKNOWN
            assert self.world.outs == before

    @rule(pool=POOLS)
    def warm(self, pool: int) -> None:
        """The user asks every endpoint."""
        self.judge.warm(self.judge.cases[pool])

    # ---- endpoints

    def _doc(self, pool: int, kind: str, index: int) -> Doc | None:
        history = self.docs[pool]
        if kind == "lagging":
            return history[index % len(history)]
        if kind == "leak":
            kids = sorted(history[-1].keys)
            return history[-1]._replace(private=frozenset(kids[index % len(kids) :][:1])) if kids else None
        if kind == "empty":
            return Doc({})
        return history[-1] if kind == "ok" else None

    @precondition(lambda self: self.world.outs)
    @rule(which=INDEX, kind=KINDS, index=INDEX)
    def land(self, which: int, kind: str, index: int) -> None:
        """One of the requests under way comes back."""
        out = self.world.outs[which % len(self.world.outs)]
        self.on_result(out, [fake.user_pool_id for fake in FAKES].index(out.pool_id), kind, index)

    def on_result(self, out: Out, pool: int, kind: str, index: int) -> None:
        self.judge.land(out, self._doc(pool, kind, index), ANSWERS[kind])

    @precondition(lambda self: self.world.outs)
    @rule(kind=KINDS)
    def land_all(self, kind: str) -> None:
        """All of them, and those that follow, have one fate."""
        for _ in range(30):
            if not self.world.outs:
                break
            self.land(0, kind, 0)

    def _refresh(self, pool: int, kinds: list[str]) -> None:
        """Every endpoint is asked, and each has its fate."""
        case = self.judge.cases[pool]
        self.judge.warm(case)
        for out in [out for out in self.world.outs if out.pool_id == case.pool_id and not out.late]:
            self.on_result(out, pool, kinds[case.model.urls.index(out.url)], -2)

    @rule(pool=POOLS, which=INDEX, rounds=st.integers(1, 3), kid=st.sampled_from(KIDS), more=st.booleans())
    def away(self, pool: int, which: int, rounds: int, kid: str, more: bool) -> None:
        """K1: one Region is gone for a day, the others go on: its word lapses, theirs do not."""
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
        """K3: the endpoints do not say the same of one kid."""
        self.rotate(pool, kid, number)
        self._refresh(pool, ["ok", "lagging", "down" if away else "ok"])
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
        """The pool lists a key no longer."""
        keys = {each: material for each, material in self.docs[pool][-1].keys.items() if each != kid}
        self.docs[pool].append(Doc(keys))

    # ---- time and life

    @rule(seconds=SECONDS)
    def later(self, seconds: float) -> None:
        """Time passes for everybody; what is out is slow."""
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
        """What goes on is the child: without the parent's requests and callers."""
        self.judge.leave()
        self.ghosts += self.world.outs
        self.world.outs.clear()
        self.judge.verifier._reset_after_fork()

    @precondition(lambda self: self.ghosts)
    @rule(which=INDEX)
    def land_a_ghost(self, which: int) -> None:
        """K4: what was asked before a fork or by a process that is gone changes nothing."""
        ghost = self.ghosts.pop(which % len(self.ghosts))
        before, outs = self.judge.verifier.health(), list(self.world.outs)
        self.world.answer = b'{"keys": []}'
        ghost.work()
        assert self.judge.verifier.health() == before
        assert self.world.outs == outs

    @rule(monotonic=st.sampled_from([1.0, 1e6]))
    def restart(self, monotonic: float) -> None:
        """P: a new process begins with what the key file holds; the second pool has none."""
        judge, now = self.judge, self.world.clock()
        judge.leave()
        self.world.outs.clear()
        self.ghosts.clear()
        self.world.clock._move(0.0, monotonic - now[1])
        now = self.world.clock()
        pool_id, model = FAKES[0].user_pool_id, judge.cases[0].model
        records = self.world.saved.pop(pool_id, [])
        told = {each.url: each.begun for each in records}
        if told or not self.path.exists():
            assert told == {url: word.begun[0] for url, word in model.file.items()}, "P: the file"
            self.path.unlink(missing_ok=True)
            _key_file.write(str(self.path), pool_id, records, model.urls)
        fresh = [model.reloaded(now), Model(judge.cases[1].model.urls, judge.cases[1].model.updated, now)]
        cases = [Case(number, each) for number, each in enumerate(fresh)]
        self.judge = Judge(self.world, self._verifier(), cases)

    @precondition(lambda self: not self.judge.closed)
    @rule(sure=st.integers(0, 9))
    def close(self, sure: int) -> None:
        """K4: no request and no word after that; keys at hand go on verifying."""
        if sure == 9:
            self.judge.close()

    # ---- always

    @invariant()
    def young_keys_stay(self) -> None:
        """Failure never evicts; nothing is older than max_stale; nothing is another pool's (K1, T2)."""
        if not hasattr(self, "judge"):
            return
        now = self.world.clock()
        for case in self.judge.cases:
            view = case.model.view(now)
            held = self.judge.verifier._key_sets[case.pool_id]._key_set.snapshot.keys
            numbers = {kid: MATERIAL[key.material[0]] for kid, key in held.items()}
            assert set(numbers.values()) <= set(MATERIALS[case.number]), "T2"
            if view.usable and not case.blurred:
                young = {kid for kid in view.keys if kid in held}
                assert all(numbers[kid] in view.keys[kid] or view.row == "stale" for kid in young)
            state = self.judge.verifier.health()["providers"][case.pool_id]["state"]
            assert case.blurred or (state in ("empty", "expired")) == (not view.usable)
            assert not view.usable or case.blurred or state == view.row

    @invariant()
    def nobody_waits_for_ever(self) -> None:
        """R1: who waits has been judged at its time."""
        for case in self.judge.cases if hasattr(self, "judge") else []:
            assert all(waiter.wake > self.world.monotonic() for waiter, *_ in case.waiters)


MATERIAL = {key._lease.private_key().public_key().public_numbers().n: at for at, key in enumerate(KEYS)}

TestKeys = Keys.TestCase
TestKeys.settings = machine()
TestKeys.__doc__ = (
    "K, R, P: what callers are told and what is asked is what the model allows, whatever happens."
)
