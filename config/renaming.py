"""`was`: under which id something stood before, so that its history goes on under the new one."""

from collections.abc import Iterable

from config.names import TWICE, Names, key_results_of, objectives_of
from config.problems import Problems
from config.tree import Spot
from config.words import quoted


def check_renames(roots: Iterable[Spot], promises: Names, problems: Problems) -> None:
    """Complain where an old id is still in use, or goes on in two: then nobody knows whose the history is."""
    seen: dict[str, Spot] = {}
    for spot in _promises(roots):
        written = spot.get("was")
        if written is None or written.text is None:
            continue
        old = quoted(written.text)
        used = promises.found.get(written.text)
        if written.text == spot.word("id"):
            problems.error(written, f"{old} is its id now: write the one it had before, or leave was out")
        elif used is not None:
            place = used.down(("id",)).node.place
            problems.error(written, f"the id {old} is still in use, at {place}: what is renamed leaves its old id")
        elif written.text in seen:
            problems.error(
                written, f"{old} is renamed{TWICE}{seen[written.text].node.place}: only one of them can go on with it"
            )
        seen.setdefault(written.text, written)


def _promises(roots: Iterable[Spot]) -> Iterable[Spot]:
    for objective in objectives_of(roots):
        yield objective
        yield from key_results_of(objective)
