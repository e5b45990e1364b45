"""Walks over pages: everything once, several at a time, and one that fails is no other's trouble."""

from collections.abc import Callable
from threading import Barrier, Lock, get_ident
from time import sleep
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import (
    ConnectorError,
    CredentialsRefused,
    IdPage,
    MalformedAnswer,
    RateLimited,
    Stop,
    TryLater,
)
from connectors.plain import Plain
from okrs.work import Ref
from sync import walking
from sync.walking import LONGEST_REST, MOST_REST, Crew, Pace, Walk, explore


class Line(Plain):
    """A connection that notices when two threads use it at once."""

    def __init__(self, family: list["Line"] | None = None) -> None:
        self.family = [] if family is None else family
        self.family.append(self)
        self.busy = Lock()
        self.asked = 0
        self.closed = 0

    @property
    def requests(self) -> int:
        return self.asked

    def twin(self) -> Self:
        return type(self)(self.family)

    def close(self) -> None:
        self.closed += 1


class Tree:
    """Pages that name others, and what was seen of them."""

    def __init__(
        self,
        name: str,
        pages: dict[str | None, tuple[str, ...]],
        also: dict[str | None, tuple[str, ...]] | None = None,
    ) -> None:
        self.pages, self.also = pages, also or {}
        self.meet: Callable[[str | None], object] = str
        self.seen: list[str] = []
        self.ends: list[str] = []
        self.errors: list[ConnectorError] = []
        self.breaks: dict[str | None, Exception] = {}
        self.walk = Walk(
            name,
            self.ask,
            self.page,
            done=lambda: self.ends.append(name),
            failed=self.errors.append,
        )

    def ask(self, connector: object, resume: str | None) -> IdPage:
        assert isinstance(connector, Line)
        assert connector.busy.acquire(blocking=False), "a connection is used by two threads"
        connector.asked += 1
        try:
            self.meet(resume)
            if resume in self.breaks:
                raise self.breaks[resume]
            return IdPage((Ref(resume or "root"),), self.pages.get(resume, ()), self.also.get(resume, ()))
        finally:
            connector.busy.release()

    def page(self, page: IdPage) -> None:
        assert not self.ends
        self.seen += [ref.id for ref in page.refs]


@given(st.lists(st.lists(st.integers(0, 5), max_size=8), min_size=1, max_size=4), st.integers(1, 5))
def test_every_page_of_every_walk_is_used_once(shapes: list[list[int]], at_once: int) -> None:
    trees = []
    for number, shape in enumerate(shapes):
        pages: dict[str | None, tuple[str, ...]] = {}
        names: list[str | None] = [None]
        for place, children in enumerate(shape):
            if place < len(names):
                new = [f"{number}.{place}.{child}" for child in range(children)]
                pages[names[place]] = tuple(new)
                names += new
        trees.append((Tree(str(number), pages), names))
    first = Line()
    crew = Crew(first, at_once)
    explore(crew, [tree.walk for tree, _ in trees])
    crew.close()
    for tree, names in trees:
        assert sorted(tree.seen) == sorted(name or "root" for name in names)
        assert (len(tree.ends), tree.errors) == (1, [])
    assert crew.requests == sum(len(names) for _, names in trees)
    assert len(first.family) <= at_once
    assert [line.closed for line in first.family] == [1] * len(first.family)


def test_pages_are_asked_at_once_but_not_more_than_allowed() -> None:
    together = Barrier(3, timeout=30)
    tree = Tree("wide", {None: ("a", "b", "c")})
    tree.meet = lambda resume: together.wait() if resume else sleep(0.02)  # far away: the processor has nothing to do
    crew = Crew(Line(), 3)
    explore(crew, [tree.walk])
    crew.close()
    assert sorted(tree.seen) == ["a", "b", "c", "root"]


def test_a_far_tracker_is_asked_as_often_as_allowed_and_a_near_one_less() -> None:
    pace = Pace(8)
    assert (pace.at_once, pace.near) == (8, False), "nothing is known yet"
    pace.note(0.052, 0.002)
    assert pace.at_once == 8, "fifty milliseconds away"
    for _ in range(40):
        pace.note(0.0042, 0.002)  # two at once take turns on one processor: half of the time is waiting for it
    assert (pace.at_once, pace.near) == (2, True)
    for _ in range(40):
        pace.note(0.014, 0.002)
    assert (pace.at_once, pace.near) == (4, False)
    assert Pace(1).at_once == 1


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), max_size=20), st.integers(1, 8))
def test_the_pace_is_always_one_that_is_allowed(notes: list[tuple[float, float]], most: int) -> None:
    pace = Pace(most)
    for took, worked in notes:
        pace.note(took, worked)
        assert min(2, most) <= pace.at_once <= most


