"""What a project's events spare the Asana connector, and that nothing is lost where they fail."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connectors.asana import events, hints
from connectors.contract import Connector, Cursor, Fate
from okrs.work import Ref, State
from sandbox.records import Item, Project
from tests.integration.asana_client import (
    CONTAINER,
    NOTHING,
    NOW,
    Launch,
    Mirror,
    census,
    launched,
    reply,
    row,
    scripted,
    tasks,
    walked,
)

MINUTES = timedelta(minutes=5)


@pytest.fixture
def launch() -> Iterator[Launch]:
    with launched() as launch:
        yield launch


class Watched:
    """A project that was read once, in full."""

    def __init__(self, launch: Launch) -> None:
        self.launch, self.connector = launch, launch.connect()
        self.mirror = Mirror(launch.container)
        self.poll()
        # What was created in the overlap of the next read is listed anew; it must be old to be quiet.
        launch.clock.advance(timedelta(hours=1))
        self.poll()

    def poll(self, after: timedelta = MINUTES, connector: Connector | None = None) -> list[str]:
        """Let time pass, read once more, and return the routes that were asked."""
        self.launch.clock.advance(after)
        before = self.launch.sandbox.requests.copy()
        self.brought = self.mirror.read(connector or self.connector, self.launch.clock.now())
        return sorted(name for _, name in (self.launch.sandbox.requests - before).elements())

    def state(self, item: Item) -> State:
        return self.mirror.items[item.key].state


def test_a_quiet_poll_walks_nothing(launch: Launch) -> None:
    for number in range(3):
        launch.task("leaf", parent=launch.task(f"top {number}"))
    watched = Watched(launch)
    assert watched.poll() == ["events", "tasks"]
    assert watched.brought == set()


def test_only_the_parent_of_a_changed_subtask_is_walked(launch: Launch) -> None:
    tops = [launch.task(f"top {number}") for number in range(3)]
    leaves = [launch.task("leaf", parent=top) for top in tops]
    watched = Watched(launch)
    launch.world.close(leaves[1])
    assert watched.poll() == ["events", "subtasks", "tasks"]
    assert watched.brought == {leaves[1].key}
    assert watched.state(leaves[1]) is State.DONE
    assert watched.poll() == ["events", "tasks"]  # told once


def test_without_events_the_same_change_is_not_seen(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    # The trap itself: a listing by `modified_since` is silent about sub-tasks.
    leaf = launch.task("leaf", parent=launch.task("top"))
    watched = Watched(launch)
    launch.world.close(leaf)
    monkeypatch.setattr(hints.Hints, "after", lambda self, _events, _project: self)
    watched.poll()
    assert watched.state(leaf) is State.TODO
    monkeypatch.undo()
    assert "subtasks" in watched.poll(timedelta(days=1))  # and the nightly walk repairs it
    assert watched.state(leaf) is State.DONE


def test_a_task_with_its_first_subtask_becomes_a_parent(launch: Launch) -> None:
    top = launch.task("top")
    watched = Watched(launch)
    leaf = launch.task("leaf", parent=top)
    assert watched.poll() == ["events", "subtasks", "task", "tasks"]
    assert leaf.key in watched.brought
    assert watched.mirror.items[top.key].children == 1
    launch.world.close(leaf)
    assert watched.poll() == ["events", "subtasks", "tasks"]


def test_subtasks_of_subtasks_are_found_by_events(launch: Launch) -> None:
    top = launch.task("top")
    middle = launch.task("middle", parent=top)
    watched = Watched(launch)
    leaf = launch.task("leaf", parent=middle)
    watched.poll()
    launch.world.close(leaf)
    assert watched.poll() == ["events", "subtasks", "tasks"]
    assert watched.state(leaf) is State.DONE


def test_a_task_made_a_subtask_is_read_under_its_parent(launch: Launch) -> None:
    top, other = launch.task("top"), launch.task("other")
    watched = Watched(launch)
    launch.world.move(other, parent=top)
    watched.poll()
    assert watched.mirror.items[other.key].parent == Ref(top.key, top.key)
    launch.world.detach(other)
    watched.poll()
    assert watched.mirror.items[other.key].parent is None


def test_an_expired_token_makes_everything_be_read(launch: Launch) -> None:
    top = launch.task("top")
    leaf, old = launch.task("leaf", parent=top), launch.task("old")
    watched = Watched(launch)
    launch.world.delete(old)
    watched.mirror.items.pop(old.key)
    launch.world.restore(old)  # nothing stamps it, and the event that tells of it is lost
    launch.world.close(leaf)
    launch.api.expire_syncs()
    assert watched.poll() == ["events", "subtasks", "tasks"]
    assert watched.brought == {top.key, leaf.key, old.key}
    assert watched.poll() == ["events", "tasks"]  # the new token holds


def test_all_parents_are_walked_once_a_day(launch: Launch) -> None:
    launch.task("leaf", parent=launch.task("top"))
    watched = Watched(launch)
    launch.clock.advance(NOW.replace(hour=23, minute=50) - launch.clock.now())
    assert watched.poll() == ["events", "tasks"]
    assert watched.poll() == ["events", "subtasks", "tasks"]  # it is tomorrow
    assert watched.poll() == ["events", "tasks"]


def test_all_parents_are_walked_after_a_long_pause(launch: Launch) -> None:
    leaf = launch.task("leaf", parent=launch.task("top"))
    watched = Watched(launch)
    launch.world.close(leaf)
    assert watched.poll(timedelta(hours=30)) == ["events", "subtasks", "tasks"]
    assert watched.state(leaf) is State.DONE


def test_a_restored_task_is_asked_by_itself(launch: Launch) -> None:
    top = launch.task("top")
    leaf = launch.task("leaf", parent=top)
    watched = Watched(launch)
    launch.world.delete(top)
    watched.poll()
    for item in (top, leaf):
        del watched.mirror.items[item.key]  # so the census would
    launch.clock.advance(timedelta(hours=2))
    launch.world.restore(top)
    watched.poll()
    assert watched.brought == {top.key, leaf.key}


def test_a_restored_parent_is_walked_although_its_own_return_is_all_that_is_told(launch: Launch) -> None:
    top = launch.task("top")
    kept, lost = (launch.task(title, parent=top) for title in ("kept", "lost"))
    watched = Watched(launch)
    launch.world.delete(lost)
    watched.poll()
    del watched.mirror.items[lost.key]  # so a census would
    launch.world.delete(top)
    watched.poll()
    launch.world.restore(top)
    launch.world.events[:] = [one for one in launch.world.events if (one.item, one.action) != (lost.id, "undeleted")]
    launch.world.events[:] = [one for one in launch.world.events if (one.item, one.action) != (kept.id, "undeleted")]
    launch.world.retitle(top, "top again")  # the change said after it must not hide it
    watched.poll()
    assert {top.key, kept.key, lost.key} <= watched.brought


def test_a_task_that_leaves_before_it_is_asked_for_is_not_brought(launch: Launch) -> None:
    elsewhere = launch.world.add_project("asana", "Elsewhere")
    task = launch.task("task")
    watched = Watched(launch)
    launch.world.delete(task)
    launch.world.restore(task)
    launch.sandbox.faults.then(lambda: launch.world.move_project(task, elsewhere), path="/tasks?")
    assert watched.poll() == ["events", "task", "tasks"]
    assert watched.brought == set()


def test_what_was_moved_in_is_read_with_its_subtasks_although_nothing_stamps_it(launch: Launch) -> None:
    elsewhere = launch.world.add_project("asana", "Elsewhere")
    top = launch.world.create(elsewhere, "top", "default_task")
    leaf = launch.world.create(elsewhere, "leaf", "default_task", parent=top)
    watched = Watched(launch)
    old = top.updated
    launch.world.move_project(top, launch.project)
    top.updated = old  # "will not change modified_at: moving to a new container"
    watched.poll()
    assert watched.brought == {top.key, leaf.key}


# where tasks went


class Elsewhere:
    """A task `top` with `middle` and `leaf` below it, a second project, and a poll that follows."""

    def __init__(self, launch: Launch) -> None:
        self.project = launch.world.add_project("asana", "Elsewhere")
        self.top = launch.task("top")
        self.middle = launch.task("middle", parent=self.top)
        self.leaf = launch.task("leaf", parent=self.middle)
        self.watched = Watched(launch)

    def move(self, launch: Launch, item: Item, project: Project) -> None:
        """Move it without a stamp: "will not change modified_at: moving to a new container"."""
        before = item.updated
        launch.world.move_project(item, project)
        item.updated = before


def test_nothing_is_asked_below_a_task_that_left(launch: Launch) -> None:
    away = Elsewhere(launch)
    launch.task("new", parent=away.middle)
    launch.world.close(away.leaf)
    away.move(launch, away.top, away.project)
    assert away.watched.poll() == ["events", "tasks"]
    assert away.watched.brought == set()
    shown = census(away.watched.connector, launch.container)  # and what is still there leaves
    refs = [Ref(gid, gid) for gid in away.watched.mirror.items if gid not in shown]
    found = away.watched.connector.look_up(launch.container, refs, NOTHING)
    assert {gid: told.fate for gid, told in found.items()} == dict.fromkeys(
        (away.top.key, away.middle.key, away.leaf.key), Fate.MOVED
    )


def test_nothing_is_walked_below_a_task_that_left_on_the_first_poll_of_a_day(launch: Launch) -> None:
    away = Elsewhere(launch)
    stays = launch.task("stays")
    kept = launch.task("kept", parent=stays)
    away.watched.poll()
    away.move(launch, away.top, away.project)
    assert away.watched.poll(timedelta(hours=15)) == ["events", "subtasks", "tasks"]
    assert away.watched.brought == {stays.key, kept.key}


def test_nothing_is_walked_below_a_task_that_left_when_everything_is_listed(launch: Launch) -> None:
    away = Elsewhere(launch)
    launch.task("kept", parent=launch.task("stays"))
    away.watched.poll()
    away.move(launch, away.top, away.project)
    launch.world.rename_section(launch.project, "Ideas", "Plans")
    assert away.watched.poll() == ["events", "subtasks", "tasks"]


def test_a_sub_task_with_a_home_of_its_own_stays_when_its_parent_leaves(launch: Launch) -> None:
    away = Elsewhere(launch)
    launch.world.close(away.leaf)
    launch.world.add_home(away.middle, launch.project)
    away.middle.updated = away.top.updated  # nothing stamps it
    away.move(launch, away.top, away.project)
    assert away.watched.poll() == ["events", "subtasks", "task", "tasks"]
    assert away.watched.brought == {away.middle.key, away.leaf.key}
    assert away.watched.state(away.leaf) is State.DONE
    assert [home.id for home in away.watched.mirror.items[away.middle.key].projects] == [launch.project.key]


def test_a_sub_task_that_loses_its_own_home_is_still_in_its_parents(launch: Launch) -> None:
    away = Elsewhere(launch)
    for project in (launch.project, away.project):
        launch.world.add_home(away.middle, project)
    away.watched.poll()
    launch.world.close(away.leaf)
    launch.world.drop_home(away.middle, launch.project)
    away.watched.poll()
    assert away.watched.brought == {away.middle.key, away.leaf.key}
    assert away.watched.state(away.leaf) is State.DONE


@pytest.mark.parametrize("polled", [False, True])
def test_what_happened_elsewhere_is_read_when_a_task_comes_back(launch: Launch, polled: bool) -> None:
    away = Elsewhere(launch)
    away.move(launch, away.top, away.project)
    if polled:
        away.watched.poll()
    launch.world.close(away.leaf)  # only the other project's events tell it
    away.move(launch, away.top, launch.project)
    away.watched.poll()
    assert away.watched.brought == {away.top.key, away.middle.key, away.leaf.key}
    assert away.watched.state(away.leaf) is State.DONE


def test_what_left_a_task_while_it_was_elsewhere_is_not_brought(launch: Launch) -> None:
    away = Elsewhere(launch)
    launch.task("new", parent=away.middle)
    away.move(launch, away.top, away.project)
    launch.world.detach(away.middle)  # and it stays there
    away.move(launch, away.top, launch.project)
    away.watched.poll()
    assert away.watched.brought == {away.top.key}


def test_many_events_come_page_by_page(launch: Launch) -> None:
    tops = [launch.task(f"top {number}") for number in range(4)]
    leaves = [launch.task("leaf", parent=top) for top in tops]
    watched = Watched(launch)
    for number in range(120):
        launch.world.retitle(leaves[number % 3], f"leaf {number}")
    assert watched.poll() == ["events", "events", "subtasks", "subtasks", "subtasks", "tasks"]
    assert [watched.mirror.items[leaf.key].title for leaf in leaves] == ["leaf 117", "leaf 118", "leaf 119", "leaf"]


def test_too_many_events_are_left_behind_for_a_full_read(launch: Launch) -> None:
    leaf = launch.task("leaf", parent=launch.task("top"))
    launch.task("leaf", parent=launch.task("other"))
    watched = Watched(launch)
    launch.sandbox.faults.page_caps["asana"] = 2
    for number in range(2 * events.MOST_PAGES + 2):
        launch.world.retitle(leaf, f"leaf {number}")
    routes = watched.poll()
    assert routes.count("events") == events.MOST_PAGES + 1
    assert routes.count("subtasks") == 2
    assert watched.mirror.items[leaf.key].title == leaf.title
    assert watched.poll() == ["events", "tasks"]


def test_many_tasks_to_ask_one_by_one_are_listed_instead(launch: Launch) -> None:
    items = [launch.task(f"task {number}") for number in range(events.MOST_SINGLES + 1)]
    leaf = launch.task("leaf", parent=launch.task("top"))
    watched = Watched(launch)
    for item in items:
        launch.world.delete(item)
    watched.poll()
    launch.clock.advance(timedelta(hours=2))
    for item in items:
        launch.world.restore(item)
    assert watched.poll() == ["events", "subtasks", "tasks", "tasks"]
    assert {item.key for item in items} | {leaf.key} <= watched.brought


@pytest.mark.parametrize("status", [400, 402, 403, 404])
def test_a_token_without_events_walks_every_parent(launch: Launch, status: int) -> None:
    leaf = launch.task("leaf", parent=launch.task("top"))
    watched = Watched(launch)
    launch.world.close(leaf)
    launch.sandbox.faults.status(status, path="/events")
    assert watched.poll() == ["events", "subtasks", "tasks"]
    assert watched.state(leaf) is State.DONE


def test_the_token_is_asked_for_before_anything_is_listed(launch: Launch) -> None:
    # What happens between the two is told by the next poll's events, so nothing falls between them.
    top = launch.task("top")
    leaf = launch.task("leaf", parent=top)
    connector, cursor = launch.connect(), Cursor(now=NOW)
    first, *others = walked(connector, launch.container, cursor)
    assert "sync" in first[1].memo
    assert all(not page.memo for _, page in others)
    launch.world.close(leaf)
    again = Cursor(NOW, NOW, parents=lambda: (top.key,), memo=first[1].memo)
    assert "leaf" in [item.title for _, page in walked(connector, launch.container, again) for item in page.items]


def test_known_parents_are_named_once_and_resume_points_stay_small(launch: Launch) -> None:
    tops = [launch.task(f"top {number}") for number in range(250)]
    for top in tops:
        launch.task("leaf", parent=top)
    known = tuple(top.key for top in tops)
    read = walked(launch.connect(), launch.container, Cursor(now=NOW, parents=lambda: known))
    asked = [resume for resume, _ in read if resume]
    assert len(read) == 1 + 3 + 250
    assert len(set(asked)) == len(asked)
    assert max(len(resume) for resume in asked) < 300


def test_a_circle_of_parents_ends() -> None:
    first, second = row("1", num_subtasks=1), row("2", num_subtasks=1)
    with scripted(reply({"sync": "s"}, 412), tasks(first), tasks(second), tasks(first)) as server:
        read = walked(server.connect(), CONTAINER, Cursor(now=NOW))
    assert len(read) == 4


def test_events_of_anything_but_tasks_say_nothing() -> None:
    story = {"action": "added", "resource": {"gid": "5", "resource_type": "story"}, "parent": None, "type": "story"}
    odd = [{}, {"action": "added"}, {"action": "renamed", "resource": {"gid": "6", "resource_type": "task"}}, story]
    with scripted(reply({"data": odd, "sync": "s2", "has_more": False}), tasks()) as server:
        read = walked(server.connect(), CONTAINER, Cursor(NOW, NOW, memo={"sync": "s1", "walked": "2026-11-02"}))
        assert server.query(0) == {"resource": ["1204"], "sync": ["s1"]}
    assert [page.memo.get("sync") for _, page in read] == ["s2", None]


# names that stand inside of tasks


def test_a_renamed_section_makes_everything_be_listed_and_walked(launch: Launch) -> None:
    top = launch.task("top", section="Ideas")
    leaf = launch.task("leaf", parent=top)
    watched = Watched(launch)
    launch.world.rename_section(launch.project, "Ideas", "Plans")
    assert watched.poll() == ["events", "subtasks", "tasks"]
    assert watched.brought == {top.key, leaf.key}
    assert [ref.name for ref in watched.mirror.items[top.key].sections] == ["Plans"]
    assert watched.poll() == ["events", "tasks"]  # told once


def test_a_renamed_section_is_not_forgotten_over_further_pages_of_events(launch: Launch) -> None:
    old = launch.task("old", section="Ideas")
    busy = launch.task("busy")
    watched = Watched(launch)
    launch.sandbox.faults.page_caps["asana"] = 2
    launch.world.rename_section(launch.project, "Ideas", "Plans")
    for number in range(4):
        launch.world.retitle(busy, f"busy {number}")
    watched.poll()
    assert old.key in watched.brought


# complete reads


def test_a_complete_read_takes_the_events_too_and_lists_everything_all_the_same(launch: Launch) -> None:
    gone, moved, top = (launch.task(title) for title in ("gone", "moved", "top"))
    leaf = launch.task("leaf", parent=top)
    watched = Watched(launch)
    launch.world.delete(gone)
    launch.world.move_project(moved, launch.world.add_project("asana", "Elsewhere"))
    launch.world.retitle(leaf, "leaf again")
    watched.mirror.since, watched.mirror.items = None, {}
    later = launch.connect()
    assert watched.poll(connector=later) == ["events", "subtasks", "tasks"]
    assert watched.brought == {top.key, leaf.key}
    refs = [Ref(item.key, item.key) for item in (gone, leaf)]
    found = later.look_up(launch.container, refs, NOTHING)
    assert [found[ref.id].fate for ref in refs] == [Fate.DELETED, Fate.HERE]
    launch.clock.advance(timedelta(hours=1))
    watched.poll(connector=later)
    assert watched.poll(connector=launch.connect()) == ["events", "tasks"]  # its token was kept
    assert watched.mirror.memo["deleted"] == gone.key


def test_a_complete_read_without_a_valid_token_keeps_what_was_deleted_before(launch: Launch) -> None:
    gone = launch.task("gone")
    watched = Watched(launch)
    launch.world.delete(gone)
    watched.poll()
    launch.api.expire_syncs()
    watched.mirror.since = None
    watched.poll()
    assert watched.mirror.memo["deleted"] == gone.key


def test_a_complete_read_with_too_many_events_renews_the_token(launch: Launch) -> None:
    gone, busy = launch.task("gone"), launch.task("busy")
    watched = Watched(launch)
    launch.world.delete(gone)
    launch.sandbox.faults.page_caps["asana"] = 2
    for number in range(2 * events.MOST_PAGES + 2):
        launch.world.retitle(busy, f"busy {number}")
    watched.mirror.since = None
    assert watched.poll().count("events") == events.MOST_PAGES + 1
    assert watched.brought == {busy.key}
    assert watched.mirror.memo["deleted"] == gone.key  # it was told before the rest was left behind
    assert watched.poll().count("events") == 1


# deletions


def test_what_events_call_deleted_is_remembered_for_look_ups(launch: Launch) -> None:
    gone, kept = launch.task("gone"), launch.task("kept")
    watched = Watched(launch)
    launch.world.delete(gone)
    watched.poll()
    watched.poll()
    later = launch.connect()  # another run: only the memo knows
    refs = [Ref(gone.key, gone.key), Ref(kept.key, kept.key)]
    assert later.look_up(launch.container, refs, NOTHING)[gone.key].fate is Fate.HIDDEN
    watched.poll(connector=later)
    found = later.twin().look_up(launch.container, refs, NOTHING)
    assert [found[ref.id].fate for ref in refs] == [Fate.DELETED, Fate.HERE]
    launch.world.restore(gone)
    assert later.look_up(launch.container, refs, NOTHING)[gone.key].fate is Fate.HERE
    watched.poll(connector=later)
    assert watched.mirror.memo["deleted"] == ""
    assert gone.key in census(later, launch.container)
