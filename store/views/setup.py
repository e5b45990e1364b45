"""What the config says, in the words of the domain: the half of every answer that is not in the database."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property

from mapping.codec import rule_hash, rule_text
from mapping.rule import Rule
from okrs.cycle import Calendar, Cycle
from okrs.immutable import immutable
from okrs.objective import KeyResult, Objective
from okrs.progress import Pace
from store.views.quarantine import Quarantined


@immutable
class SourceSetup:
    """One configured source."""

    name: str
    connector: str
    containers: tuple[str, ...]
    every: timedelta
    shaping: str | None = None
    """The settings that change what an item reads as; None when nobody asks."""


@immutable
class Setup:
    """Everything that is configured."""

    calendar: Calendar
    pace: Pace
    cycles: tuple[Cycle, ...]
    sources: tuple[SourceSetup, ...]
    objectives: tuple[Objective, ...]
    key_results: tuple[KeyResult, ...]
    rules: Mapping[str, Rule]
    """By key result id."""
    quarantine: tuple[Quarantined, ...] = ()
    """Files of the config that are not right, and what runs instead."""

    def key_result(self, name: str) -> KeyResult | None:
        return next((each for each in self.key_results if each.id == name), None)

    @cached_property
    def rule_hashes(self) -> Mapping[str, str]:
        """The hash of each rule, as the ledger has it; they are worked out once, as every page compares them."""
        return {name: rule_hash(rule_text(rule)) for name, rule in self.rules.items()}

    @property
    def containers(self) -> dict[str, tuple[str, ...]]:
        """Names of the containers of each source."""
        return {each.name: each.containers for each in self.sources}