def test_a_quiet_walk_opens_no_second_connection() -> None:
    first = Line()
    crew = Crew(first)
    for _ in range(3):
        explore(crew, [Tree("chain", {None: ("a",), "a": ("b",)}).walk])
    crew.close()
    assert len(first.family) == 1


@pytest.mark.parametrize("near", [True, False])
@pytest.mark.parametrize("pages", [{None: ("a",), "a": ("b",), "b": ("c",)}, {None: ("a", "b", "c")}])
def test_what_is_alone_is_asked_by_the_thread_that_walks_where_the_tracker_is_near(
    pages: dict[str | None, tuple[str, ...]], near: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pace, "near", property(lambda _: near))
    tree, threads = Tree("tree", pages), dict[str | None, int]()

    def meet(resume: str | None) -> None:
        threads[resume] = get_ident()

    tree.meet = meet
    crew = Crew(Line(), 3)
    explore(crew, [tree.walk])
    crew.close()
    alone = {None, "a", "b", "c"} if len(pages) == 3 else {None}
    assert {name for name, thread in threads.items() if thread == get_ident()} == (alone if near else set())


@pytest.mark.parametrize("error", [TryLater("502"), Stop("404"), MalformedAnswer("html")])
def test_a_walk_that_fails_ends_alone(error: ConnectorError) -> None:
    broken, whole = Tree("broken", {None: ("a", "b"), "a": ("c",)}), Tree("whole", {None: ("a", "b")})
    broken.breaks = {"b": error}
    crew = Crew(Line(), 1)
    explore(crew, [broken.walk, whole.walk])
    crew.close()
    assert (broken.errors, broken.ends, whole.ends) == ([error], [], ["whole"])
    assert "c" not in broken.seen


@pytest.mark.parametrize("error", [RateLimited("slow", 600.0), CredentialsRefused("401")])
def test_what_would_meet_every_walk_ends_them_all(error: ConnectorError) -> None:
    trees = [Tree(str(number), {None: ("a",)}) for number in range(4)]
    trees[0].breaks = {None: error}
    crew = Crew(Line(), 1)
    with pytest.raises(type(error)):
        explore(crew, [tree.walk for tree in trees])
    crew.close()
    assert [tree.errors for tree in trees] == [[error], [], [], []]
    assert [tree.seen for tree in trees] == [[], [], [], []]


class Limit:
    """Refuses some questions until somebody rests."""

    def __init__(self, trees: list[Tree], wait: float | None, *met: str | None) -> None:
        self.trees, self.error = trees, RateLimited("slow", wait)
        self.rested: list[float] = []
        for tree in trees:
            tree.breaks = dict.fromkeys(met, self.error)

    def rest(self, seconds: float) -> None:
        self.rested.append(seconds)
        for tree in self.trees:
            tree.breaks = {}


@pytest.mark.parametrize("near", [True, False])
@pytest.mark.parametrize(("wait", "rested"), [(46.0, 46.0), (LONGEST_REST, LONGEST_REST), (None, 60.0)])
@pytest.mark.parametrize("at_once", [1, 3, 8])
def test_what_meets_a_limit_is_asked_again_after_a_rest(
    near: bool, wait: float | None, rested: float, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pace, "near", property(lambda _: near))
    trees = [Tree(str(number), {None: ("a", "b"), "a": ("c",)}) for number in range(4)]
    limit = Limit(trees, wait, "b", "c")
    crew = Crew(Line(), at_once, limit.rest)
    explore(crew, [tree.walk for tree in trees])
    crew.close()
    assert limit.rested == [rested]
    for number, tree in enumerate(trees):
        assert (sorted(tree.seen), tree.ends, tree.errors) == (["a", "b", "c", "root"], [str(number)], [])


@pytest.mark.parametrize(
    ("wait", "met"), [(LONGEST_REST + 1, "b"), (50.0, None)], ids=["it takes too long", "nothing came before it"]
)
def test_a_limit_that_is_not_rested_for_ends_them_all(wait: float, met: str | None) -> None:
    tree = Tree("one", {None: ("a", "b")})
    limit = Limit([tree], wait, met)
    crew = Crew(Line(), 1, limit.rest)
    with pytest.raises(RateLimited):
        explore(crew, [tree.walk])
    crew.close()
    assert (limit.rested, tree.errors, tree.ends) == ([], [limit.error], [])


@pytest.mark.parametrize("wait", [50.0, 0.0])
def test_a_limit_that_a_rest_does_not_end_ends_them_all(wait: float) -> None:
    tree, rested = Tree("one", {None: ("a", "b")}), list[float]()
    tree.breaks = {"b": RateLimited("slow", wait)}
    crew = Crew(Line(), 1, rested.append)
    with pytest.raises(RateLimited):
        explore(crew, [tree.walk])
    crew.close()
    assert (rested, tree.errors) == ([wait], [tree.breaks["b"]])


