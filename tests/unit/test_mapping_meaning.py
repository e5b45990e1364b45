"""What a `where` selects: every selector, exactly and folded, and how clauses nest."""

from collections.abc import Iterable

import pytest

from mapping.family import Lore, candidates
from mapping.meaning import selecting
from mapping.rule import AllOf, AnyOf, Clause, Match, Not, Selector, matches_in, names_a_kind
from okrs.work import Kind, Ref, State, WorkItem
from tests.builders import an_item, joined, seen, where

ITEM = an_item(
    "Acme/Web#34",
    State.DONE,
    type="Bug",
    status="In Review",
    resolution="not_planned",
    labels=("P1", "Straße"),
    assignees=("mia", "mia@acme.example", "Mia Österreich"),
    projects=(Ref("1204", "Acme/Web"),),
    sections=(Ref("77", "Ready for QA"),),
)
TASK = an_item("PAY-12", State.DOING, projects=(Ref("PAY"),))


@pytest.mark.parametrize(
    ("item", "selector", "value", "selected"),
    [
        (ITEM, "type", " bug ", True),
        (ITEM, "type", "bugs", False),
        (ITEM, "kind", "Issue", True),
        (ITEM, "kind", "epic", False),
        (ITEM, "label", "p1", True),
        (ITEM, "label", "STRASSE", True),
        (ITEM, "label", "p", False),
        (ITEM, "label", "", False),
        (ITEM, "state", "done", True),
        (ITEM, "state", "cancelled", False),
        (ITEM, "status", "IN REVIEW", True),
        (TASK, "status", "In Review", False),  # a tracker without a word for it
        (ITEM, "resolution", "Not_Planned", True),
        (TASK, "resolution", "not_planned", False),
        (ITEM, "assignee", "MIA", True),
        (ITEM, "assignee", "mia@ACME.example", True),
        (ITEM, "assignee", "mia o\u0308sterreich", True),  # decomposed
        (ITEM, "assignee", "mia ", True),
        (TASK, "assignee", "mia", False),
        (ITEM, "project", "acme/web", True),
        (ITEM, "project", "1204", True),
        (ITEM, "project", "120", False),
        (TASK, "project", "PAY", True),
        (TASK, "project", "pay", False),  # a project key is compared exactly
        (ITEM, "section", "ready for qa", True),
        (ITEM, "section", "77", True),
        (ITEM, "section", "78", False),
        (ITEM, "key", "acme/web#34", True),  # a repository ignores case
        (ITEM, "key", "acme/web#3", False),
        (TASK, "key", "PAY-12", True),
        (TASK, "key", "pay-12", False),
        (TASK, "key", "PAY-1", False),
    ],
)
def test_each_selector(item: WorkItem, selector: str, value: str, selected: bool) -> None:
    (candidate,) = joined(item)
    assert selecting(Match(Selector(selector), (value,)))(candidate) is selected
    assert selecting(Match(Selector(selector), ("no such thing", value)))(candidate) is selected  # a list means any of


BUG, P1, P9 = (Match(Selector.TYPE, ("Bug",)), Match(Selector.LABEL, ("p1",)), Match(Selector.LABEL, ("p9",)))


@pytest.mark.parametrize(
    ("clause", "selected"),
    [
        (AllOf(), True),
        (AnyOf(()), False),
        (AllOf((BUG, P1)), True),
        (AllOf((BUG, P9)), False),
        (AnyOf((P9, BUG)), True),
        (AnyOf((P9, P9)), False),
        (Not(P9), True),
        (Not(P1), False),
        (Not(Not(P1)), True),
        (Not(AllOf((BUG, P9))), True),
        (AllOf((AnyOf((P9, P1)), Not(AnyOf((P9, AllOf((BUG, P9))))))), True),
    ],
)
def test_clauses_nest(clause: Clause, selected: bool) -> None:
    (candidate,) = joined(ITEM)
    assert selecting(clause)(candidate) is selected


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(
    ("clause", "any_kind"),
    [
        (where(), False),
        (where(label="p1", state="todo"), False),
        (Not(P9), False),
        (where(type="Bug"), True),
        (where(kind=[kind.value for kind in Kind]), True),
        (where(key="PAY-1"), True),
        (where(parent="PAY-9"), True),
        (AnyOf((P1, Not(where(type="Epic")))), True),  # anywhere in the clause
        (AllOf((AllOf((AnyOf((Match(Selector.KEY, ("PAY-1",)),)),)),)), True),
    ],
)
def test_only_issues_unless_the_clause_names_a_kind(clause: Clause, any_kind: bool, kind: Kind) -> None:
    item = an_item("PAY-1", kind=kind, type="Bug", labels=("p1",), parent=Ref("", "PAY-9"))
    (candidate,) = joined(item)
    assert names_a_kind(clause) is any_kind
    assert selecting(clause)(candidate) is (any_kind or kind is Kind.ISSUE)


