"""Acme, a fictional company with three teams: its people, projects and eight weeks of history, from one seed."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from functools import partial

from sandbox.clock import Clock, SimulatedClock
from sandbox.records import Item
from sandbox.streams import (
    LAUNCH_CHECKLIST,
    LAUNCH_MILESTONE,
    NEXT_RELEASE,
    ONE_CLICK,
    ONE_CLICK_WEB,
    RELEASE,
    STOREFRONT,
    STREAMS,
    Stream,
)
from sandbox.world import World

HISTORY = timedelta(weeks=8)
_PEOPLE = (
    ("Mira Albrecht", "mira"),
    ("Jonas Weber", "jonas"),
    ("Aylin Kaya", "aylin"),
    ("Tomás Oliveira", "tomas"),
    ("Priya Raman", "priya"),
    ("Lena Fischer", "lena"),
    ("Kofi Mensah", "kofi"),
    ("Sofie Lund", "sofie"),
    ("Marco Bianchi", "marco"),
    ("Hana Suzuki", "hana"),
    ("Daniel Novak", "daniel"),
    ("Chloé Martin", "chloe"),
)
_JIRA_EPICS = (ONE_CLICK, "Fraud rules", "Refunds by themselves", "New bank partners")
_POINTS = (1.0, 2.0, 3.0, 5.0, 8.0)


def build(seed: int, now: datetime, clock: Clock | None = None) -> World:
    """Return the company as it is at `now`, the same for the same seed and time.

    From then on its stamps come from `clock`, by default one that stands at `now` until it is advanced.
    """
    dice = random.Random(seed)
    history = SimulatedClock(now - HISTORY)
    world = World(history)
    _found(world)
    events: list[tuple[datetime, int, Callable[[], None]]] = []
    for stream in STREAMS:
        for number in range(stream.count):
            for moment, act in _life(world, stream, number, now, dice):
                events.append((moment, len(events), act))
    for milestone in world.milestones:
        due = datetime.combine(milestone.due or now.date(), time(16), UTC)
        if due < now:
            events.append((due, len(events), partial(world.release, milestone)))
    for moment, _, act in sorted(events, key=lambda event: event[:2]):
        history.advance(moment - history.now())
        act()
    history.advance(now - history.now())
    world.clock = clock or history
    return world


def open_item(world: World, stream: Stream, number: int, dice: random.Random) -> Item:
    """Open the item of that number in a stream, at the world's time."""
    project = next(one for one in world.projects if one.name == stream.project)
    above = [one for one in world.items_of(project) if stream.parent and one.title.startswith(stream.parent)]
    item = world.create(
        project,
        f"{stream.verb} {stream.things[number % len(stream.things)]} ({number // len(stream.things) + 1})",
        stream.type,
        labels=stream.labels,
        parent=above[number % len(above)] if above else None,
        milestone=world.milestone(stream.milestone) if stream.milestone else None,
        section=stream.section,
        assignee=dice.choice(world.users),
        points=dice.choice(_POINTS) if stream.points and dice.random() < 0.95 else None,
        pull=stream.pull,
        draft=stream.pull and dice.random() < 0.2,
    )
    for blocked in [one for one in world.items_of(project) if stream.blocks and one.title == stream.blocks]:
        world.block(blocked, [item])
    return item


def _found(world: World) -> None:
    """Set up what stands before any work: people, projects, epics, versions, milestones and the launch plan."""
    for name, login in _PEOPLE:
        world.add_user(name, login)
    payments = world.add_project("jira", "Payments", "PAY")
    world.add_project("jira", "Platform", "PLAT")
    web = world.add_project("github", "web", "acme/web")
    world.add_project("github", "api", "acme/api")
    launch = world.add_project("asana", "Launch Europe", sections=("Backlog", "Preparation", "Marketing", "Legal"))
    world.add_project("asana", "Customer research", sections=("Interviews", "Reports"))
    for title in _JIRA_EPICS:
        world.create(payments, title, "Epic")
    today = world.clock.now().date()
    plan = ((payments, "Checkout 3.1", 3), (payments, RELEASE, 9), (payments, NEXT_RELEASE, 20))
    for project, title, weeks in (*plan, (web, ONE_CLICK_WEB, 12), (web, STOREFRONT, 14)):
        world.add_milestone(project, title, today + timedelta(weeks=weeks))
    world.create(launch, LAUNCH_MILESTONE, "milestone", section="Preparation")
    world.create(launch, LAUNCH_CHECKLIST, "default_task", section="Preparation")


def _life(
    world: World, stream: Stream, number: int, now: datetime, dice: random.Random
) -> list[tuple[datetime, Callable[[], None]]]:
    """Return what happens to one item of a stream and when: most is planned in the first week."""
    # A sub-task is thought of when the stories above it stand.
    begin = now - HISTORY + (timedelta(days=8) if stream.type == "Sub-task" else timedelta(hours=1))
    span = timedelta(days=7) if dice.random() < 0.65 else now - begin - timedelta(days=2)
    created = begin + span * dice.random()
    fate = dice.random()
    mine: list[Item] = []
    private = random.Random(dice.random())
    events: list[tuple[datetime, Callable[[], None]]] = [
        (created, lambda: mine.append(open_item(world, stream, number, private)))
    ]
    if fate < stream.closed + stream.doing:
        begun = created + (now - created) * (0.1 + 0.5 * dice.random())
        events.append((begun, lambda: world.start(mine[0])))
        if fate < stream.closed:
            end = world.cancel if fate < stream.closed * 0.06 else world.close
            events.append((begun + (now - begun) * (0.1 + 0.85 * dice.random()), lambda: end(mine[0])))
    return events
