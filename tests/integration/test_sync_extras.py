"""Histories, sprints and links that a token may not read: the rules that need them wait, and all others go on."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.jira import connect as connect_jira
from connectors.patience import Pacer, Patient
from mapping.demand import demand_of
from mapping.lint import FieldRefused
from mapping.rule import DoneWhen, Measure, Rule, Window
from okrs.cycle import Calendar
from okrs.demand import Demand, Extra
from okrs.objective import KeyResult, Numeric
from okrs.work import State
from sandbox.clock import SimulatedClock
from sandbox.server import Sandbox
from sandbox.world import World as Tracker
from store import ledger, lookup, sources
from store.database import Database
from store.tables import item, item_version
from store.views.refused import Refused, refused_json
from store.views.waiting import Waiting, Why, waiting
from sync.deciding import Goal
from sync.engine import Engine
from sync.task import Outcome, Progress, SourceReport, SourceToRead
from terminal.planning import note_text
from tests.builders import SOURCE, a_part, a_rule, an_item, where
from tests.integration.fakes import Clock, FakeTracker, World, dump
from tests.integration.github_server import opened
from tests.integration.jira_sandbox import START, new_world, settings

RULES = {
    Extra.REFS: a_rule(a_part(once=True)),
    Extra.SPRINTS: a_rule(a_part(where=where(sprint="Sprint 1"))),
    Extra.HISTORIES: a_rule(a_part(done_when=DoneWhen(("Shipped",), ()), window=Window.CYCLE)),
}
EXTRAS = pytest.mark.parametrize("extra", RULES, ids=lambda each: each.word)


@pytest.fixture
def world(database: Database) -> World:
    clock = Clock()
    tracker = FakeTracker(clock, "PAY", "OPS")
    for name in ("PAY", "OPS"):
        tracker.put(name, *(an_item(f"{name}-{number}", State.DONE, status="Shipped") for number in range(3)))
    return World(database, {SOURCE: tracker}, clock)


def tracker_of(world: World) -> FakeTracker:
    return world.trackers[SOURCE]


def close_one(world: World, key: str) -> None:
    tracker_of(world).put(key.split("-", maxsplit=1)[0], an_item(key, State.DONE, status="Shipped"))


@EXTRAS
@pytest.mark.parametrize("late", [0, 2])
def test_what_is_denied_keeps_no_other_rule_from_moving(world: World, extra: Extra, late: int) -> None:
    world.feed("count", a_rule())
    world.feed("theirs", RULES[extra])
    assert world.sync().sources[0].state is Outcome.OK
    before = world.value("theirs")
    assert before is not None
    tracker_of(world).denied, tracker_of(world).refuses_after = extra, late
    close_one(world, "PAY-9")
    (source,) = world.sync(full=True).sources
    assert (source.state, source.error) == (Outcome.OK, None)
    assert (world.value("count"), world.value("theirs")) == (Decimal(7), before)
    told = f"The token may not read {extra.word}."
    assert world.refused() == (Refused("theirs", SOURCE, "", told, extra=extra),)
    assert refused_json(world.refused()) == [
        {"key_result": "theirs", "source": SOURCE, "field": extra.word, "error": told}
    ]
    assert (world.status("theirs").awaits, world.status("count").awaits) == (extra.word, "")
    assert FieldRefused("theirs", 0, extra.word, told, extra=True) in world.lint()
    assert note_text(world.plan()["theirs"]) == f"waits for {extra.word}: {SOURCE}: {told}"
    tracker_of(world).denied = None
    close_one(world, "OPS-9")
    world.sync(full=bool(late))
    assert (world.value("count"), world.refused(), world.status("theirs").awaits) == (Decimal(8), (), "")
    if extra is not Extra.SPRINTS:  # the others go by all that is done
        assert world.value("theirs") != before
    assert world.verify().ok


@EXTRAS
@pytest.mark.parametrize("late", [0, 2])
def test_it_is_asked_for_again_without_another_listing_in_every_run(world: World, extra: Extra, late: int) -> None:
    world.feed("count", a_rule())
    world.feed("theirs", RULES[extra])
    tracker_of(world).denied, tracker_of(world).refuses_after = extra, late
    world.sync()
    assert (world.value("count"), world.value("theirs")) == (Decimal(6), None)
    for _ in range(2):
        tracker_of(world).asked.clear()
        close_one(world, "PAY-0")
        world.sync()
        done = [(cursor.since, demand) for _, cursor, demand in tracker_of(world).asked if extra not in demand.extras]
        assert done
        assert all(since is not None for since, _ in done)
        asked = [demand for _, _, demand in tracker_of(world).asked if extra in demand.extras]
        assert bool(asked) is not bool(late)  # what shows in the middle of a listing waits for the next complete one


@EXTRAS
def test_one_that_was_never_measured_says_what_it_waits_for(world: World, extra: Extra) -> None:
    world.feed("theirs", RULES[extra])
    tracker_of(world).denied = extra
    world.sync()
    with world.database.read() as connection:
        why = waiting(connection, world._setup(), "theirs", world.clock())
    assert why == Waiting(Why.RIGHTS, failed=((SOURCE, f"The token may not read {extra.word}."),))


@pytest.mark.parametrize(
    ("extra", "name", "taken"),
    [(Extra.REFS, "refs", True), (Extra.REFS, "sprints", False), (Extra.SPRINTS, "sprints", True)],
    ids=["links", "sprints that were not asked for", "sprints"],
)
def test_a_look_up_says_how_that_is_now_which_it_was_asked_for(
    world: World, extra: Extra, name: str, *, taken: bool
) -> None:
    """No listing shows the ticket any more, so that the census looks it up."""
    world.feed("theirs", RULES[extra])
    tracker_of(world).put("PAY", an_item("PAY-9", refs=("OPS-1",), sprints=("id:8",)))
    world.sync()
    tracker_of(world).change("PAY", "PAY-9", **{name: ()})
    tracker_of(world).projects["PAY"].unlisted.add("id:PAY-9")
    world.clock.forward(days=2)
    world.sync()
    assert tracker_of(world).looked_up == ["id:PAY-9"]
    with world.database.read() as connection:
        (held,) = [each.item for each in lookup.items_of(connection, SOURCE) if each.item.key == "PAY-9"]
    assert (getattr(held, name) == ()) is taken


def test_no_field_is_named_as_what_is_asked_beside_fields() -> None:
    demand = Demand(fields=frozenset({"sprints", "links"}), sprints=True, refs=True)
    assert demand.without(["sprints"]) == Demand(fields=frozenset({"links"}), sprints=True, refs=True)
    assert demand.without([Extra.SPRINTS]) == Demand(fields=frozenset({"sprints", "links"}), refs=True)
    assert demand.names == {"sprints", "links", Extra.SPRINTS, Extra.REFS}


class Office:
    """A real connector before the sandbox, and two key results: one counts, the other needs more."""

    def __init__(self, sandbox: Sandbox, database: Database, source: SourceToRead, theirs: Rule) -> None:
        self.sandbox, self.database, self._source = sandbox, database, source
        self._goals = [
            Goal(KeyResult(name, "objective", "cycle", name, Numeric(Decimal(0), Decimal(20))), rule, Calendar())
            for name, rule in (("count", a_rule(a_part(source="s"))), ("theirs", theirs))
        ]

    def sync(self) -> SourceReport:
        """One run, half an hour after the last, as a new process would do it."""
        clock = self.sandbox.world.clock
        assert isinstance(clock, SimulatedClock)
        clock.advance(timedelta(minutes=30))
        engine = Engine(
            database=self.database,
            sources=[self._source],
            goals=self._goals,
            clock=clock.now,
            progress=Progress(),
            version="test",
            sleep=lambda _: None,
        )
        (report,) = engine.sync().sources
        return report

    def values(self) -> tuple[Decimal | None, Decimal | None]:
        with self.database.read() as connection:
            states = [ledger.state_of(connection, name) for name in ("count", "theirs")]
        count, theirs = [state.value if state else None for state in states]
        return count, theirs

    def refused(self) -> set[str]:
        with self.database.read() as connection:
            return {name for each in sources.state_of(connection, "s").containers for name in each.refused}


def office(sandbox: Sandbox, database: Database, theirs: Rule, **more: Any) -> Office:
    demand = demand_of(theirs, "s")
    if sandbox.world.projects[0].tracker == "jira":
        known = settings(sandbox)
        source = SourceToRead("s", ("PAY",), lambda: connect_jira(known), demand)
    else:
        url, token = sandbox.urls["github"], sandbox.tokens["github"]
        pacer = Pacer(sleep=lambda _: None)
        source = SourceToRead("s", ("acme/web",), lambda: Patient(opened(url, token=token, **more), pacer), demand)
    return Office(sandbox, database, source, theirs)


SPRINT = a_rule(a_part(source="s", where=where(sprint="Sprint 1")))
SHIPPED = a_rule(a_part(source="s", done_when=DoneWhen(("Done",), ()), window=Window.CYCLE))
CYCLE_TIME = a_rule(a_part(Measure.CYCLE_TIME, source="s", rank=50))
POINTS = a_rule(a_part(Measure.SUM, source="s", by="Points"))
ONCE = a_rule(a_part(source="s", where=where(kind="pull_request"), once=True))
MANY = 1000


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("days", [1, 2, 8])
def test_sprints_that_were_read_stay_while_the_right_is_gone(database: Database, status: int, days: int) -> None:
    """A census, a wide read and the weekly listing pass meanwhile; the token is a good one for issues all the time."""
    world = new_world()
    sprint = world.add_sprint(world.project("PAY"), "Sprint 1")
    first, second = (world.create(world.project("PAY"), f"Pay {number}", "Story") for number in range(2))
    for each in (first, second):
        world.plan(each, sprint)
    with Sandbox(world) as sandbox:
        jira = office(sandbox, database, SPRINT)
        assert (jira.sync().error, jira.values()) == (None, (Decimal(0), Decimal(0)))
        sandbox.faults.status(status, tracker="jira", path="/rest/agile", times=MANY)
        world.close(first)
        for day in range(days):
            world.clock.advance(timedelta(days=1))
            report = jira.sync()
            assert (report.state, report.error, report.removed, report.missed) == (Outcome.OK, None, 0, 0), day
        assert (jira.values(), jira.refused()) == ((Decimal(1), Decimal(0)), {Extra.SPRINTS})
        sandbox.faults.clear()
        world.close(second)
        assert jira.sync().state is Outcome.OK
        assert (jira.values(), jira.refused()) == ((Decimal(2), Decimal(2)), set())


@pytest.mark.parametrize("path", ["/rest/agile", "/sprint"])
def test_a_right_that_is_given_back_is_asked_for_by_the_next_run(database: Database, path: str) -> None:
    """Also where boards are remembered, so that a poll begins with their sprints."""
    world = new_world()
    world.add_sprint(world.project("PAY"), "Sprint 1")
    with Sandbox(world) as sandbox:
        jira = office(sandbox, database, SPRINT)
        for _ in range(2):
            assert (jira.sync().error, jira.refused()) == (None, set())
            sandbox.faults.status(403, tracker="jira", path=path, times=MANY)
            assert (jira.sync().error, jira.refused()) == (None, {Extra.SPRINTS})
            sandbox.faults.clear()
        assert (jira.sync().error, jira.refused()) == (None, set())


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("theirs", "path", "name"),
    [
        (SPRINT, "/rest/api/2/field", Extra.SPRINTS),
        (a_rule(a_part(Measure.SUM, source="s", by="Story Points")), "/rest/api/2/field", "Story Points"),
        (SHIPPED, "/rest/api/2/status", Extra.HISTORIES),
    ],
)
def test_a_list_that_one_rule_needs_of_jira_stops_no_other(
    database: Database, theirs: Rule, path: str, name: str, status: int
) -> None:
    world = new_world()
    world.add_sprint(world.project("PAY"), "Sprint 1")
    ticket = world.create(world.project("PAY"), "Pay", "Story")
    with Sandbox(world) as sandbox:
        jira = office(sandbox, database, theirs)
        sandbox.faults.status(status, tracker="jira", path=path, times=MANY)
        world.close(ticket)
        assert (jira.sync().error, jira.values(), jira.refused()) == (None, (Decimal(1), None), {name})
        sandbox.faults.clear()
        assert (jira.sync().error, jira.values()[1] is None, jira.refused()) == (None, False, set())


@pytest.mark.parametrize(
    ("theirs", "path", "status", "name"),
    [
        (SPRINT, "/rest/agile", 401, Extra.SPRINTS),  # as Atlassian's gateway says that a scope is missing
        (SPRINT, "/rest/agile", 403, Extra.SPRINTS),
        (SPRINT, "/rest/agile", 404, Extra.SPRINTS),
        (SPRINT, "/sprint", 403, Extra.SPRINTS),
        (SHIPPED, "/changelog/bulkfetch", 401, Extra.HISTORIES),
        (SHIPPED, "/changelog/bulkfetch", 403, Extra.HISTORIES),
    ],
)
def test_a_right_that_one_rule_needs_of_jira_stops_no_other(
    database: Database, theirs: Rule, path: str, status: int, name: str
) -> None:
    world = new_world()
    world.add_sprint(world.project("PAY"), "Sprint 1")
    first, second = (world.create(world.project("PAY"), f"Pay {number}", "Story") for number in range(2))
    with Sandbox(world) as sandbox:
        jira = office(sandbox, database, theirs)
        sandbox.faults.status(status, tracker="jira", path=path, times=MANY)
        for ticket, count in ((first, 1), (second, 2)):
            world.close(ticket)
            assert (jira.sync().error, jira.values()) == (None, (Decimal(count), None))
            assert jira.refused() == {name}
        sandbox.faults.clear()
        world.clock.advance(timedelta(days=8))  # what showed late is asked for at the next complete read
        assert jira.sync().state is Outcome.OK
        assert (jira.refused(), jira.values()[1] is None) == (set(), False)


def test_a_changelog_that_is_left_out_for_once_takes_no_cycle_time_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jira has been seen to do so: https://github.com/estuary/connectors/issues/5204."""
    world = new_world()
    ticket = world.create(world.project("PAY"), "Pay", "Story")
    for edit in (world.start, world.close):
        world.clock.advance(timedelta(days=2))
        edit(ticket)
    with Sandbox(world) as sandbox:
        jira = office(sandbox, database, CYCLE_TIME)
        assert (jira.sync().state, jira.values()[1]) == (Outcome.OK, Decimal(2))
        with monkeypatch.context() as cut:
            cut.setattr(sandbox.apis["jira"].shapes, "histories", lambda _item: [])  # type: ignore[attr-defined]
            world.retitle(ticket, "Pay by card")
            assert (jira.sync().changed, jira.values()[1]) == (1, Decimal(2))
        world.clock.advance(timedelta(days=8))
        assert (jira.sync().changed, jira.values()[1]) == (0, Decimal(2))


