"""Laws of containers and of reading them: in any order, again, on a twin, and only what changed."""

from unittest import SkipTest

from connectors.conformance.author import Author, resolved
from connectors.conformance.walking import census, news, read, texts
from connectors.contract import Container, Unreadable
from okrs.immutable import replace

_SMALL = 4096
"""Letters; a resume point or a memo that is longer keeps what belongs to the tracker or the mirror."""


class PageLaws(Author):
    """Nothing is lost, however pages are asked."""

    def test_containers_come_in_the_order_of_the_config(self) -> None:
        with self.trial() as trial:
            for names in (self.containers, tuple(reversed(self.containers))):
                found = resolved(trial.open(*names))
                assert [one.name for one in found] == list(names), f"{names} came as {[one.name for one in found]}"
                ids = [one.id for one in found]
                assert all(ids), "a container has no id"
                assert len(set(ids)) == len(ids), f"containers share an id: {ids}"

    def test_an_unreadable_container_keeps_no_other_from_being_read(self) -> None:
        if not self.unknown:
            raise SkipTest("a config cannot name a container that the tracker does not know")
        with self.trial() as trial:
            connector = trial.open(self.unknown, *self.containers)
            lost, *others = connector.containers()
            assert isinstance(lost, Unreadable), f"{self.unknown} is not there, and came as {lost}"
            assert lost.name == self.unknown
            assert lost.error.strip(), "an unreadable container says why, and what to do"
            assert [one.name for one in others] == list(self.containers)
            for one in others:
                assert isinstance(one, Container), f"{one.name} is readable, and came as {one}"
                connector.changed(one, trial.cursor(), self.demand)

    def test_every_page_can_be_asked_again(self) -> None:
        with self.trial() as trial:
            connector = trial.open()
            for number, box in enumerate(resolved(connector)):
                whole = read(connector, box, trial.cursor(), self.demand)
                least = self.least_pages if number == 0 else 1
                assert len(whole.pages) >= least, f"give {box.name} more items: it must take {least} pages or more"
                twin = trial.twin(connector)
                for asked in (connector, twin):
                    for resume, page in reversed(list(whole.pages.items())):
                        again = asked.changed(box, trial.cursor(resume), self.demand)
                        assert set(again.items) == set(page.items), f"asked again, the page {resume!r} is another one"
                        assert len(texts([again])) == len(texts([page])), f"{resume!r} names other pages now"
                other = read(twin, box, trial.cursor(), self.demand, last_first=True)
                assert set(other.items) == set(whole.items), "pages asked in another order bring other items"

    def test_resume_points_are_small_texts(self) -> None:
        with self.trial() as trial:
            connector = trial.open()
            for box in resolved(connector):
                whole = read(connector, box, trial.cursor(), self.demand)
                named = [*texts(whole.pages.values()), *texts(census(connector, box, self.demand).values())]
                for text in [*named, *[text for pair in whole.memo.items() for text in pair]]:
                    assert isinstance(text, str), f"{text!r} is no text; it is kept in the database"
                    assert len(text) <= _SMALL, f"a resume point or memo of {len(text)} letters: {text[:80]}…"

    def test_what_changed_comes(self) -> None:
        with self.trial() as trial:
            first = trial.open()
            before = trial.now()
            mirror = [read(first, box, trial.cursor(), self.demand) for box in resolved(first)]
            keys = set(trial.change())
            assert keys, "`change` changes something, and tells the keys of what it changed"
            later, seen, most = trial.open(), set(), 0
            for held, box in zip(mirror, resolved(later), strict=True):
                cursor = replace(news(held, trial.cursor()), since=before)
                changes = read(later, box, cursor, self.demand)
                fresh, most = changes.by_id, max(most, sum(bool(page.items) for page in changes.pages.values()))
                seen |= {item.key for item in fresh.values()}
                # Everything but `updated_at` makes a new version of an item.
                merged = {id_: replace(item, updated_at=None) for id_, item in (held.by_id | fresh).items()}
                whole = read(later, box, trial.cursor(), self.demand).by_id
                expected = {id_: replace(item, updated_at=None) for id_, item in whole.items()}
                wrong = {id_ for id_ in merged.keys() | expected if merged.get(id_) != expected.get(id_)}
                assert not wrong, f"after reading what changed, these are not as they are: {sorted(wrong)}"
            assert keys <= seen, f"changed, and not read: {', '.join(sorted(keys - seen))}"
            if self.least_pages > 1:
                assert most > 1, "let `change` change more items of one container: reading them must take two pages"