def test_every_match_of_a_clause_is_found() -> None:
    clause = AllOf((BUG, Not(AnyOf((P1, AllOf((P9,)))))))
    assert list(matches_in(clause)) == [BUG, P1, P9]


# --- neighbours ------------------------------------------------------------------------------------------------


def selected(clause: Clause, items: Iterable[WorkItem]) -> set[str]:
    return {each.item.key for each in joined(*items) if selecting(clause)(each)}


RELEASE = an_item("acme/web/milestone/3", kind=Kind.MILESTONE, id="m3", title="One-Click v1", aliases=("acme/web#3",))
SAME_TITLE = an_item(
    "acme/api/milestone/8",
    kind=Kind.MILESTONE,
    id="m8",
    title=" one-click V1",
    aliases=("acme/api#8",),
)
LAUNCH = an_item("1204", kind=Kind.MILESTONE, id="1204", title="Launch", members=("id:blocker", "id:elsewhere"))
MILESTONES = [
    RELEASE,
    SAME_TITLE,
    LAUNCH,
    an_item("acme/web#1", milestones=("m3",)),
    an_item("acme/api#2", milestones=("m8",)),
    an_item("acme/web#3"),  # an issue with the milestone's alias as its key
    an_item("acme/web#4", milestones=("m404",)),
    an_item("blocker"),
    an_item("step", kind=Kind.SUBTASK, parent=Ref("1204", "1204")),
    an_item("step of blocker", kind=Kind.SUBTASK, parent=Ref("id:blocker", "blocker")),
]


@pytest.mark.parametrize(
    ("clause", "keys"),
    [
        (where(milestone="ONE-CLICK v1"), {"acme/web#1", "acme/api#2"}),  # by title, across repositories
        (where(milestone="Acme/Web#3"), {"acme/web#1"}),
        (where(milestone="acme/api/milestone/8"), {"acme/api#2"}),
        (where(milestone=["acme/web#3", "acme/api#8"]), {"acme/web#1", "acme/api#2"}),
        (where(milestone="m3"), set()),
        (where(milestone="launch"), {"blocker"}),  # the tasks blocking it
        (where(milestone="1204"), {"blocker"}),
        (where(milestone="Launch", kind="subtask"), {"step"}),  # its sub-tasks where asked for
        (where(milestone="Launch", kind=["issue", "subtask"]), {"blocker", "step"}),
        (where(kind="milestone", key="1204"), {"1204"}),
        (where(milestone="Launch", kind="milestone"), set()),  # never the milestone itself
    ],
)
def test_milestones(clause: Clause, keys: set[str]) -> None:
    assert selected(clause, MILESTONES) == keys


def test_a_renamed_milestone_is_known_by_its_new_title_only() -> None:
    renamed = an_item("M", kind=Kind.MILESTONE, id="m3", title="Two-click")
    items = [renamed, an_item("PAY-1", milestones=("m3",))]
    assert selected(where(milestone="two-click"), items) == {"PAY-1"}
    assert selected(where(milestone="One-Click v1"), items) == set()


FAMILY = [
    an_item("PAY-1", kind=Kind.EPIC, type="Epic"),
    an_item("PAY-2", parent=Ref("id:PAY-1", "PAY-1")),
    an_item("PAY-3", kind=Kind.SUBTASK, parent=Ref("id:PAY-2", "PAY-2")),
    an_item("PAY-4", parent=Ref("", "PAY-1")),  # known by key only, as an Epic Link
    an_item("PAY-5", parent=Ref("id:PAY-1", "")),  # known by id only
    an_item("PAY-6", parent=Ref("id:gone", "OPS-9")),  # its parent is not read
    an_item("PAY-7", kind=Kind.SUBTASK, parent=Ref("id:PAY-6", "PAY-6")),
    an_item("PAY-8"),
    an_item("PAY-9", parent=Ref("id:PAY-1", "OLD-1")),  # the epic was moved since
]


@pytest.mark.parametrize(
    ("clause", "keys"),
    [
        (where(epic="PAY-1"), {"PAY-2", "PAY-4", "PAY-5", "PAY-9"}),  # issues only, never the epic itself
        (where(epic="PAY-1", kind=["issue", "subtask"]), {"PAY-2", "PAY-3", "PAY-4", "PAY-5", "PAY-9"}),
        (where(epic="PAY-1", kind="epic"), set()),
        (where(epic="PAY-2", kind="subtask"), {"PAY-3"}),
        (where(epic="OPS-9"), {"PAY-6"}),
        (where(epic="OPS-9", kind="subtask"), {"PAY-7"}),  # through a parent that is read
        (where(epic="pay-1"), set()),
        (Not(where(epic=["PAY-1", "OPS-9"])), {"PAY-8"}),
        (where(parent="PAY-1"), {"PAY-2", "PAY-4", "PAY-5", "PAY-9"}),
        (where(parent="PAY-2"), {"PAY-3"}),  # of any kind
        (where(parent="OPS-9"), {"PAY-6"}),
        (where(parent="OLD-1"), {"PAY-9"}),  # as the item still calls it
        (where(parent="pay-2"), set()),
    ],
)
def test_epics_and_parents(clause: Clause, keys: set[str]) -> None:
    assert selected(clause, FAMILY) == keys


