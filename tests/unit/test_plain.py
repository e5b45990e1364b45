"""What a connector answers that does nothing but list."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from connectors.contract import (
    AccessDenied,
    Account,
    Connector,
    ConnectorError,
    Container,
    CredentialsRefused,
    Cursor,
    Demand,
    Fate,
    Found,
    IdPage,
    Listed,
    MalformedAnswer,
    Page,
    RateLimited,
    Stop,
    TryLater,
    Unreadable,
    What,
)
from connectors.plain import Plain, resolved
from okrs.work import Ref
from tests.builders import an_item

BOX, LOST = Container("1", "PAY"), Unreadable("GONE", "The tracker does not know GONE.")
ITEMS = [an_item(f"PAY-{number}") for number in range(1, 6)]
DEMAND = Demand(fields=frozenset({"points"}), sprints=True)


class Pages(Plain):
    """Two items a page: the first page names the two others."""

    def __init__(self) -> None:
        self.asked: list[tuple[Cursor, Demand]] = []
        self.fails = False

    def containers(self) -> Sequence[Container | Unreadable]:
        return [BOX, LOST]

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        self.asked.append((cursor, demand))
        if self.fails and cursor.resume == "4":
            raise TryLater("The tracker failed.")
        start = int(cursor.resume or "0")
        return Page(tuple(ITEMS[start : start + 2]), ("2", "4") if cursor.resume is None else ())


@pytest.fixture
def pages() -> Pages:
    return Pages()


def test_it_fulfils_the_contract(pages: Pages) -> None:
    connector: Connector = pages
    assert (connector.requests, connector.quota, connector.told) == (0, None, None)
    assert connector.twin() is pages
    connector.close()


def test_a_census_is_the_complete_listing(pages: Pages) -> None:
    first = pages.census(BOX, DEMAND, None)
    later = pages.census(BOX, DEMAND, first.following[0])
    assert first.refs == (Ref("id:PAY-1", "PAY-1"), Ref("id:PAY-2", "PAY-2"))
    assert (first.following, later.following) == (("2", "4"), ())
    assert later.refs[0] == Ref("id:PAY-3", "PAY-3")


def test_a_census_asks_for_no_fields_and_no_window(pages: Pages) -> None:
    pages.census(BOX, DEMAND, None)
    ((cursor, demand),) = pages.asked
    assert (cursor.since, demand) == (None, Demand(sprints=True))


def test_what_is_listed_is_here_and_the_rest_is_hidden(pages: Pages) -> None:
    found = pages.look_up(BOX, [Ref("id:PAY-1"), Ref("id:PAY-5", "PAY-5"), Ref("id:PAY-9")], DEMAND)
    assert found == {
        "id:PAY-1": Found(Fate.HERE, ITEMS[0]),
        "id:PAY-5": Found(Fate.HERE, ITEMS[4]),
        "id:PAY-9": Found(Fate.HIDDEN),
    }
    assert {demand for _, demand in pages.asked} == {DEMAND}


def test_a_look_up_that_fails_hides_nothing(pages: Pages) -> None:
    pages.fails = True
    with pytest.raises(TryLater):
        pages.look_up(BOX, [Ref("id:PAY-1")], DEMAND)


def test_queries_are_refused_with_what_to_do(pages: Pages) -> None:
    with pytest.raises(Stop, match="cannot be asked 'project = PAY': use the other selectors"):
        pages.matching("project = PAY", None)


def test_check_and_discover_tell_the_containers(pages: Pages) -> None:
    assert pages.check() == Account(
        who="", sees=("PAY",), missing=("GONE",), reasons={"GONE": "The tracker does not know GONE."}
    )
    assert pages.discover() == [Listed(What.PROJECT, "PAY")]


def test_a_discovery_that_sees_nothing_says_why() -> None:
    class Blind(Pages):
        def containers(self) -> list[Container | Unreadable]:
            return [one for one in super().containers() if isinstance(one, Unreadable)]

    with pytest.raises(Stop, match=r"The tracker does not know GONE\."):
        Blind().discover()


def test_listing_is_the_author_s() -> None:
    with pytest.raises(NotImplementedError):
        Plain().containers()
    with pytest.raises(NotImplementedError):
        Plain().changed(BOX, Cursor(now=datetime(2026, 12, 1, tzinfo=UTC)), Demand())


def test_a_look_up_ends_where_the_listing_goes_in_circles() -> None:
    class Circle(Pages):
        def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
            return Page(tuple(ITEMS[:1]), ("2" if cursor.resume == "4" else "4",))

    with pytest.raises(MalformedAnswer, match="repeats"):
        Circle().look_up(BOX, [Ref("id:PAY-1")], DEMAND)


class Shared(Pages):
    """Two pages that name the same children."""

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        self.asked.append((cursor, demand))
        number = int(cursor.resume or "0")
        return Page((ITEMS[number],), ("1",) if cursor.resume is None else (), also=("2", "2") if number < 2 else ())


def test_children_that_two_pages_name_are_asked_once() -> None:
    shared = Shared()
    found = shared.look_up(BOX, [Ref("id:PAY-3"), Ref("id:PAY-2")], DEMAND)
    assert {told.fate for told in found.values()} == {Fate.HERE}
    assert sorted(cursor.resume or "" for cursor, _ in shared.asked) == ["", "1", "2"]


def test_a_census_names_the_children_too() -> None:
    assert Shared().census(BOX, DEMAND, None) == IdPage((Ref("id:PAY-1", "PAY-1"),), ("1",), ("2", "2"))


def resolve(**errors: ConnectorError) -> Callable[[str], Container]:
    def container(name: str) -> Container:
        if name in errors:
            raise errors[name]
        return Container(name.lower(), name)

    return container


@pytest.mark.parametrize(
    ("error", "passing"), [(Stop("404"), False), (AccessDenied("403"), False), (TryLater("502"), True)]
)
def test_one_container_in_trouble_leaves_the_others(error: ConnectorError, passing: bool) -> None:
    found = resolved(["A", "B"], resolve(A=error))
    assert found == (Unreadable("A", str(error), passing=passing), Container("b", "B"))


@pytest.mark.parametrize("error", [CredentialsRefused("401"), RateLimited("429"), MalformedAnswer("<html>")])
def test_what_no_container_would_escape_is_raised(error: ConnectorError) -> None:
    with pytest.raises(type(error)):
        resolved(["A", "B"], resolve(B=error))


def test_a_tracker_that_is_down_as_a_whole_is_told_once() -> None:
    with pytest.raises(TryLater, match="502"):
        resolved(["A", "B"], resolve(A=TryLater("502"), B=TryLater("503")))
    assert resolved(["A"], resolve(A=Stop("404"))) == (Unreadable("A", "404"),)
