"""Custom fields that mappings name: what they hold, and that none vanishes unseen."""

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import parse_qs

import pytest

from connectors.contract import Connector, Container, Demand, MalformedAnswer, Stop, Unreadable
from sandbox.asana_shapes import POINTS_FIELD
from sandbox.records import Project
from tests.integration.asana_client import TOKEN, Launch, connect, launched, pages, reply, row, scripted, tasks


def adding(*names: str) -> Demand:
    """What `by` asks for."""
    return Demand(fields=frozenset(names), numbers=frozenset(names))


def comparing(*names: str) -> Demand:
    """What `field.<name>` asks for."""
    return Demand(fields=frozenset(names))


EFFORT = adding("Effort")


@pytest.fixture
def launch() -> Iterator[Launch]:
    with launched() as launch:
        launch.task("task", points=5)
        yield launch


@pytest.fixture
def other(launch: Launch) -> Project:
    other = launch.world.add_project("asana", "Research")
    launch.world.create(other, "ask", "default_task", points=2)
    return other


def refusal(connector: Connector, container: Container, demand: Demand = EFFORT) -> str:
    """Return why a container is not read."""
    with pytest.raises(Stop) as caught:
        pages(connector, container, demand)
    return str(caught.value)


def resolved(connector: Connector) -> list[Container]:
    return [one for one in connector.containers() if isinstance(one, Container)]


def test_a_renamed_field_is_told_with_what_it_may_be_called_now(launch: Launch) -> None:
    connector = launch.connect()
    (container,) = resolved(connector)
    [(_, [item])] = pages(connector, container, EFFORT)
    assert item.fields == (("Effort", "5"),)
    launch.project.estimate = "Efforts, in days"
    later = launch.connect()
    (container,) = resolved(later)
    for one in (later, later.twin()):
        assert refusal(one, container) == (
            "No project of this Asana source has a custom field 'Effort' (any more), or this token may not see it: "
            f"did you mean 'Efforts, in days' ({POINTS_FIELD})? Name or gid stand under `by`."
        )
    assert pages(later, container, adding(POINTS_FIELD, "efforts, In Days"))  # what it told works
    assert pages(later, container)  # nobody asks for it


def test_a_field_is_not_asked_for_by_requests_of_its_own(launch: Launch) -> None:
    connector = launch.connect()
    (container,) = resolved(connector)
    pages(connector.twin(), container, EFFORT)
    assert sorted(name for _, name in launch.sandbox.requests.elements()) == ["events", "project", "tasks"]


def test_one_project_with_the_field_is_enough(launch: Launch, other: Project) -> None:
    other.estimate = ""
    connector = launch.connect(launch.project.key, other.key)
    with_field, without = resolved(connector)
    assert [item.fields for _, items in pages(connector, with_field, EFFORT) for item in items] == [(("Effort", "5"),)]
    assert [item.fields for _, items in pages(connector, without, EFFORT) for item in items] == [()]
    launch.project.estimate = "Size"
    later = launch.connect(launch.project.key, other.key)
    first, second = [refusal(later, container) for container in resolved(later)]
    assert first == second
    assert "'Size'" in first


def test_a_project_in_passing_trouble_may_be_the_one_with_the_field(launch: Launch, other: Project) -> None:
    other.estimate = ""
    launch.sandbox.faults.status(503, path=f"/projects/{launch.project.key}")
    connector = launch.connect(launch.project.key, other.key)
    trouble, container = connector.containers()
    assert isinstance(trouble, Unreadable)
    assert isinstance(container, Container)
    assert pages(connector, container, EFFORT)


def test_a_project_that_is_closed_to_the_token_is_not(launch: Launch, other: Project) -> None:
    other.estimate = ""
    launch.project.hidden = True
    connector = launch.connect(launch.project.key, other.key)
    (container,) = resolved(connector)
    assert "has a custom field 'Effort'" in refusal(connector, container)


# answers that the sandbox does not give


def project(*fields: tuple[str, str, str], gid: str = "1204") -> tuple[int, bytes, dict[str, str]]:
    settings = [
        {"gid": f"9{own}", "custom_field": {"gid": own, "name": name, "resource_subtype": kind}}
        for own, name, kind in fields
    ]
    status, body, _ = reply({"data": {"gid": gid, "name": "Launch", "custom_field_settings": settings}})
    return status, body, {}


