"""Whether what was read of a source is enough for a rule: one notion for who writes values and for who says why not."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from functools import cached_property

from sqlalchemy import Connection

from mapping.demand import Demands
from okrs.demand import Demand
from okrs.immutable import immutable
from store import ledger, queries, sources
from store.finals import Ended, ended
from store.holds import Hold, all_holds
from store.ledger import KeyResultState
from store.moved import Moved
from store.sources import SourceState


def ready(connection: Connection, state: SourceState, names: Iterable[str], demand: Demand) -> bool:
    """Tell whether all that is asked was read: every configured container completely, every query answered."""
    return state.ready(names, demand) and answered(connection, state.name, demand)


def usable(connection: Connection, state: SourceState, demand: Demand) -> bool:
    """Tell whether what was read of a source holds what is asked, its queries answered at least once.

    A container that was added and not read yet does not stop a rule on record.
    """
    return state.usable(demand) and answered(connection, state.name, demand)


def answered(connection: Connection, name: str, demand: Demand) -> bool:
    """Tell whether every query that is asked of a source was answered once, and is not refused since."""
    return not demand.queries or demand.queries <= queries.answered(connection, name)


@immutable
class Snapshot:
    """The sources as they are in one snapshot, for the questions of many rules: each is looked at once."""

    connection: Connection
    containers: Mapping[str, tuple[str, ...]]
    """Names of the containers that the config gives each source."""
    _sources: dict[str, SourceState] = field(default_factory=dict)
    _key_results: dict[str, KeyResultState | None] = field(default_factory=dict)
    _ready: dict[Demands, bool] = field(default_factory=dict)
    _usable: dict[Demands, bool] = field(default_factory=dict)

    @cached_property
    def holds(self) -> Mapping[str, Hold]:
        """Holds, open or rejected, by key result: there are few."""
        return all_holds(self.connection)

    @cached_property
    def ended(self) -> Ended:
        """What is closed."""
        return ended(self.connection)

    @cached_property
    def moved(self) -> Moved:
        """What is known of the items that moved."""
        return Moved(self.connection)

    def recall(self, names: Iterable[str]) -> None:
        """Read how key results stand that will be asked for, together."""
        wanted = tuple(names)
        self._key_results.update(dict.fromkeys(wanted) | ledger.states(self.connection, wanted))

    def state(self, name: str) -> KeyResultState | None:
        """Return how a key result stands; None when it was never measured."""
        if name not in self._key_results:
            self._key_results[name] = ledger.state_of(self.connection, name)
        return self._key_results[name]

    def ready(self, demands: Demands) -> bool:
        """Tell whether every source of a rule is configured, and `ready` for it."""
        return self._all(
            self._ready,
            demands,
            lambda state, demand: ready(self.connection, state, self.containers[state.name], demand),
        )

    def usable(self, demands: Demands) -> bool:
        """Tell whether every source of a rule is configured, and `usable` for it."""
        return self._all(self._usable, demands, lambda state, demand: usable(self.connection, state, demand))

    def generations(self, names: Iterable[str]) -> dict[str, int]:
        """Return the generation of each source; 0 for one that was never read."""
        return {name: self._state(name).generation for name in names}

    def _all(self, told: dict[Demands, bool], demands: Demands, enough: Callable[[SourceState, Demand], bool]) -> bool:
        if demands not in told:
            told[demands] = all(
                name in self.containers and enough(self._state(name), demand) for name, demand in demands
            )
        return told[demands]

    def _state(self, name: str) -> SourceState:
        if name not in self._sources:
            self._sources[name] = sources.state_of(self.connection, name)
        return self._sources[name]
