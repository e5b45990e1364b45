"""What `check` says of an Asana token, what `discover` lists, and what queries get."""

import re
from collections.abc import Iterator

import pytest

from config.where import Where
from connectors.contract import (
    ConnectorError,
    Container,
    CredentialsRefused,
    Listed,
    MalformedAnswer,
    QueryRefused,
    RateLimited,
    Stop,
    TryLater,
    Unreadable,
    What,
)
from tests.integration.asana_client import Launch, launched, pages, reply, scripted

ABSENT = "1204000000009999"


@pytest.fixture
def launch() -> Iterator[Launch]:
    with launched() as launch:
        launch.world.add_user("Ada Okafor", "ada")
        yield launch


# check


def test_a_token_with_events_lacks_nothing(launch: Launch) -> None:
    assert launch.connect().check().lacks == ()


@pytest.mark.parametrize("status", [400, 402, 403, 404])
def test_a_token_without_events_is_told_what_to_do(launch: Launch, status: int) -> None:
    other = launch.world.add_project("asana", "Research")
    launch.sandbox.faults.status(status, path=f"/events?resource={other.key}")
    account = launch.connect(launch.project.key, ABSENT, other.key).check()
    assert (account.sees, account.missing) == ((launch.project.key, other.key), (ABSENT,))
    (sentence,) = account.lacks
    assert sentence.startswith(f"Asana tells this token no events of the project Research ({other.key}), so ")
    assert sentence.endswith(": make the account a member of the project.")


@pytest.mark.parametrize("status", [400, 402, 403, 404])
def test_a_token_that_may_not_list_the_tasks_is_told(launch: Launch, status: int) -> None:
    other = launch.world.add_project("asana", "Research")
    launch.sandbox.faults.status(status, path=f"/tasks?project={other.key}")
    account = launch.connect(launch.project.key, other.key).check()
    assert (account.sees, account.missing) == ((launch.project.key, other.key), ())
    (sentence,) = account.lacks
    assert f"the tasks of the project {other.key}" in sentence
    assert f"({status})" in sentence
    launch.sandbox.faults.status(status, path=f"/tasks?project={other.key}")
    connector = launch.connect(other.key)
    with pytest.raises(ConnectorError):
        pages(connector, Container(other.key, other.key))


@pytest.mark.parametrize(("status", "error"), [(302, Stop), (401, CredentialsRefused), (429, RateLimited)])
def test_other_trouble_with_the_tasks_is_no_missing_right(launch: Launch, status: int, error: type[Exception]) -> None:
    launch.sandbox.faults.status(status, path="/tasks?")
    with pytest.raises(error):
        launch.connect().check()


@pytest.mark.parametrize(("status", "error"), [(429, RateLimited), (503, TryLater)])
def test_passing_trouble_is_no_missing_right(launch: Launch, status: int, error: type[Exception]) -> None:
    launch.sandbox.faults.status(status, path="/events")
    with pytest.raises(error):
        launch.connect().check()


def test_what_only_paid_plans_have_is_told_in_a_sentence(launch: Launch) -> None:
    launch.sandbox.faults.status(402, path="/custom_field_settings")
    with pytest.raises(Stop) as caught:
        launch.connect().discover()
    wanted = f"Asana offers the custom fields of the project {launch.project.key} in its paid plans only (402)."
    assert str(caught.value) == wanted
    launch.sandbox.faults.status(402, path="/projects/")
    (found,) = launch.connect().containers()
    assert isinstance(found, Unreadable)
    assert found.error == f"Asana offers the project {launch.project.key} in its paid plans only (402)."


# discover


def test_discover_lists_what_a_config_may_name(launch: Launch) -> None:
    key, other = launch.project.key, launch.world.add_project("asana", "Research")
    launch.world.add_project("asana", "Last year").archived = True
    launch.world.add_project("asana", "Secret").hidden = True
    beta, done = launch.task("Beta", "milestone"), launch.task("Alpha", "milestone", labels=("p1",))
    launch.world.close(done)
    launch.task("Terms", "approval", labels=("legal", "p1"))
    launch.task("leaf", "milestone", parent=launch.task("plain"))
    assert launch.connect().discover() == [
        Listed(What.PROJECT, key, "Launch"),
        Listed(What.PROJECT, other.key, "Research", note="not in the config"),
        Listed(What.SECTION, "Ideas", container=key),
        Listed(What.SECTION, "Shipped", container=key),
        Listed(What.MILESTONE, "Beta", container=key, note=f"open, gid {beta.key}"),
        Listed(What.MILESTONE, "Alpha", container=key, note=f"completed, gid {done.key}"),
        Listed(What.LABEL, "legal", container=key),
        Listed(What.LABEL, "p1", container=key),
        Listed(What.TYPE, "approval", container=key),
        Listed(What.TYPE, "default_task", container=key),
        Listed(What.TYPE, "milestone", container=key),
        Listed(What.FIELD, "1204999900000001", "Effort", key, "number"),
    ]


def test_discover_walks_all_pages(launch: Launch) -> None:
    launch.sandbox.faults.page_caps["asana"] = 2
    for number in range(4):
        launch.world.add_project("asana", f"Other {number}")
    for number in range(5):
        launch.task(f"Beta {number}", "milestone", labels=(f"p{number}",))
    found = [one.what for one in launch.connect().discover()]
    assert [found.count(what) for what in (What.PROJECT, What.MILESTONE, What.LABEL, What.SECTION)] == [5, 5, 5, 2]


def test_discover_leaves_out_what_it_cannot_read(launch: Launch) -> None:
    found = launch.connect(ABSENT).discover()
    assert found == [Listed(What.PROJECT, launch.project.key, "Launch", note="not in the config")]


@pytest.mark.parametrize("circle", [["a"], ["a", "b"]])
def test_a_listing_without_an_end_is_malformed(circle: list[str]) -> None:
    name = reply({"data": {"gid": "1204", "name": "Launch"}})
    listing = [reply({"data": [], "next_page": {"offset": offset}}) for offset in circle * 2]
    with scripted(name, *listing) as server, pytest.raises(MalformedAnswer, match=r"the workspaces .* repeats a page"):
        server.connect().discover()


# queries


def test_a_query_is_refused_with_what_to_write_instead(launch: Launch) -> None:
    connector = launch.connect()
    with pytest.raises(QueryRefused) as caught:
        connector.matching("assignee = me", None)
    reason, _, remedy = str(caught.value).partition(": ")
    assert reason == "Asana has no query language, so it cannot be asked 'assignee = me'"
    named = set(re.findall("`([^`]+)`", remedy)) - {"where:"}
    assert named == {"project", "section", "label", "assignee"} <= set(Where.model_fields)
    assert connector.requests == 0