def hub() -> Tracker:
    world = Tracker(SimulatedClock(START))
    world.add_user("Mira", "mira")
    project = world.add_project("github", "web", "acme/web")
    for number in range(1, 4):
        world.create(project, f"Issue {number}", pull=number == 3)
    board = world.add_board("acme", "Roadmap", {"Points": "NUMBER"})
    for number in range(1, 4):
        world.set_value(board, world.item(f"acme/web#{number}"), "Points", 3.0)
    return world


def test_boards_that_may_not_be_read_stop_no_rule_without_their_fields(database: Database) -> None:
    world = hub()
    with Sandbox(world) as sandbox:
        api: Any = sandbox.apis["github"]
        scopes, api.scopes = api.scopes, "repo"
        github = office(sandbox, database, POINTS, boards=("acme/1",))
        for number in (1, 2):
            world.close(world.item(f"acme/web#{number}"))
            assert (github.sync().error, github.values()) == (None, (Decimal(number), None))
            assert github.refused() == {"Points"}
        api.scopes = scopes
        assert github.sync().state is Outcome.OK
        assert (github.refused(), github.values()) == (set(), (Decimal(2), Decimal(6)))


def test_a_board_that_is_too_much_for_github_stops_no_rule_without_its_fields(database: Database) -> None:
    world = hub()
    with Sandbox(world) as sandbox:
        api: Any = sandbox.apis["github"]
        api.boards.most = 2
        github = office(sandbox, database, POINTS, boards=("acme/1",))
        for number in (1, 2):
            world.close(world.item(f"acme/web#{number}"))
            assert (github.sync().error, github.values()) == (None, (Decimal(number), None))
            assert github.refused() == {"Points"}
        api.boards.most = 100
        assert github.sync().state is Outcome.OK
        assert (github.refused(), github.values()) == (set(), (Decimal(2), Decimal(6)))


