"""Four hours of the service on a clock that runs ahead: six sources over HTTP, faults at random, edits of the config,
tokens that end and are renewed, webhooks, and people who look at the pages.  Nothing may be missed, and nothing left.
"""

import gc
import hmac
import logging
import os
import threading
import time
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Barrier

import pytest
from fastapi.testclient import TestClient

from connectors import registry
from connectors.contract import Connector
from connectors.logs import log
from connectors.patience import Pacer, Patient
from connectors.settings import SourceSettings
from sandbox.clock import SimulatedClock
from sandbox.faults import Faults
from sandbox.records import Item, Tracker
from sandbox.server import JIRA_EMAIL, Sandbox
from sandbox.world import World
from store.database import Database
from store.views.verify import verify
from sync.schedule import Read, Rhythm, following
from sync.scheduler import Plan, Poll
from sync.task import Outcome
from terminal.answers import Listening
from usecases.ground import Ground
from usecases.hooking import Hooks
from usecases.serving import TICK, Keeper, Serving, _application
from web.hooks import Verdict

EVENING = datetime(2026, 11, 20, 21, tzinfo=UTC)
"""So that a day begins meanwhile."""
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
HOURS = 4
SLACK = timedelta(seconds=4 * TICK)
SECRET = "a-webhook-secret-0001"
AT_ONCE = 8
GROWS = 250_000
"""Bytes by which all that is held may differ between two hours and four: somewhat more than 1 kB a poll."""

SOURCES: dict[str, tuple[Tracker, str]] = {
    "pay": ("jira", "PAY"),
    "plat": ("jira", "PLAT"),
    "web": ("github", "acme/web"),
    "api": ("github", "acme/api"),
    "launch": ("asana", ""),
    "event": ("asana", ""),
}
SIGNED = {"jira": ("x-hub-signature", "sha256="), "github": ("x-hub-signature-256", "sha256="),
          "asana": ("x-hook-signature", "")}  # fmt: skip
HEAD = """\
version: 1
database: sqlite:///headway.db
timezone: UTC
cycles: [{id: now, start: 2026-11-01, end: 2026-12-31}]
objectives: []
mappings: []
sources:
"""
TEAM = """\
objectives:
  - {id: one, cycle: now, title: One, owner: mira@acme.example, team: payments, key_results: [
KEY_RESULTS  ]}
mappings:
"""


