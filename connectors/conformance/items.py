"""Laws of the items that a read brings."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from unittest import SkipTest
from urllib.parse import urlsplit

import orjson

from connectors.conformance.author import Author, resolved
from connectors.conformance.walking import read
from connectors.contract import Connector, Container, Cursor, Demand, FieldsRefused
from connectors.golden import golden
from okrs.immutable import replace
from okrs.work import MOST_REFS, Kind, State, WorkItem


class ItemLaws(Author):
    """What every item is, whatever its tracker."""

    def _items(self, demand: Demand | None = None) -> list[WorkItem]:
        """Return everything in the containers; none of them may be empty together."""
        with self.trial() as trial:
            found = _everything(trial.open(), trial.cursor(), demand or self.demand)
        assert found, "the containers hold no items, so that the laws of items prove nothing"
        return found

    def test_ids_never_change(self) -> None:
        with self.trial() as trial:
            one, other = trial.open(), trial.open()
            for box, again in zip(resolved(one), resolved(other), strict=True):
                first = sorted(item.id for item in read(one, box, trial.cursor(), self.demand).items)
                second = sorted(item.id for item in read(other, again, trial.cursor(), self.demand).items)
                assert box.id == again.id, "a container is called by another id in the next run"
                assert first == second, "two complete reads give an item two ids"

    def test_an_id_outlives_a_move(self) -> None:
        with self.trial() as trial:
            if trial.move is None:
                raise SkipTest("the tracker of this test moves and renames nothing, see Mover")
            before = {item.key: item.id for item in _everything(trial.open(), trial.cursor(), self.demand)}
            moved = trial.move()
            assert moved, "`move` moves something, and tells its keys"
            after = {item.key: item.id for item in _everything(trial.open(), trial.cursor(), self.demand)}
            for old, new in moved.items():
                assert new in after, f"what was {old} is {new} now, and is not read"
                assert before[old] == after[new], f"{old} had the id {before[old]}, and as {new} it has {after[new]}"

    def test_an_id_means_one_item(self) -> None:
        known: dict[str, WorkItem] = {}
        for item in self._items():
            assert isinstance(item.id, str), f"{item.id!r} is no text"
            assert item.id, "an id is empty"
            other = known.setdefault(item.id, item)
            assert other == item, f"the id {item.id} means {other} and {item}"

    def test_kinds_and_states_are_known(self) -> None:
        for item in self._items():
            assert isinstance(item.kind, Kind), f"the kind of {item.key} is {item.kind!r}, and not of okrs.work.Kind"
            states = [item.state, *(step.state for step in item.history)]
            assert all(isinstance(state, State) for state in states), f"the states of {item.key} are {states!r}"
            assert item.key, f"an item without a key: {item}"

    def test_times_are_aware_and_in_utc(self) -> None:
        for item in self._items():
            steps = [step.at for step in item.history]
            for moment in (item.created_at, item.updated_at, item.closed_at, *steps):
                assert moment is None or _is_utc(moment), f"{item.key} holds the time {moment!r}"
            assert steps == sorted(steps), f"the history of {item.key} is not told from its beginning: {steps}"

    def test_addresses_lead_to_pages(self) -> None:
        for item in self._items():
            parts = urlsplit(item.url)
            web = parts.scheme in ("http", "https") and parts.hostname
            assert not item.url or web, f"{item.key} leads to {item.url!r}: only http and https are shown as links"

    def test_few_others_are_named(self) -> None:
        for item in self._items():
            assert len(item.refs) <= MOST_REFS, f"{item.key} names more than {MOST_REFS} others: {item.refs}"
            assert item.key not in item.refs, f"{item.key} names itself"
            assert len(set(item.refs)) == len(item.refs), f"{item.key} names one twice: {item.refs}"

    def test_only_what_is_demanded_comes(self) -> None:
        for item in self._items(Demand()):
            extra = [item.fields, item.sprints, item.history]
            assert not any(extra), f"{item.key} brings what no mapping needs: {extra}"
            assert item.kind is not Kind.SPRINT, "sprints come without a demand"
        found = {name for item in self._items(self.named) for name, _ in item.fields}
        assert found <= self.named.fields, f"fields that nobody demanded: {found - self.named.fields}"

    def test_fields_are_pairs_of_a_name_and_a_text(self) -> None:
        items = self._items(self.named)
        for item in items:
            names = [name for name, _ in item.fields]
            assert names == sorted(names), f"the fields of {item.key} are not sorted by their names: {names}"
            assert len(set(item.fields)) == len(item.fields), f"{item.key} says the same twice: {item.fields}"
            for name, text in item.fields:
                assert isinstance(text, str), f"{name} of {item.key} is {text!r}, and no text"
                assert text.strip(), f"{name} of {item.key} is empty: leave it out"
        for name in self.named.fields:
            assert any(name == own for item in items for own, _ in item.fields), f"no item has the field {name}"
        for name in self.fields:
            assert any(item.number(name) is not None for item in items), f"no item has a number in the field {name}"

    def test_fields_that_nobody_has_are_refused_by_name(self) -> None:
        """Or passed over; what other rules ask for comes all the same."""
        strange = frozenset({"a field that nobody has", "another one"})
        with self.trial() as trial:
            connector = trial.open()
            boxes = resolved(connector)
            for added in (strange, frozenset[str]()):
                demand = replace(self.named, fields=self.named.fields | strange, numbers=self.named.numbers | added)
                refused = _refused(connector, boxes[0], trial.cursor(), demand)
                told = f"of the fields {sorted(strange)}, which nobody has, it refuses {refused}"
                assert refused is None or refused.keys() == strange, told
                assert refused is None or all(refused.values()), f"{told} without a reason"
            items = [item for box in boxes for item in read(connector, box, trial.cursor(), self.named).items]
        assert self.named.fields <= {name for item in items for name, _ in item.fields}, "other fields are lost"

    def test_golden_payloads_become_the_expected_items(self) -> None:
        pairs = self.goldens()
        assert pairs, "give golden payloads: real answers, and the items that they must become"
        for pair in pairs:
            items = golden(pair.read(pair.payload.read_bytes()))
            expected = orjson.loads(pair.expected.read_bytes())
            assert items, f"{pair.payload.name} becomes no item"
            assert items == expected, f"{pair.payload.name} becomes {items}, expected is {expected}"


def _everything(connector: Connector, cursor: Cursor, demand: Demand) -> list[WorkItem]:
    return [item for box in resolved(connector) for item in read(connector, box, cursor, demand).items]


def _refused(connector: Connector, box: Container, cursor: Cursor, demand: Demand) -> Mapping[str, str] | None:
    """Return which fields are refused; None when the first page, and then all others, come."""
    try:
        connector.changed(box, cursor, demand)
    except FieldsRefused as error:
        return error.refused
    try:
        read(connector, box, cursor, demand)
    except FieldsRefused as error:
        raise AssertionError(f"fields are refused by a later page: {error}") from None
    return None


def _is_utc(moment: datetime) -> bool:
    return moment.utcoffset() == timedelta(0)
