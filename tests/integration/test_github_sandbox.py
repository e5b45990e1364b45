"""The GitHub connector reads the fictional company of the sandbox, and follows it as its team works."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors.contract import Connector, Container, Cursor, TryLater
from okrs.immutable import replace
from okrs.work import Kind, State
from sandbox.company import build
from sandbox.server import Sandbox
from sandbox.team import work
from tests.integration.github_server import items, opened, pages

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIRST = Cursor(now=NOW)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(build(7, NOW)) as running:
        yield running


@pytest.fixture
def github(sandbox: Sandbox) -> Iterator[Connector]:
    names = [project.key for project in sandbox.world.projects if project.tracker == "github"]
    connector = opened(sandbox.urls["github"], *names, token=sandbox.tokens["github"])
    yield connector
    connector.close()


def boxes(github: Connector) -> list[Container]:
    return [box for box in github.containers() if isinstance(box, Container)]


def test_the_company_is_read_whole_within_the_budget(sandbox: Sandbox, github: Connector) -> None:
    found = boxes(github)
    assert found
    read = [items(pages(github, FIRST, box)) for box in found]
    assert {item.kind for some in read for item in some} == {Kind.ISSUE, Kind.PULL_REQUEST, Kind.MILESTONE}
    assert {item.state for some in read for item in some} == set(State)
    assert github.requests == sandbox.total("github") <= sum(-(-len(some) // 100) + 3 for some in read)


def test_what_changed_brings_the_mirror_to_what_is(sandbox: Sandbox, github: Connector) -> None:
    """Reading only what changed ends at the same items as reading everything again."""
    for box in boxes(github):
        start = sandbox.world.clock.now()
        mirror = {item.id: item for item in items(pages(github, replace(FIRST, now=start), box))}
        known = dict(mirror)
        work(sandbox.world, 14, 7)
        changed = items(pages(github, Cursor(now=NOW, since=start - timedelta(minutes=15)), box))
        mirror |= {item.id: item for item in changed}
        everything = items(pages(github, FIRST, box))
        assert mirror == {item.id: item for item in everything}
        assert mirror != known
        assert len(changed) < len(everything)


def test_a_page_that_fails_can_be_asked_again(sandbox: Sandbox, github: Connector) -> None:
    box = boxes(github)[0]
    expected = items(pages(github, FIRST, box))
    sandbox.faults.status(502, tracker="github", path="/issues")
    with pytest.raises(TryLater):
        pages(github, FIRST, box)
    assert items(pages(github, FIRST, box)) == expected
