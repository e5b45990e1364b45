"""Laws of the census, of look-ups and queries, and of what `check` and `discover` tell."""

from functools import partial

from connectors.conformance.author import Author, Trial, resolved
from connectors.conformance.walking import census, read, refs_of, walked
from connectors.contract import Connector, ConnectorError, Container, Fate, QueryRefused, What
from okrs.demand import Family
from okrs.work import Ref, WorkItem


class IdentityLaws(Author):
    """Identities say the same as the items do."""

    def test_a_census_agrees_with_the_listing(self) -> None:
        with self.trial() as trial:
            connector = trial.open()
            for box in resolved(connector):
                listed = {item.id: item.key for item in read(connector, box, trial.cursor(), self.demand).items}
                refs = refs_of(census(connector, box, self.demand).values())
                counted = {ref.id for ref in refs}
                missed, alien = listed.keys() - counted, counted - listed.keys()
                assert not missed, f"the census of {box.name} misses {sorted(missed)}: they would be taken for gone"
                assert not alien, f"the census of {box.name} counts what no read brings: {sorted(alien)}"
                wrong = [ref for ref in refs if ref.name not in ("", listed[ref.id])]
                assert not wrong, f"the census spells keys in another way than the items: {wrong}"

    def test_every_page_of_a_census_can_be_asked_again(self) -> None:
        with self.trial() as trial:
            connector = trial.open()
            twin = trial.twin(connector)
            for box in resolved(connector):
                pages = census(connector, box, self.demand)
                for asked in (connector, twin):
                    for resume, page in reversed(pages.items()):
                        again = asked.census(box, self.demand, resume)
                        assert set(again.refs) == set(page.refs), f"asked again, the page {resume!r} is another one"

    def test_a_look_up_answers_every_ref(self) -> None:
        with self.trial() as trial:
            connector = trial.open()
            for box in resolved(connector):
                listed = read(connector, box, trial.cursor(), self.demand).items
                some = listed[:: max(1, len(listed) // 10)]
                # Whoever looks up knows what the census told, which may be the id alone, or what the mirror holds.
                told_by_census = {ref.id: ref.name for ref in refs_of(census(connector, box, self.demand).values())}
                refs = [
                    Ref(item.id, item.key if number % 2 else told_by_census.get(item.id, item.key))
                    for number, item in enumerate(some)
                ]
                found = connector.look_up(box, [*refs, Ref(self.absent)], self.demand)
                assert set(found) == {ref.id for ref in refs} | {self.absent}, f"answered is {sorted(found)}"
                for item in some:
                    told = found[item.id]
                    assert told.fate is Fate.HERE, f"{item.key} is here, and came as {told.fate}"
                    assert told.item in listed, f"looked up, {item.key} is {told.item}, and not as it is listed"
                fate = found[self.absent].fate
                assert fate in (Fate.HIDDEN, Fate.DELETED), f"nothing is called {self.absent}, and it came as {fate}"
            assert connector.look_up(resolved(connector)[0], [], self.demand) == {}

    def test_a_query_finds_ids_or_is_refused(self) -> None:
        with self.trial() as trial:
            connector = trial.open()
            if not self.query:
                _refused(connector, "anything", "without a query language")
                return
            known = {item.id for item in _everything(trial, connector)}
            pages = walked(lambda resume: connector.matching(self.query, resume))
            found = {ref.id for ref in refs_of(pages.values())}
            assert found, f"the query {self.query!r} finds nothing"
            assert found <= known, f"the query finds what was not read: {sorted(found - known)}"

    def test_a_refused_query_is_told_apart(self) -> None:
        """One rule's mistake must not stop the source: only with this error the others go on."""
        if not self.wrong_query:
            return
        with self.trial() as trial:
            _refused(trial.open(), self.wrong_query, "for one that the tracker refuses")

    def test_what_lies_outside_is_what_nobody_reads(self) -> None:
        if not self.above:
            return
        with self.trial() as trial:
            for names in (self.containers[:1], self.containers):
                connector = trial.open(*names)
                read_ids = {item.id for item in _everything(trial, connector)}
                for deep in (True, False):
                    pages = walked(partial(connector.outside, Family(self.above, deep)))
                    outside = {ref.id for ref in refs_of(pages.values())}
                    told = f"under {self.above}, with {', '.join(names)} configured,"
                    assert outside.isdisjoint(read_ids), (
                        f"{told} it tells of what is read: {sorted(outside & read_ids)}"
                    )
                    if names == self.containers:
                        assert not outside, f"{told} it tells of {sorted(outside)}"
                    else:
                        assert outside, f"{told} it tells of nothing outside"

    def test_a_check_says_what_the_token_sees(self) -> None:
        names = (*self.containers, self.unknown) if self.unknown else self.containers
        with self.trial() as trial:
            account = trial.open(*names).check()
            assert list(account.sees) == list(self.containers), f"it is said to see {account.sees}"
            assert list(account.missing) == [self.unknown] * bool(self.unknown), f"missing is {account.missing}"
            assert account.expires is None or account.expires.tzinfo, "the token's end is a time without a zone"

    def test_a_discovery_lists_the_containers(self) -> None:
        with self.trial() as trial:
            rows = trial.open().discover()
            listed = {row.value for row in rows if row.what is What.PROJECT}
            assert set(self.containers) <= listed, f"as projects it lists {sorted(listed)}"
            assert all(isinstance(row.what, What) for row in rows)


def _everything(trial: Trial, connector: Connector) -> list[WorkItem]:
    boxes: list[Container] = resolved(connector)
    return [item for box in boxes for item in read(connector, box, trial.cursor(), trial.author.demand).items]


def _refused(connector: Connector, query: str, why: str) -> None:
    try:
        found = connector.matching(query, None)
    except QueryRefused as error:
        assert str(error), f"{why} a query is refused without a reason"
        return
    except ConnectorError as error:
        raise AssertionError(f"{why} a query raises {type(error).__name__}, and not QueryRefused") from None
    raise AssertionError(f"{why} a query is answered with {found}")