@pytest.mark.parametrize("status", [403, 404])
def test_branches_that_may_not_be_read_stop_no_rule_without_once(database: Database, status: int) -> None:
    world = hub()
    with Sandbox(world) as sandbox:
        github = office(sandbox, database, ONCE)
        sandbox.faults.status(status, tracker="github", path="/graphql", times=MANY)
        for number in (1, 2):
            world.close(world.item(f"acme/web#{number}"))
            assert (github.sync().error, github.values()) == (None, (Decimal(number), None))
            assert github.refused() == {Extra.REFS}
        sandbox.faults.clear()
        world.close(world.item("acme/web#3"))
        assert github.sync().state is Outcome.OK
        assert (github.refused(), github.values()) == (set(), (Decimal(2), Decimal(1)))


def test_a_right_that_is_lost_and_comes_back_makes_no_versions_of_what_nobody_touched(database: Database) -> None:
    """Two complete listings, one without the branches and one with them: the tickets are what they were."""
    world = hub()
    world.item("acme/web#3").branch = "feature/pay-12-coupons"
    with Sandbox(world) as sandbox:
        github = office(sandbox, database, ONCE)
        assert github.sync().seen == 3
        before = dump(database, item, item_version)
        assert "PAY-12" in str(before)
        sandbox.faults.status(403, tracker="github", path="/graphql", times=MANY)
        for lost in (True, False):
            world.clock.advance(timedelta(days=8))
            report = github.sync()
            assert (report.error, report.seen, report.changed) == (None, 3, 0)
            assert github.refused() == ({Extra.REFS} if lost else set())
            sandbox.faults.clear()
        assert dump(database, item, item_version) == before


@pytest.mark.parametrize("wanted", [POINTS, ONCE], ids=["points", "once"])
def test_a_way_that_is_closed_is_told_as_such_and_lacks_no_mapping_a_right(database: Database, wanted: Rule) -> None:
    world = hub()
    with Sandbox(world) as sandbox:
        github = office(sandbox, database, wanted, boards=("acme/1",))
        sandbox.faults.status(407, tracker="github", path="/graphql", times=MANY)
        report = github.sync()
        assert (report.state, github.refused()) == (Outcome.FAILED, set())
        assert "The proxy wants credentials (407)" in str(report.error)
        sandbox.faults.clear()
        assert github.sync().state is Outcome.OK


def test_a_token_that_is_none_any_more_is_told_as_ever(database: Database) -> None:
    world = hub()
    with Sandbox(world) as sandbox:
        github = office(sandbox, database, ONCE)
        sandbox.faults.status(401, tracker="github", path="", times=MANY)
        assert github.sync().state is Outcome.UNAUTHENTICATED