class Lapse:
    """What a pause costs: nothing."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


def connect(settings: SourceSettings) -> Connector:
    lapse = Lapse()
    return Patient(registry.find(settings.connector).connect(settings), Pacer(sleep=lapse.sleep, clock=lapse))


class Watched(Serving):
    """The service, which remembers its polls."""

    polls: list[Poll]

    def _polled(self, poll: Poll) -> None:
        super()._polled(poll)
        self.polls.append(poll)


@dataclass
class Firm:
    """Six sources in a folder, a clock, and the service over them."""

    sandbox: Sandbox
    clock: SimulatedClock
    folder: Path
    dice: Random
    items: dict[str, list[Item]] = field(default_factory=dict)
    every: dict[str, int] = field(default_factory=dict)
    """Minutes."""
    asked: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    """When a source was to be read for another reason than its turn."""
    wrong: dict[str, datetime] = field(default_factory=dict)
    """Sources with a wrong token, until when."""

    @property
    def world(self) -> World:
        return self.sandbox.world

    def open_(self) -> None:
        self.world.add_user("Mira Albrecht", "mira")
        for name, (tracker, key) in SOURCES.items():
            project = self.world.add_project(tracker, name, key)
            kind = {"jira": "Bug", "github": "", "asana": "default_task"}[tracker]
            self.items[name] = [self.world.create(project, f"{name} {number}", kind) for number in range(60)]
            self.every[name] = self.dice.choice((3, 5, 8))
            self.token(name, self.sandbox.tokens[tracker])
        self.write()

    def write(self) -> None:
        lines = [HEAD]
        for name, (tracker, _) in SOURCES.items():
            project = self.items[name][0].project.key
            here = f"repositories: [{project}]" if tracker == "github" else f'projects: ["{project}"]'
            email = f", email: {JIRA_EMAIL}" if tracker == "jira" else ""
            lines.append(
                f"  {name}: {{connector: {tracker}, url: {self.sandbox.urls[tracker]}{email}, {here}, "
                f"every: {self.every[name]}m, token: '${{file:{name}.token}}', webhook_secret: '${{HOOK_SECRET}}'}}\n"
            )
        (self.folder / "headway.yaml").write_text("".join(lines), encoding="utf-8")
        self.team("count")

    def team(self, measure: str) -> None:
        wanted = "".join(f"    {{id: {name}, title: {name}, start: 0, target: 60}},\n" for name in SOURCES)
        rules = "".join(
            f"  - {{key_result: {name}, from: [{{source: {name}, measure: {measure}}}]}}\n" for name in SOURCES
        )
        (self.folder / "team.yaml").write_text(TEAM.replace("KEY_RESULTS", wanted) + rules, encoding="utf-8")

    def token(self, name: str, text: str) -> None:
        (self.folder / f"{name}.token").write_text(text, encoding="utf-8")

    def trouble(self) -> None:
        """Plan some fault for some tracker."""
        faults, tracker = self.sandbox.faults, self.dice.choice(("jira", "github", "asana"))
        times = self.dice.randint(1, 6)
        kinds: tuple[Callable[[Faults], object], ...] = (
            lambda f: f.status(429, retry_after=5, tracker=tracker, times=times),
            lambda f: f.status(429, retry_after=900, tracker=tracker),
            lambda f: f.status(500, tracker=tracker, times=times),
            lambda f: f.status(503, tracker=tracker, times=times),
            lambda f: f.status(404, tracker=tracker, times=2),
            lambda f: f.hang(1.0, tracker=tracker),
            lambda f: f.drop(tracker=tracker, times=times),
            lambda f: f.html(tracker=tracker),
            lambda f: f.cut(tracker=tracker, times=times),
        )
        self.dice.choice(kinds)(faults)

    def live(self, minute: int) -> None:
        """What people and trackers do in a minute."""
        dice, now = self.dice, self.clock.now()
        if minute % 10 == 0:
            self.sandbox.faults.clear()
        if dice.random() < 0.4:
            self.trouble()
        if dice.random() < 0.5:
            name = dice.choice(list(SOURCES))
            still = [each for each in self.items[name] if each.closed is None]
            if still:
                self.world.close(dice.choice(still))
        if minute % 17 == 5:
            self.every[dice.choice(list(SOURCES))] = dice.choice((3, 5, 8))
            self.write()
        if minute % 50 == 20:
            self.team("cuont")
        if minute % 50 == 26:
            self.team("count")
        if minute % 31 == 7:
            name = dice.choice([each for each in SOURCES if each not in self.wrong])
            self.wrong[name] = now + timedelta(minutes=dice.randint(5, 20))
            self.token(name, "a-wrong-token-0001")
        for name in [each for each, until in self.wrong.items() if until <= now]:
            self.repair(name)

    def repair(self, name: str) -> None:
        del self.wrong[name]
        self.token(name, self.sandbox.tokens[SOURCES[name][0]])


@dataclass(frozen=True)
class Held:
    """What a process holds while nothing is read."""

    threads: dict[str, int]
    files: dict[str, int]
    out: int
    """Connections of the database that somebody uses."""
    kept: int

    def __str__(self) -> str:
        return f"{self.threads} {self.files} {self.out} {self.kept}"


def held(database: Database) -> Held:
    """Look once all that ends has ended: the emulator's threads end when their connection is seen to be closed."""
    before, end = None, time.monotonic() + 20
    while (now := _held(database)) != before and time.monotonic() < end:
        before = now
        time.sleep(1.2)  # as long as an answer of the emulator may hang
    return now