@pytest.mark.parametrize(("wait", "rests"), [(60.0, 30), (75.0, 24), (None, 30), (70.0, 25)])
def test_a_read_rests_for_half_an_hour_in_all(wait: float | None, rests: int) -> None:
    """A page between two limits would go on for hours, and keep the others from their turns."""
    pages: dict[str | None, tuple[str, ...]] = {None: ("0",)} | {str(n): (str(n + 1),) for n in range(500)}
    trees, rested = [Tree(str(number), pages) for number in range(2)], list[float]()
    fresh = True

    def meet(_: str | None) -> None:
        nonlocal fresh
        if not fresh:
            fresh = True
            raise RateLimited("slow", wait)
        fresh = False

    for tree in trees:
        tree.meet = meet
    crew = Crew(Line(), 1, rested.append)
    for tree in trees:  # what one listing rested, the next one has no more
        with pytest.raises(RateLimited):
            explore(crew, [tree.walk])
    crew.close()
    assert (len(rested), sum(rested) <= MOST_REST == 1800) == (rests, True)
    assert [len(tree.errors) for tree in trees] == [1, 1]


def test_a_read_gets_on_from_listing_to_listing() -> None:
    """A limit that is met where the next listing begins, as a census does, is rested for as well."""
    first, second = Tree("first", {}), Tree("second", {})
    limit = Limit([second], 50.0, None)
    crew = Crew(Line(), 1, limit.rest)
    explore(crew, [first.walk])
    explore(crew, [second.walk])
    crew.close()
    assert (limit.rested, second.ends, second.errors) == ([50.0], ["second"], [])


def test_a_mistake_of_our_own_comes_through() -> None:
    tree = Tree("one", {})
    tree.breaks = {None: KeyError("ours")}
    crew = Crew(Line())
    with pytest.raises(KeyError):
        explore(crew, [tree.walk])
    crew.close()
    assert tree.errors == []


@pytest.mark.parametrize("circle", [{None: ("a",), "a": ("a",)}, {None: ("a",), "a": ("b",), "b": ("a",)}])
def test_a_listing_that_goes_in_circles_is_malformed(circle: dict[str | None, tuple[str, ...]]) -> None:
    tree = Tree("round", circle)
    crew = Crew(Line())
    explore(crew, [tree.walk])
    crew.close()
    assert tree.ends == []
    assert "repeats its own pages" in str(tree.errors[0])


def test_what_other_pages_name_too_is_asked_once() -> None:
    tree = Tree("shared", {None: ("a",), "a": ("b",)}, also={None: ("x", "x"), "a": ("y", "x"), "b": ("a", "y", "x")})
    for at_once in (1, 3):
        tree.seen.clear()
        tree.ends.clear()
        tree.walk.begun, tree.walk.left = {None}, 1
        crew = Crew(Line(), at_once)
        explore(crew, [tree.walk])
        crew.close()
        assert sorted(tree.seen) == ["a", "b", "root", "x", "y"]
        assert (len(tree.ends), tree.errors) == (1, [])


def test_what_a_page_names_in_both_ways_is_asked_once() -> None:
    walk = Tree("both", {}).walk
    assert walk.arrived(IdPage((), ("a",), ("a", "b"))) == ("a", "b")
    assert walk.left == 2


@pytest.mark.parametrize("named", [("x",), ("a",), ("y", "x")])
def test_a_chain_that_comes_back_is_malformed_whoever_named_it(named: tuple[str, ...]) -> None:
    walk = Tree("round", {}).walk
    assert walk.arrived(IdPage((), ("a",), ("x",))) == ("a", "x")
    with pytest.raises(MalformedAnswer, match="repeats its own pages"):
        walk.arrived(IdPage((), named))


def test_pages_named_besides_do_not_go_on_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "MOST_PAGES", 5)
    tree = Tree("long", {}, also={None: ("0",)} | {str(number): (str(number + 1),) for number in range(9)})
    crew = Crew(Line())
    explore(crew, [tree.walk])
    crew.close()
    assert "does not end" in str(tree.errors[0])


def test_a_listing_without_an_end_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "MOST_PAGES", 5)
    tree = Tree("long", {None: ("0",)} | {str(number): (str(number + 1),) for number in range(9)})
    crew = Crew(Line())
    explore(crew, [tree.walk])
    crew.close()
    assert "does not end" in str(tree.errors[0])


def test_a_connector_that_is_its_own_twin_is_counted_and_closed_once() -> None:
    class Alone(Line):
        def twin(self) -> Self:
            return self

    alone = Alone()
    crew = Crew(alone, 2)
    tree = Tree("one", {None: ("a", "b", "c")})
    tree.walk.ask = lambda _, resume: IdPage((Ref(resume or "root"),), tree.pages.get(resume, ()))
    explore(crew, [tree.walk])
    crew.close()
    assert (len(tree.seen), alone.closed) == (4, 1)