def test_two_fields_of_one_name_are_told_apart_by_their_gids() -> None:
    with scripted(project(("11", "Effort", "number"), ("12", "EFFORT ", "number")), TOKEN, tasks(row("1"))) as server:
        connector = server.connect()
        (container,) = resolved(connector)
        assert refusal(connector, container) == (
            "The Asana project 1204 has 2 custom fields that 'Effort' may mean, 'Effort' (11) or 'EFFORT ' (12): "
            "write the gid of the right one under `by`."
        )
        assert pages(connector, container, adding("12"))


@pytest.mark.parametrize("kind", ["text", "multi_enum", "date", "people", "reference"])
def test_a_field_that_holds_no_number_is_refused(kind: str) -> None:
    with scripted(project(("11", "Effort", kind), ("12", "Points", "number"))) as server:
        connector = server.connect()
        (container,) = resolved(connector)
        assert refusal(connector, container) == (
            f"The custom field 'Effort' (11) of the Asana project 1204 is a {kind} field, and `by` needs a number: "
            "did you mean 'Points' (12)? Name or gid stand under `by`."
        )
    with scripted(project(("11", "Effort", "number"))) as server:
        connector = server.connect()
        (container,) = resolved(connector)
        assert refusal(connector, container, adding("Velocity")).endswith(
            ": did you mean 'Effort' (11)? Name or gid stand under `by`."
        )


NUMBER, WORDS = ("11", "Effort", "number"), ("12", "Effort", "text")


@pytest.mark.parametrize("first", [NUMBER, WORDS])
def test_a_field_of_the_wrong_kind_is_fine_while_another_project_has_a_number(first: tuple[str, str, str]) -> None:
    second = WORDS if first is NUMBER else NUMBER
    values = {"number_value": 3, "display_value": "3"}
    sized = [{"gid": gid, "name": name, "resource_subtype": kind, **values} for gid, name, kind in (NUMBER, WORDS)]
    sized[1] |= {"number_value": None, "display_value": "large"}
    listings = [TOKEN, tasks(row("1", custom_fields=sized[:1])), TOKEN, tasks(row("2", custom_fields=sized[1:]))]
    shared = [TOKEN, tasks(row("3", custom_fields=sized))]  # in both projects
    with (
        scripted(project(first), project(second, gid="1205"), *listings, *shared) as server,
        closing(connect(server.url, "1204", "1205")) as connector,
    ):
        boxes = resolved(connector)
        found = [item for box in (*boxes, boxes[0]) for _, items in pages(connector, box, EFFORT) for item in items]
    three, large = ("Effort", "3"), ("Effort", "large")
    assert [item.fields for item in found] == [(three,), (large,), (three, large)]
    assert [item.number("Effort") for item in found] == [3, None, 3]
    asked = [names for path, _ in server.asked for names in parse_qs(path).get("opt_fields", [])]
    assert "custom_fields.resource_subtype" in asked[2].split(",")


# fields that are compared


@pytest.mark.parametrize("kind", ["text", "enum", "multi_enum", "date", "people", "reference", "number", "new"])
def test_a_field_of_any_kind_is_compared(kind: str) -> None:
    with scripted(project(("11", "Risk", kind)), TOKEN, tasks(row("1"))) as server:
        connector = server.connect()
        (container,) = resolved(connector)
        assert pages(connector, container, comparing("risk", "11"))


def test_several_fields_of_one_name_are_all_compared() -> None:
    with scripted(project(("11", "Risk", "enum"), ("12", "RISK", "number")), TOKEN, tasks(row("1"))) as server:
        connector = server.connect()
        (container,) = resolved(connector)
        assert pages(connector, container, comparing("risk"))