def _held(database: Database) -> Held:
    files: Counter[str] = Counter()
    for each in Path("/proc/self/fd").iterdir():
        try:
            place = os.readlink(each)
        except OSError:
            continue  # the folder's own
        if not place.endswith("(deleted)"):  # a temporary file of the database's own
            files[place.partition(":")[0] if ":" in place else Path(place).name] += 1
    threads = Counter(each.name.partition("-")[0].partition("_")[0] for each in threading.enumerate())
    pool = database.engine.pool
    return Held(dict(threads), dict(files), pool.checkedout(), pool.checkedin())  # type: ignore[attr-defined]


def traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@contextmanager
def listening() -> Iterator[list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append((record.getMessage(), str(getattr(record, "facts", {}).get("what", ""))))

    handler = Listener()
    log.addHandler(handler)
    log.setLevel(logging.WARNING)
    try:
        yield told
    finally:
        log.removeHandler(handler)


def warmed(pool: ThreadPoolExecutor, database: Database) -> None:
    """Let all threads and connections begin that there may be, so that one more later is one too many."""
    barrier = Barrier(AT_ONCE)
    list(pool.map(lambda _: barrier.wait(), range(AT_ONCE)))
    with ExitStack() as stack:
        for _ in range(AT_ONCE):
            stack.enter_context(database.read())


@pytest.mark.drill
@pytest.mark.parametrize("seed", [1])
def test_four_hours_of_faults_miss_nothing_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr("connectors.line.TIMEOUT", (5, 0.7))
    clock = SimulatedClock(EVENING)
    samples: list[Held] = []
    memory: list[int] = []
    with Sandbox(World(clock)) as sandbox, listening() as told, ThreadPoolExecutor(AT_ONCE, "poll") as pool:
        firm = Firm(sandbox, clock, tmp_path, Random(seed))
        firm.open_()
        ground = Ground({"HOOK_SECRET": SECRET}, clock.now, connect)
        keeper = Keeper(ground, tmp_path)
        with closing(keeper.database) as database:
            warmed(pool, database)
            Watched.polls = []
            serving = Watched(ground, keeper, pool)
            hooks = Hooks(database, lambda: keeper.known.config, clock.now)
            noted(serving, firm)
            serving.scheduler.begin()
            site = _application(ground, keeper, serving, Listening("testserver", 0)).app
            with TestClient(site, base_url="http://localhost") as client:  # type: ignore[arg-type]
                tracemalloc.start()
                for hour in range(HOURS):
                    for minute in range(60 * hour, 60 * hour + 60):
                        firm.live(minute)
                        word(firm, hooks)
                        passed(firm, serving, MINUTE)
                        watched(client)
                    samples.append(held(database))
                    memory.append(traced())
                sandbox.faults.clear()
                for name in list(firm.wrong):
                    firm.repair(name)
                firm.team("count")
                passed(firm, serving, HOUR + MINUTE)
                tracemalloc.stop()
            assert serving.scheduler.stop(30)
            with database.read() as connection:
                assert verify(connection).ok
            values = {name: serving_value(serving, name) for name in SOURCES}
    assert values == {name: sum(each.closed is not None for each in firm.items[name]) for name in SOURCES}
    assert samples[0] == samples[-1], "\n".join(map(str, samples))
    assert samples[0].out == 0
    assert memory[3] - memory[1] < GROWS, memory
    for name in SOURCES:
        mine = [each for each in serving.polls if each.source == name]
        assert kept_turns(firm, name, mine, clock.now()) > 40
        assert [event for event, what in told if what == name] == expected(mine), name
    assert {event for event, what in told if what not in SOURCES and event in {"failing", "recovered"}} == set()
    kinds = Counter(each.outcome for each in serving.polls if each.source)
    assert kinds[Outcome.FAILED] > 20, kinds
    assert kinds[Outcome.UNAUTHENTICATED] >= 5, kinds


def noted(serving: Serving, firm: Firm) -> None:
    """Note which sources a changed config has read at once."""
    renew = serving.scheduler.renew

    def noting(plan: Plan, changed: frozenset[str]) -> None:
        for name in changed:
            firm.asked[name].append(firm.clock.now())
        renew(plan, changed)

    serving.scheduler.renew = noting  # type: ignore[method-assign]


def word(firm: Firm, hooks: Hooks) -> None:
    """Sometimes a tracker sends word, and sometimes a stranger does; floods are told one read."""
    name = firm.dice.choice(list(SOURCES))
    if firm.dice.random() < 0.3:
        header, prefix = SIGNED[SOURCES[name][0]]
        for number in range(firm.dice.choice((1, 1, 20))):
            body = b'{"events": [{"number": %d, "at": "%s"}]}' % (number, firm.clock.now().isoformat().encode())
            signed = prefix + hmac.new(SECRET.encode(), body, "sha256").hexdigest()
            assert hooks.delivered(name, {header: signed}, body) in (Verdict.TAKEN, Verdict.HEARD)
        firm.asked[name].append(firm.clock.now())
    assert hooks.delivered(name, {}, b"{}") is Verdict.UNSIGNED


def passed(firm: Firm, serving: Serving, span: timedelta) -> None:
    """Let time pass with a tick every two seconds; what was begun is waited for."""
    end = firm.clock.now() + span
    while firm.clock.now() < end:
        firm.clock.advance(timedelta(seconds=TICK))
        serving.tick()
        while serving.scheduler._under_way():
            time.sleep(0.002)
    firm.sandbox.log.clear()


def watched(client: TestClient) -> None:
    """Somebody looks."""
    assert client.get("/readyz").status_code == 200
    assert client.get("/metrics").status_code == 200
    assert client.get("/").status_code == 200


def serving_value(serving: Serving, name: str) -> float | None:
    lines = serving.metrics().decode().splitlines()
    start = f'headway_key_result_value{{key_result="{name}"}} '
    return next((float(line.removeprefix(start)) for line in lines if line.startswith(start)), None)


def expected(polls: list[Poll]) -> list[str]:
    """What is told of a source: each trouble once, and its end once."""
    events, troubled = [], ""
    words = {Outcome.FAILED: "failing", Outcome.UNAUTHENTICATED: "polling stopped until the config changes"}
    for each in polls:
        event = words.get(each.outcome, "")
        if event and event != troubled:
            events.append(event)
        if not event and troubled:
            events.append("recovered")
        troubled = event
    return events


def kept_turns(firm: Firm, name: str, polls: list[Poll], end: datetime) -> int:
    """Hold every poll against the rule: none too late, none too early without a reason.  Returns their number."""
    assert polls[0].began <= EVENING + SLACK
    failures = 0
    for at, each in enumerate(polls):
        quota, limit = (each.read.quota, each.read.wait_until) if each.read else (None, None)
        spent = quota.reset if quota and quota.remaining == 0 else None
        free = max((one for one in (spent, limit) if one), default=each.ended)
        read = Read(each.outcome, each.began, each.ended, free)
        turns = [following(Rhythm(timedelta(minutes=minutes)), failures, read, dice).at(each.ended)
                 for minutes in (3, 5, 8) for dice in (0.0, 1.0)]  # fmt: skip
        failures = 0 if each.outcome is Outcome.OK else failures + 1
        due = [turn for turn in turns if turn is not None]
        then = polls[at + 1].began if at + 1 < len(polls) else None
        reasons = [reason for reason in firm.asked[name] if each.began < reason + SLACK and reason > each.began]
        if not due:
            assert then is not None, f"{name} was never read again"
            assert any(reason <= then <= reason + SLACK for reason in reasons), (name, each.began, then)
            continue
        latest = min([max(due), *[max(reason, free) for reason in reasons]]) + SLACK + timedelta(seconds=10)
        assert (then or end) <= latest or (then is None and end <= latest), (name, each, then, latest)
        if then is not None and then < min(due):  # word may come in the very instant in which a poll ended
            asked = [reason for reason in firm.asked[name] if each.began <= reason <= then]
            assert asked, (name, each.began, then, "too early")
            assert then <= max(asked[-1], free) + SLACK + timedelta(seconds=10), (name, each.began, then, "too early")
    return len(polls)
