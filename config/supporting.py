"""Which objective supports which: names must be known, and nothing may support itself, however far around.

A config may hold thousands of objectives, so this looks for loops without recursion, and bounds the length of the
chains that the roll-up will walk.
"""

from collections.abc import Sequence

from config.names import Names
from config.problems import Problems
from config.tree import Spot

LONGEST_CHAIN = 100
_MOST_LOOPS = 20


def check_supports(objectives: Sequence[Spot], promises: Names, problems: Problems) -> None:
    """Add a problem for every unknown name, every loop (up to 20), and chains too long to be meant."""
    supports: dict[str, dict[str, Spot]] = {}
    for objective in objectives:
        own: dict[str, Spot] = {}
        supports.setdefault(objective.word("id") or "", own)  # the first one, where an id is given twice
        for spot in objective.listed("supports"):
            promises.require(spot, problems)
            own.setdefault(spot.text or "", spot)
    edges = {name: {above: spot for above, spot in own.items() if above in supports} for name, own in supports.items()}
    for _ in range(_MOST_LOOPS):
        edges = _upstream(edges, problems)
        if not edges:
            return
        loop = _loop(edges)
        where = edges[loop[0]][loop[1]]
        problems.error(where, f"objectives support each other in a loop, {' → '.join(loop)}: take one of these out")
        edges = {name: own for name, own in edges.items() if name not in loop}


def _upstream(edges: dict[str, dict[str, Spot]], problems: Problems) -> dict[str, dict[str, Spot]]:
    """Return what is left when everything whose support ends somewhere is peeled off, layer by layer: the loops."""
    waiting = {name: {above for above in own if above in edges} for name, own in edges.items()}
    below: dict[str, list[str]] = {name: [] for name in edges}
    for name, above in waiting.items():
        for supported in above:
            below[supported].append(name)
    layer = [name for name, above in waiting.items() if not above]
    left = dict(edges)
    for length in range(len(edges) + 1):
        if layer and length == LONGEST_CHAIN:
            spot = next(iter(edges[layer[0]].values()))
            problems.error(spot, f"this is a chain of more than {LONGEST_CHAIN} supporting objectives: shorten it")
        for name in layer:
            left.pop(name)
        layer = _freed(layer, below, waiting)
        if not layer:
            break
    return {name: {above: spot for above, spot in own.items() if above in left} for name, own in left.items()}


def _freed(layer: list[str], below: dict[str, list[str]], waiting: dict[str, set[str]]) -> list[str]:
    """Return what supports only peeled objectives once this layer is peeled too."""
    freed = []
    for name in layer:
        for supporter in below[name]:
            waiting[supporter].discard(name)
            if not waiting[supporter]:
                freed.append(supporter)
    return freed


def _loop(edges: dict[str, dict[str, Spot]]) -> list[str]:
    """Return the names along a loop, the first repeated at the end.  Every name has an edge, so one is found."""
    path: dict[str, None] = {}
    here = next(iter(edges))
    while here not in path:
        path[here] = None
        here = next(iter(edges[here]))
    names = list(path)
    return [*names[names.index(here) :], here]
