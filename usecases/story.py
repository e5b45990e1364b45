"""What the demo that goes on has lived through, and how its company works while somebody watches.

live_through  two weeks that were read every evening, with what people said and what was lost, and the weeks before as
              the trackers' own dates tell them
at_work       an edit in the trackers every few seconds, in a thread of its own
"""

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from okrs.immutable import immutable, replace
from sandbox.team import step, work
from sandbox.world import World
from sync.engine import Report
from sync.task import Progress
from usecases.backfilling import backfill
from usecases.ground import Ground
from usecases.overriding import check_in, resume, set_value
from usecases.syncing import Wanted, sync

DAYS = 14

REBUILT = ("p1-bugs", "one-click", "accessibility")
"""Key results whose weeks before are rebuilt, so that enough of them are known for a forecast."""


@immutable
class Scene:
    """The emulated company, and the folder's config that reads it; `ground.clock` is the company's."""

    ground: Ground
    config: Path
    world: World

    def read(self, progress: Progress, *, full: bool = False) -> Report:
        """Read all trackers once."""
        return sync(self.ground, self.config, Wanted(full=full), progress).report

    def by(self, person: str) -> Ground:
        """The ground, with somebody else at the keyboard."""
        return replace(self.ground, environ={**self.ground.environ, "HEADWAY_USER": person})


def live_through(scene: Scene, progress: Progress) -> Iterator[Report]:
    """Let two weeks pass, and yield what each evening's read moved."""
    for name in REBUILT:
        backfill(scene.ground, scene.config, name, progress)
    for day in range(1, DAYS + 1):
        work(scene.world, days=1, seed=day)
        if act := _ACTS.get(day):
            act(scene)
        if act is _cleans_up:
            yield scene.read(progress, full=True)  # a loss is believed when it was seen twice
        yield scene.read(progress, full=act is _cleans_up)


def _checks_in(scene: Scene) -> None:
    said = "Six customers are booked for next week; Portugal still has nobody."
    check_in(scene.by("Marco Bianchi"), scene.config, "interviews", note=said, confidence=Decimal("0.7"))


def _sets(scene: Scene) -> None:
    said = "The redesign of search is done, its ticket was never opened."
    set_value(scene.by("Priya Raman"), scene.config, "storefront", Decimal(60), why=said, until=None)


def _resumes(scene: Scene) -> None:
    resume(scene.by("Priya Raman"), scene.config, "storefront", why="The ticket is there now.")


def _sets_for_a_while(scene: Scene) -> None:
    said = "Two rehearsals are on paper only."
    until = scene.ground.clock().date() + timedelta(days=10)
    set_value(scene.by("Marco Bianchi"), scene.config, "launch-day", Decimal(55), why=said, until=until)


def _cleans_up(scene: Scene) -> None:
    """Somebody deletes half of the smaller bugs, or the token lost them: Headway cannot know, and asks."""
    open_bugs = [one for one in scene.world.items.values() if one.closed is None and one.labels == ["p2"]]
    for bug in open_bugs[::2]:
        scene.world.delete(bug)


_ACTS: Mapping[int, Callable[[Scene], None]] = {
    4: _sets,
    6: _checks_in,
    8: _resumes,
    10: _sets_for_a_while,
    12: _cleans_up,
}
"""By the day on whose evening it happens."""


@contextmanager
def at_work(world: World, every: float, worked: Callable[[str], None]) -> Iterator[None]:
    """Let the company work while the block runs: an edit every so many seconds, which is told."""
    ended, dice = threading.Event(), random.SystemRandom()

    def go_on() -> None:
        while not ended.wait(every):
            worked(step(world, dice))

    thread = threading.Thread(target=go_on, name="team", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
