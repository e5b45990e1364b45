"""Two worlds that live the same life: one measured by facets, one whole; whatever they say must be the same."""

import random
import sys
import tempfile
import traceback
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from hypothesis import strategies as st  # noqa

from mapping.codec import parse_rule
from mapping.measure import measure
from mapping.rule import *  # noqa: F403
from mapping.rule import (AllOf, AnyOf, Cancelled, Combine, Counts, DoneWhen, FieldMatch, LastDays, Match, Measure,
                          Missing, Moment, Not, Part, Regress, Rule, Scope, Selector, Window, Within)
from okrs.cycle import Period
from okrs.work import Kind, Ref, State, Step
from store import facets, ledger, queries, scopes, sources
from store.cache import MirrorCache
from store.database import open_database
from store.views.which import which
from tests.builders import QUARTER, an_item, at
from tests.integration.fakes import Clock, FakeTracker, World

NAMES = ("p1", "P1 ", "Größe", "x/Y", "")
KEYS = tuple(f"K-{n}" for n in range(8)) + ("acme/Web#1", "M-1")
STATUSES = ("To Do", "In Review", "Done", "released")
QUERIES = ("q=1", "q=2")


def norm(x):
    return None if x is None else format(x.normalize() + 0, 'f')


class Life:
    def __init__(self, seed, base):
        self.dice = random.Random(seed)
        self.seed = seed
        self.worlds = []
        start = self.dice.choice([at('2026-12-29T23:30'), at('2026-12-31T10:00'), at("2026-12-28T09:00"), at("2026-11-20T09:00"), at("2026-12-31T22:00")])
        for large in (0, 10**9):
            clock = Clock(start)
            db = open_database(f"sqlite:///{base}/{large}.db", create=True)
            trackers = {n: FakeTracker(clock, n.upper() + "1", n.upper() + "2", page_size=50) for n in ("one", "two")}
            w = World(db, trackers, clock, large=large)
            self.worlds.append(w)
        self.items = {"one": {}, "two": {}}
        self.where_is = {}
        self.n = 0
        self.log = []
        self.rules = {}

    @property
    def now(self):
        return self.worlds[0].clock.now

    def pick(self, *xs):
        return self.dice.choice(xs)

    def some(self, every, most):
        every = sorted(every)
        return tuple(self.dice.sample(every, min(len(every), self.dice.randint(0, most))))

    def when(self):
        return self.pick(None, at("2026-09-15"), at("2026-11-15"), QUARTER.start, QUARTER.end - timedelta(seconds=1), QUARTER.end if self.now >= QUARTER.end else at("2026-10-05"),
                         self.now - timedelta(minutes=1))

    def facts(self, src, held):
        state = self.dice.choice(list(State))
        ids = list(self.items[src])
        plans = [i for i in ids if self.items[src][i].kind in (Kind.MILESTONE, Kind.SPRINT)]
        choices = dict(
            state=lambda: dict(state=state, closed_at=self.when() if state.closed else None, resolution=self.pick(None, "Fixed", "p1") if state.closed else None, status=self.pick(None, *STATUSES)),
            status=lambda: dict(status=self.pick(None, *STATUSES)),
            labels=lambda: dict(labels=self.some(NAMES, 3)),
            kind=lambda: dict(kind=self.dice.choice(list(Kind))),
            title=lambda: dict(title=self.pick(*NAMES, "T")),
            key=lambda: dict(key=self.pick(*KEYS)),
            parent=lambda: dict(parent=self.parent(src)),
            milestones=lambda: dict(milestones=self.some(ids, 2)),
            sprints=lambda: dict(sprints=self.some(ids, 2)),
            members=lambda: dict(members=self.some(ids, 2)),
            fields=lambda: dict(fields=tuple((f, self.pick("1", "2.5", "-1", "XL", "0.3333333", "p1")) for f in self.some(("points", "effort"), 2))),
            refs=lambda: dict(refs=self.some(KEYS, 2)),
            url=lambda: dict(url=self.pick("", "https://t.example/K-1", "https://t.example/K-2")),
            created=lambda: dict(created_at=self.pick(None, at("2026-09-15"), QUARTER.start, at("2026-11-01"), self.now)),
            type=lambda: dict(type=self.pick("Bug", "Task")),
            assignees=lambda: dict(assignees=self.some(NAMES, 2)),
            history=lambda: dict(history=self.history()),
            aliases=lambda: dict(aliases=self.some(("ONE1#1", "acme/web#3"), 1)),
            resolution=lambda: dict(resolution=self.pick(None, "Fixed")),
        )
        out = {}
        for name in self.dice.sample(sorted(choices), self.dice.randint(1, 4)):
            out |= choices[name]()
        return out

    def history(self):
        t = at("2026-10-03")
        steps = []
        for _ in range(self.dice.randint(0, 3)):
            t += timedelta(days=self.dice.randint(1, 40))
            if t > self.now:
                break
            s = self.dice.choice(list(State))
            steps.append(Step(t, s, self.pick(*STATUSES), self.pick(None, "Fixed")))
        return tuple(steps)

    def parent(self, src):
        known = self.dice.choice([Ref("", self.pick(*KEYS)), *(Ref(i.id, i.key) for i in self.items[src].values())])
        return self.pick(None, known, Ref(known.id, ""), Ref("", known.name.swapcase()), Ref("", known.name))

    def create(self):
        src = self.pick("one", "one", "two")
        self.n += 1
        item = replace(an_item(self.pick(*KEYS)), id=f"{src}{self.n}", created_at=self.pick(at("2026-09-15"), self.now), projects=())
        for _ in range(2):
            item = replace(item, **self.facts(src, item))
        proj = src.upper() + self.pick("1", "2")
        self.items[src][item.id] = item
        self.where_is[item.id] = proj
        self.put(src, item)

    def put(self, src, item):
        self.items[src][item.id] = item
        for w in self.worlds:
            w.trackers[src].put(self.where_is[item.id], item)

    def edit(self):
        src = self.pick("one", "one", "two")
        if self.items[src]:
            item = self.items[src][self.dice.choice(sorted(self.items[src]))]
            self.put(src, replace(item, **self.facts(src, item)))

    def move(self):
        src = self.pick("one", "two")
        if self.items[src]:
            i = self.dice.choice(sorted(self.items[src]))
            old = self.where_is[i]
            new = src.upper() + self.pick("1", "2")
            for w in self.worlds:
                held = w.trackers[src].projects[old].items.pop(i)
                self.where_is[i] = new
                w.trackers[src].put(new, replace(held, projects=()))

    def delete(self):
        src = self.pick("one", "two")
        if len(self.items[src]) > 1:
            i = self.dice.choice(sorted(self.items[src]))
            del self.items[src][i]
            dead = self.dice.random() < 0.7
            for w in self.worlds:
                w.trackers[src].projects[self.where_is[i]].items.pop(i)
                if dead:
                    w.trackers[src].deleted.add(i)
            self.gone = getattr(self, "gone", [])
            self.gone.append((src, i))

    def come_back(self):
        if getattr(self, "gone", None):
            src, i = self.gone.pop(self.dice.randrange(len(self.gone)))
            item = replace(an_item(self.pick(*KEYS)), id=i, projects=())
            item = replace(item, **self.facts(src, item))
            for w in self.worlds:
                w.trackers[src].deleted.discard(i)
            self.items[src][i] = item
            self.put(src, item)

    def ask(self):
        src = self.pick("one", "two")
        q = self.pick(*QUERIES)
        found = set(self.some(self.items[src], 4))
        for w in self.worlds:
            w.trackers[src].finds[q] = found

    def rename_container(self):
        src = self.pick("one", "two")
        p = src.upper() + "1"
        c = self.pick("", "pay", "Zahlen")
        for w in self.worlds:
            w.trackers[src].projects[p].called = c

    # rules
    def clause(self, depth=2):
        how = self.dice.choice([0, 0, 1, 2, 3, 4, 5, 6]) if depth else 0
        if how == 3:
            return Not(self.clause(depth - 1))
        if how > 3:
            inner = tuple(self.clause(depth - 1) for _ in range(self.dice.randint(0 if how == 4 else 1, 3)))
            return AllOf(inner) if how in (4, 6) else AnyOf(inner)
        return self.leaf()

    def leaf(self):
        word = {
            Selector.LABEL: NAMES[:4], Selector.STATUS: STATUSES, Selector.STATE: ("done", "Todo", "doing", "cancelled"),
            Selector.KIND: [k.value for k in Kind], Selector.RESOLUTION: ("Fixed", "p1"), Selector.TYPE: ("bug", "Task"),
            Selector.ASSIGNEE: NAMES[:4], Selector.PROJECT: ("ONE1", "one1", "ONE2", "pay", "#ONE1", "TWO1"),
            Selector.MILESTONE: (*NAMES[:4], *KEYS, "ONE1#1"), Selector.SPRINT: NAMES[:4], Selector.QUERY: QUERIES,
        }
        sort = self.dice.randint(0, 9)
        if sort == 0:
            return FieldMatch("points", self.some(("1", "2.5", "XL"), 2) or ("1",))
        if sort == 1:
            return Within(self.dice.choice(list(Moment)), (self.pick(QUARTER, LastDays(self.dice.randint(1, 60))),))
        sel = self.dice.choice([s for s in Selector if s is not Selector.SECTION])
        return Match(sel, tuple(self.dice.sample(list(word.get(sel, KEYS)), self.dice.randint(1, 3 if len(word.get(sel, KEYS)) > 2 else 2))))

    def part(self):
        d = self.dice
        m = d.choice(list(Measure))
        rank = None
        if m is Measure.PERCENTILE:
            rank = d.choice([50, 85])
        if m in TIMES:
            rank = d.choice([None, 50])
        by = d.choice([None, "points", "effort"]) if m not in TIMES else None
        if m in (Measure.SUM, Measure.MEAN, Measure.PERCENTILE) and by is None:
            by = "points"
        counts = d.choice(list(Counts))
        return Part(source=d.choice(["one", "one", "two"]), where=self.clause(), measure=m, by=by,
                    missing=d.choice([Missing.EXCLUDE, Missing.ZERO, Missing.ONE, Missing.MEAN]) if d.random() < .5 else Missing.EXCLUDE, counts=counts,
                    done_when=d.choice([None, None, DoneWhen(status=("done", "Released")), DoneWhen(resolution=("fixed",))]),
                    cancelled=d.choice(list(Cancelled)), window=d.choice(list(Window)), rank=rank,
                    of=self.clause(1) if m is Measure.RATIO else None,
                    partial=d.choice([(), (), ((State.DOING, Decimal("0.5")),)]),
                    scope=d.choice([Scope.LIVE, Scope.LIVE, Scope.FROZEN]), once=d.random() < 0.3, linked=d.random() < .15)

    def rule(self):
        d = self.dice
        parts = tuple(self.part() for _ in range(d.choice([1, 1, 2, 3, 4])))
        if d.random() < 0.5:
            parts = tuple(replace(p, once=False, missing=Missing.EXCLUDE) for p in parts)
        parts = (replace(parts[0], once=False), *parts[1:])
        return Rule(parts=parts, period=d.choice([QUARTER, QUARTER, Period(at("2026-10-01"), at("2026-12-30")), Period(at("2026-12-01"), at("2027-02-01"))]),
                    combine=d.choice(list(Combine)) if len(parts) > 1 else None,
                    regress=d.choice([Regress.FOLLOW, Regress.FOLLOW, Regress.FOLLOW, Regress.RATCHET]),
                    timezone=d.choice(["UTC", "Pacific/Auckland"]) if any(p.passes for p in parts) else "UTC")

    def feed(self, name=None):
        name = name or f"kr{self.dice.randint(0, 11)}"
        rule = self.rule()
        self.rules[name] = rule
        for w in self.worlds:
            w.feed(name, rule)

    def time(self):
        step = self.pick(dict(hours=3), dict(days=1), dict(hours=13), dict(days=3))
        for w in self.worlds:
            w.clock.forward(**step)

    def sync(self):
        full = self.dice.random() < 0.35
        how = self.dice.random()
        for w in self.worlds:
            if how < 0.3:
                w.read_only()
                if how < 0.15:
                    w.engine()._asked()
                    for nm, asked in w.engine()._asked().items():
                        facets.follow(w.database, nm, asked, w.large)
            elif how < 0.36:
                w.record(); w.clock.forward(minutes=1)
            elif how < 0.42:
                w.sync(only=["one"])
            else:
                w.sync(full=full)
        if how < 0.3:
            self.plans()
        elif how >= 0.42:
            self.compare()

    def plans(self):
        told = []
        for w in self.worlds:
            p = w.plan()
            told.append({n: (x.old, x.new, [str(y) for y in x.notes], sorted(repr((t.source if hasattr(t, "source") else "", t.id, [(norm(a.weight), norm(a.amount)) for a in t.old], [(norm(a.weight), norm(a.amount)) for a in t.new], t.reason)) for t in x.tickets)) for n, x in p.items()})
        for n in told[0]:
            assert told[0][n] == told[1][n], f"plan {n}: {told[0][n]} {told[1][n]} {self.rules.get(n)}"
        for w, t in zip(self.worlds, told):
            w.record()
            for n, (old, new, notes, _) in t.items():
                v = w.value(n)
                assert v == new or any("UNKNOWN" in z or "known" in z or "read" in z for z in notes) or new is None, f"plan said {new} recorded {v} for {n} notes={notes} large={w.large}"
            w.clock.forward(minutes=1)
        self.compare()

    def states(self, w):
        with w.database.read() as c:
            st_ = ledger.states(c)
            out = {}
            for n, s in st_.items():
                ev = sorted((e.part, e.source, e.item, norm(e.weight), norm(e.amount)) for e in ledger.evidence_of(c, n))
                sc = {k: sorted(v) for k, v in scopes.of_key_result(c, n).items()}
                out[n] = (s.value, s.rule, s.retired, ev, sc, [(t.amount, t.weight, t.items) for t in s.totals])
            return out

    def compare(self):
        a, b = (self.states(w) for w in self.worlds)
        for n in sorted(a.keys() | b.keys()):
            if a.get(n) != b.get(n):
                raise AssertionError(f"{n}: facets={a.get(n)}\nwhole={b.get(n)}\nrule={self.rules.get(n)}")
        for w in self.worlds:
            self.fresh(w, a)
        # which
        key = self.pick(*KEYS)
        told = []
        for w in self.worlds:
            with w.database.read() as c:
                ans = which(c, w._setup(), key, w.clock())
                told.append(None if ans is None else sorted(repr((p.key_result, p.part, p.source, p.ticket.item.id, p.counted, norm(p.amount), p.reason)) for p in ans.parts))
        assert told[0] == told[1], f"which {key}: {told}"
        for n in sorted(a):
            x, y = (w.explain(n) for w in self.worlds)
            fx, fy = ([(l.part, l.source, l.item.id, norm(l.weight), norm(l.amount), l.reason, l.ambiguous) for l in e.measured.lines] for e in (x, y))
            assert sorted(map(repr, fx)) == sorted(map(repr, fy)), f"explain {n}: {set(fx) ^ set(fy)}"
        ls = [self._lint(w) for w in self.worlds]
        assert ls[0] == ls[1], f"lint: {set(ls[0]) ^ set(ls[1])}"

    def _lint(self, w):
        return sorted(map(repr, w.lint()))

    def fresh(self, w, known):
        """What is on record is what a fresh whole measure says of the rule on record."""
        with w.database.read() as c:
            st_ = ledger.states(c)
            for n, s in st_.items():
                if s.retired:
                    continue
                rule = parse_rule(ledger.rule_text_of(c, s.rule))
                gens = sources.generations(c, list(rule.sources))
                mirror = {x: queries.candidates_of(c, x) for x in rule.sources}
                if w.clock() >= rule.period.end:
                    mirror = {x: queries.at_end(c, x, e, rule.period.end) for x, e in mirror.items()}
                m = measure(rule, mirror, w.clock(), scopes.of_key_result(c, n))
                ev = sorted((l.part, l.source, l.item.id, norm(l.weight), norm(l.amount)) for l in m.lines if l.weight is not None)
                have = sorted((e.part, e.source, e.item, norm(e.weight), norm(e.amount)) for e in ledger.evidence_of(c, n))
                if ev != have:
                    raise AssertionError(f"fresh(large={w.large}) {n}: recorded-only={[x for x in have if x not in ev]} fresh-only={[x for x in ev if x not in have]} gens={s.generations} now={gens} rule={rule}")
                if rule.regress is Regress.FOLLOW and m.value is not None and m.value != s.value:
                    raise AssertionError(f"fresh(large={w.large}) value {n}: {s.value} {m.value} {rule}")

    def go(self, steps):
        for _ in range(8):
            self.create()
        for n in range(6):
            self.feed(f"kr{n}")
        self.sync()
        acts = (self.create, self.edit, self.move, self.delete, self.come_back, self.ask, self.rename_container, self.feed, self.time, self.sync)
        weights = (2, 8, 1, 1, 1, 1, .3, .7, 1.2, 5)
        for k in range(steps):
            act = self.dice.choices(acts, weights)[0]
            self.log.append(act.__name__)
            act()
        for w in self.worlds:
            assert w.verify().ok, w.verify()

    def close(self):
        for w in self.worlds:
            w.database.close()


if __name__ == "__main__":
    begin, end, steps = map(int, sys.argv[1:4])
    for seed in range(begin, end):
        with tempfile.TemporaryDirectory(dir="/tmp/scratch/rev") as base:
            life = Life(seed, base)
            try:
                life.go(steps)
                print(seed, "ok", life.now, flush=True)
            except Exception as error:
                print(seed, "FAILED after", len(life.log), life.now, type(error).__name__, str(error)[:3000], flush=True)
                if not isinstance(error, AssertionError):
                    traceback.print_exc()
            finally:
                life.close()