HOUSE = [
    an_item("T-1", projects=(Ref("P", "Pay"),)),
    an_item("T-2", kind=Kind.SUBTASK, parent=Ref("id:T-1")),
    an_item("T-3", kind=Kind.SUBTASK, parent=Ref("id:T-2")),
    an_item("T-4", kind=Kind.SUBTASK, parent=Ref("id:T-1"), projects=(Ref("Q"),)),
    an_item("T-5", kind=Kind.SUBTASK, parent=Ref("id:T-4")),
    an_item("T-6", kind=Kind.SUBTASK, parent=Ref("id:gone")),
]


@pytest.mark.parametrize(("project", "keys"), [("pay", {"T-2", "T-3"}), ("Q", {"T-4", "T-5"}), ("q", set())])
def test_a_sub_task_without_a_project_is_where_its_parent_is(project: str, keys: set[str]) -> None:
    assert selected(where(project=project, kind="subtask"), HOUSE) == keys


def test_a_repository_ignores_case_in_parents_too() -> None:
    items = [an_item("Acme/Web#1"), an_item("Acme/Web#2", parent=Ref("", "acme/WEB#1"))]
    assert selected(where(parent="ACME/web#1"), items) == {"Acme/Web#2"}
    assert selected(where(epic="acme/web#1"), items) == {"Acme/Web#2"}


def test_loops_of_parents_end_and_nobody_is_its_own_ancestor() -> None:
    ring = [an_item(f"R-{n}", parent=Ref(f"id:R-{(n + 1) % 3}", f"R-{(n + 1) % 3}")) for n in range(3)]
    narcissus = an_item("N-1", parent=Ref("id:N-1", "N-1"))
    tail = an_item("T-1", parent=Ref("id:R-0", "R-0"))
    ancestors = {each.item.key: each.ancestors for each in joined(*ring, narcissus, tail)}
    assert ancestors == {
        "R-0": {"R-1", "R-2"},
        "R-1": {"R-0", "R-2"},
        "R-2": {"R-0", "R-1"},
        "N-1": set(),
        "T-1": {"R-0", "R-1", "R-2"},
    }


def test_a_long_line_of_ancestors() -> None:
    line = [an_item(f"L-{n}", parent=Ref(f"id:L-{n - 1}") if n else None) for n in range(3000)]
    assert len(joined(*line)[-1].ancestors) == 2999


def test_sources_do_not_mix() -> None:
    """Candidates are joined within one source: the same id elsewhere is another item."""
    here = candidates([seen(an_item("PAY-2", parent=Ref("id:PAY-1")))])
    assert here[0].ancestors == frozenset()


def test_a_query_selects_what_the_tracker_found() -> None:
    mirror = [seen(an_item("PAY-1")), seen(an_item("PAY-2")), seen(an_item("PAY-3", kind=Kind.SUBTASK))]
    found = {"team = core": {"id:PAY-1", "id:PAY-3", "id:elsewhere"}, "other": {"id:PAY-2"}}
    asked = candidates(mirror, Lore(queries=found))
    selected = [one.item.key for one in asked if selecting(where(query="team = core"))(one)]
    assert selected == ["PAY-1"]  # a query names no kind, so the sub-task stays out
    both = [one.item.key for one in asked if selecting(where(query=["team = core", "other"]))(one)]
    assert both == ["PAY-1", "PAY-2"]
    assert not any(selecting(where(query="never asked"))(one) for one in asked)
    assert not any(selecting(where(query="team = core"))(one) for one in candidates(mirror))


def test_queries_are_compared_exactly() -> None:
    """They are of another language: in one with a slash in it, case may matter as well as blanks."""
    found = {"labels = 'x/A'": {"id:PAY-1"}, "labels = 'x/a'": {"id:PAY-2"}}
    asked = candidates([seen(an_item("PAY-1")), seen(an_item("PAY-2"))], Lore(queries=found))
    selected = {
        text: [one.item.key for one in asked if selecting(where(query=text))(one)]
        for text in (*found, "LABELS = 'x/a'", " labels = 'x/a'")
    }
    assert list(selected.values()) == [["PAY-1"], ["PAY-2"], [], []]