def test_a_name_that_no_project_has_is_told_with_what_may_be_meant() -> None:
    with scripted(project(("11", "Risk level", "text"), ("12", "Points", "number"))) as server:
        connector = server.connect()
        (container,) = resolved(connector)
        assert refusal(connector, container, comparing("Risk levels")) == (
            "No project of this Asana source has a custom field 'Risk levels' (any more), or this token may not see "
            "it: did you mean 'Risk level' (11)? Name or gid stand behind `field.`."
        )
    with scripted(project()) as server:
        connector = server.connect()
        (container,) = resolved(connector)
        assert refusal(connector, container, comparing("Risk")).endswith(
            ": add it to a project, or name another one behind `field.`; `headway discover` lists them."
        )


def test_one_project_with_the_compared_field_is_enough(launch: Launch, other: Project) -> None:
    launch.world.add_field(other, "Market", "multi_enum")
    [ask] = launch.world.items_of(other)
    launch.world.fill(ask, "Market", ("DE", "AT"))
    connector = launch.connect(launch.project.key, other.key)
    without, having = resolved(connector)
    assert [item.fields for _, items in pages(connector, without, comparing("market")) for item in items] == [()]
    [(_, [item])] = pages(connector, having, comparing("market"))
    assert item.fields == (("market", "AT"), ("market", "DE"))
    del other.fields["Market"]
    later = launch.connect(launch.project.key, other.key)
    for container in resolved(later):
        assert "has a custom field 'market'" in refusal(later, container, comparing("market"))


def test_values_are_asked_for_where_they_are_demanded_alone(launch: Launch) -> None:
    connector = launch.connect()
    (container,) = resolved(connector)
    for demand in (Demand(), comparing("Effort")):
        pages(connector, container, demand)
    asked = [parse_qs(target.partition("?")[2]) for _, _, target, _ in launch.sandbox.log if "/tasks?" in target]
    plain, full = [query["opt_fields"][0] for query in asked]
    assert "custom_fields" not in plain
    assert "custom_fields.multi_enum_values.name" in full.split(",")


def test_where_no_project_has_a_number_the_wrong_kind_is_told_to_all() -> None:
    with (
        scripted(project(("13", "Efforts", "number")), project(WORDS, gid="1205")) as server,
        closing(connect(server.url, "1204", "1205")) as connector,
    ):
        first, second = [refusal(connector, box) for box in resolved(connector)]
    assert first == second
    assert first == (
        "The custom field 'Effort' (12) of the Asana project 1205 is a text field, and `by` needs a number: "
        "did you mean 'Efforts' (13)? Name or gid stand under `by`."
    )


def test_each_project_tells_of_its_own_field_first() -> None:
    with (
        scripted(project(("14", "effort", "date")), project(WORDS, gid="1205")) as server,
        closing(connect(server.url, "1204", "1205")) as connector,
    ):
        first, second = [refusal(connector, box) for box in resolved(connector)]
    assert "of the Asana project 1204 is a date field" in first
    assert "of the Asana project 1205 is a text field" in second


def test_a_project_in_passing_trouble_may_be_the_one_with_the_number() -> None:
    trouble = reply({}, 503)
    with (
        scripted(trouble, project(WORDS, gid="1205"), TOKEN, tasks(row("1"))) as server,
        closing(connect(server.url, "1204", "1205")) as connector,
    ):
        (container,) = resolved(connector)
        assert pages(connector, container, EFFORT)


@pytest.mark.parametrize("kind", ["number", "enum", "something new"])
def test_a_field_that_may_hold_numbers_is_read(kind: str) -> None:
    with scripted(project(("11", "Effort", kind)), TOKEN, tasks(row("1"))) as server:
        connector = server.connect()
        (container,) = resolved(connector)
        assert pages(connector, container, EFFORT)


def test_a_project_without_any_field_says_where_to_add_one() -> None:
    with scripted(project()) as server:
        connector = server.connect()
        (container,) = resolved(connector)
        assert refusal(connector, container).endswith(
            ": add it to a project, or name another one under `by`; `headway discover` lists them."
        )


@pytest.mark.parametrize(
    "settings", ["all", [1], [{"custom_field": {"gid": "1"}}], [{"custom_field": {"gid": 1, "name": "Effort"}}]]
)
def test_fields_that_are_none_are_malformed(settings: object) -> None:
    answer = reply({"data": {"gid": "1204", "name": "Launch", "custom_field_settings": settings}})
    with scripted(answer) as server, pytest.raises(MalformedAnswer):
        server.connect().containers()
