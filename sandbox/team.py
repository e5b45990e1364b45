"""The teams at work: day by day they begin, close, reopen, add, re-estimate and give up work, from one seed."""

import random
from datetime import timedelta

from sandbox.company import open_item
from sandbox.records import Item
from sandbox.streams import STREAMS, Stream
from sandbox.world import World

_EVENTS_A_DAY = 14
_DAY = timedelta(days=1)


def work(world: World, days: int, seed: int) -> list[str]:
    """Let that many days pass and return what was done, one line an edit; the same for the same world and seed.

    The world's clock is advanced between the edits; a clock that cannot be advanced makes them all happen now.
    """
    dice = random.Random(seed)
    done: list[str] = []
    for _ in range(days):
        streams = list(STREAMS)
        dice.shuffle(streams)
        for stream in streams[:_EVENTS_A_DAY]:
            world.clock.advance(_DAY / (_EVENTS_A_DAY + 1))
            done.append(_edit(world, stream, dice))
        world.clock.advance(_DAY / (_EVENTS_A_DAY + 1))
        done += _release(world)
    return done


def step(world: World, dice: random.Random) -> str:
    """Do one edit of the team at the world's time and return what was done."""
    return _edit(world, dice.choice(STREAMS), dice)


def _release(world: World) -> list[str]:
    """Release the versions and close the milestones that are due."""
    with world.lock:
        due = [one for one in world.milestones if one.due and not one.closed and one.due <= world.clock.now().date()]
        for milestone in due:
            world.release(milestone)
        return [f"{milestone.title} released" for milestone in due]


def _edit(world: World, stream: Stream, dice: random.Random) -> str:
    """Do one thing that happens to a stream: mostly progress, sometimes growth, setbacks and second thoughts."""
    with world.lock:
        mine = [item for item in world.items.values() if _belongs(item, stream)]
        alive = [item for item in mine if item.closed is None]
        closed = [item for item in mine if item.closed is not None]
        throw = dice.random()
        if throw < 0.14 or not alive:
            item = open_item(world, stream, len(mine), dice)
            return f"{_called(item)} opened"
        if throw < 0.19 and closed and not stream.pull:
            item = dice.choice(closed)
            world.reopen(item)
            return f"{_called(item)} reopened"
        item = dice.choice([one for one in alive if one.state == "doing"] or alive)
        return f"{_called(item)} {_progress(world, stream, item, throw, dice)}"


def _called(item: Item) -> str:
    """What people call an item: nobody knows a task of Asana by its number."""
    return item.title if item.project.tracker == "asana" else item.key


def _progress(world: World, stream: Stream, item: Item, throw: float, dice: random.Random) -> str:
    """Change one open item and say how."""
    if throw < 0.23:
        world.cancel(item)
        return "given up"
    if throw < 0.28 and stream.points:
        world.estimate(item, dice.choice((1.0, 3.0, 5.0, 8.0, 13.0)))
        return "estimated anew"
    if throw < 0.42 and item.state == "todo" and item.project.tracker != "asana":
        world.start(item)
        return "begun"
    world.close(item)
    return "merged" if item.pull else "closed"


def _belongs(item: Item, stream: Stream) -> bool:
    return item.project.name == stream.project and item.title.startswith(f"{stream.verb} ")
