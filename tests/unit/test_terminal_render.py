"""How values and reasons are worded."""

import io
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from rich.console import Console
from rich.text import Text

from mapping.rule import Combine
from okrs.cycle import Cycle
from okrs.immutable import replace
from okrs.ledger import Cause, CauseKind, Entry, EntryKind
from okrs.objective import Binary, Keep, KeyResult, Numeric, Objective, Terms
from okrs.progress import Standing, Status
from store.checkins import CheckIn
from store.overrides import Override
from store.views.history import ShownCause, ShownEntry
from store.views.setup import SourceSetup
from store.views.status import KeyResultStatus, ObjectiveStatus, SourceStatus, StatusView
from store.views.waiting import Waiting, Why
from terminal.asking import told_apart
from terminal.explaining import _combined
from terminal.render import goal, history, nothing_recorded, status, waiting
from terminal.tables import Rows
from terminal.text import counted
from tests.builders import a_part, a_rule, an_item, at

ROWS = Rows([(Text("short"), Text("A title of some words " * 6), Text("1")), (Text("longer"), Text(""), Text("20"))])


def printed(*, terminal: bool, width: int = 60) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, color_system=None, soft_wrap=True)
    console.print(ROWS)
    return file.getvalue().splitlines()


def test_rows_are_whole_in_a_pipe_and_aligned_on_a_terminal() -> None:
    assert printed(terminal=False) == [f"short  {'A title of some words ' * 6}  1", "longer  20"]
    assert max(map(len, printed(terminal=True))) <= 60
    assert len(printed(terminal=True)) > 2


@pytest.mark.parametrize(
    ("terms", "value", "text"),
    [
        (Numeric(Decimal(0), Decimal(20)), 13, "13 / 20 bugs"),
        (Numeric(Decimal(65), Decimal(30)), 55, "55, down to 30 bugs"),
        (Numeric(Decimal(65), Decimal(30)), None, "–, down to 30 bugs"),
        (Keep(Decimal(10), Decimal(40)), 29, "29 in 10…40 bugs"),
        (Binary(Decimal(3)), 3, "done"),
    ],
)
def test_no_value_beside_its_target_reads_as_a_move(terms: Terms, value: int | None, text: str) -> None:
    key_result = KeyResult("kr", "o", "c", "T", terms, unit="bugs")
    assert goal(key_result, None if value is None else Decimal(value)) == text


@pytest.mark.parametrize(
    ("waits", "text"),
    [
        (None, "run `headway sync`."),
        (Waiting(Why.SYNC), "run `headway sync`."),
        (
            Waiting(Why.NOTHING),
            "its mapping finds nothing to measure yet; the first value comes with the first ticket that counts.",
        ),
        (Waiting(Why.TOO_LARGE), "its numbers are too large to be measured: look at the estimates and the scale."),
        (Waiting(Why.MAPPING), "no mapping feeds it; write one."),
        (Waiting(Why.CYCLE, date(2026, 10, 1)), "its cycle begins on 2026-10-01; nothing is measured before."),
        (
            Waiting(Why.SOURCES, failed=(("pay", "Refused\x1b[2J."), ("web", "Gone."))),
            "it waits for a complete read. pay: Refused[2J. web: Gone.",
        ),
        (
            Waiting(Why.QUERIES, failed=(("pay", "Refused."),)),
            "it waits for a query that its mapping asks. pay: Refused.",
        ),
    ],
)
def test_every_reason_to_wait_is_a_sentence_of_its_own(waits: Waiting | None, text: str) -> None:
    assert waiting(waits) == text
    assert nothing_recorded(waits).plain == f"Nothing is recorded yet: {text}"


@pytest.mark.parametrize(
    ("zone", "time"),
    [
        ("UTC", "2026-11-01 23:30 UTC"),
        ("Europe/Berlin", "2026-11-02 00:30 CET"),
        ("America/New_York", "2026-11-01 18:30 EST"),
    ],
)
def test_a_history_tells_times_where_the_days_of_the_config_begin(zone: str, time: str) -> None:
    entry = Entry(7, "kr", at("2026-11-01T23:30"), EntryKind.AUTO, Decimal(1), Decimal(2))
    file = io.StringIO()
    Console(file=file, width=120, color_system=None).print(history([ShownEntry(entry, ())], zone))
    assert f"  {time}  " in file.getvalue()


@pytest.mark.parametrize(("terminal", "told"), [(True, "PAY-6 closed (+1) and 34 more"), (False, "PAY-40 closed (+1)")])
def test_a_history_names_the_first_tickets_to_a_terminal_and_all_to_a_pipe(terminal: bool, told: str) -> None:
    causes = tuple(
        ShownCause(Cause(CauseKind.CLOSED, Decimal(1), "s", f"PAY-{n}"), an_item(f"PAY-{n}")) for n in range(1, 41)
    )
    entry = Entry(7, "kr", at("2026-11-01T23:30"), EntryKind.AUTO, Decimal(1), Decimal(41))
    file = io.StringIO()
    console = Console(file=file, width=2000, force_terminal=terminal, color_system=None, soft_wrap=True)
    console.print(history([ShownEntry(entry, causes)], "UTC"))
    assert file.getvalue().rstrip().endswith(told)


@pytest.mark.parametrize(
    ("combine", "text"),
    [
        (Combine.SUM, "10 + 2.5"),
        (Combine.MEAN, "(10 + 2.5) / 2"),
        (Combine.WEIGHTED_MEAN, "(3 × 10 + 1 × 2.5) / (3 + 1)"),
        (Combine.MIN, "min of 10, 2.5"),
        (Combine.MAX, "max of 10, 2.5"),
    ],
)
def test_parts_are_shown_as_they_are_combined(combine: Combine, text: str) -> None:
    rule = a_rule(a_part(weight=Decimal(3)), a_part(), combine=combine)
    assert _combined(rule, [Decimal(10), Decimal("2.5")]) == text


def test_key_results_of_one_title_are_told_apart_by_their_ids() -> None:
    titles = {"a": "Fix bugs", "b": "Ship", "a-Q1": "Fix bugs"}
    assert told_apart(titles) == {"a": "Fix bugs (a)", "b": "Ship", "a-Q1": "Fix bugs (a-Q1)"}


def test_counted() -> None:
    assert [counted(number, "source") for number in range(3)] == ["0 sources", "1 source", "2 sources"]


def a_status(*cycles: Cycle, of: Sequence[str]) -> list[str]:
    """The lines of a status with an objective of each of these cycles, in this order."""
    objectives = [Objective(f"o{number}", name, f"Objective {number}") for number, name in enumerate(of)]
    shown = [ObjectiveStatus(each, Decimal(0), Status.NOT_STARTED) for each in objectives]
    file = io.StringIO()
    console = Console(file=file, width=100, color_system=None, soft_wrap=True)
    console.print(status(StatusView(None, tuple(shown), (), (), cycles=cycles)))
    return [line.split("  ")[0] for line in file.getvalue().splitlines() if line]


@pytest.mark.parametrize(
    ("what", "past", "told"),
    [
        (Status.STALE, False, True),
        (Status.STALE, True, False),
        (Status.ON_TRACK, False, False),
    ],
)
def test_a_stale_key_result_says_what_to_do(what: Status, past: bool, told: bool) -> None:
    standing = Standing(Decimal(0), Decimal(0), what, Status.ON_TRACK)
    of = KeyResult("kr", "o0", "Q4", "KR", Numeric(Decimal(0), Decimal(9)))
    shown = KeyResultStatus(of, None, standing, stale=True, reading=False, mapped=True, updated_at=None)
    file = io.StringIO()
    console = Console(file=file, width=200, color_system=None, soft_wrap=True)
    for each in (shown, replace(shown, reading=True)):
        file.truncate(0)
        console.print(status(StatusView(None, (), (each,), ()), past=past))
        assert ("stale: a source of it was not read" in file.getvalue()) is (told and each is shown)


def test_what_was_set_before_the_first_read_is_judged_and_not_called_stale() -> None:
    of = KeyResult("kr", "o0", "Q4", "KR", Numeric(Decimal(0), Decimal(9)))
    standing = Standing(Decimal(0), Decimal(0), Status.STALE, Status.ON_TRACK)
    by_hand = Override("kr", Decimal(4), "counted", "ada", at("2026-11-20"), None, 1)
    shown = KeyResultStatus(
        of, Decimal(4), standing, stale=True, reading=True, mapped=True, updated_at=by_hand.since, override=by_hand
    )
    objective = ObjectiveStatus(Objective("o0", "Q4", "Objective"), Decimal(0), Status.STALE)
    file = io.StringIO()
    console = Console(file=file, width=200, color_system=None, soft_wrap=True)
    console.print(status(StatusView(None, (objective,), (shown,), ())))
    assert "on track · tickets not read yet · set by hand" in file.getvalue()
    assert "0 %  tickets not read yet\n" in file.getvalue()
    assert "stale" not in file.getvalue()
    for other, of_all in (
        (replace(objective, status=Status.ACHIEVED), shown),  # set to its target
        (objective, replace(shown, refused=("no such field",), awaits="a field")),  # its sources were read
    ):
        file.truncate(0)
        console.print(status(StatusView(None, (other,), (of_all,), ())))
        assert "%  tickets not read yet" not in file.getvalue()
    file.truncate(0)
    console.print(status(StatusView(None, (objective,), (replace(shown, automatic=Decimal(3)),), ())))
    assert "stale (on track) · reading for a changed rule" in file.getvalue()


@pytest.mark.parametrize(("zone", "when", "day"), [("Europe/Berlin", "2026-11-21 00:30 CET", "2026-11-21"),
                                                   ("UTC", "2026-11-20 23:30 UTC", "2026-11-20")])  # fmt: skip
def test_a_status_tells_times_where_the_days_of_the_config_begin(zone: str, when: str, day: str) -> None:
    then = at("2026-11-20T23:30")
    read = SourceStatus(SourceSetup("pay", "toy", ("PAY",), timedelta(minutes=5)), "ok", 3, then, None)
    of = KeyResult("kr", "o0", "Q4", "KR", Numeric(Decimal(0), Decimal(9)))
    standing = Standing(Decimal(0), Decimal(0), Status.ON_TRACK, Status.ON_TRACK)
    said = CheckIn("kr", "all is well", None, "ada", then)
    shown = KeyResultStatus(
        of, Decimal(4), standing, stale=False, reading=False, mapped=True, updated_at=then, checkin=said
    )
    file = io.StringIO()
    console = Console(file=file, width=200, color_system=None, soft_wrap=True)
    console.print(status(StatusView(None, (), (shown,), (read,), zone=zone)))
    assert f"pay: 3 items, last read {when}\n" in file.getvalue()
    assert f"all is well (ada, {day})\n" in file.getvalue()


def test_objectives_of_several_cycles_stand_under_their_cycle() -> None:
    old, new = Cycle("Q4", date(2026, 10, 1), date(2026, 12, 31)), Cycle("Q1", date(2027, 1, 1), date(2027, 3, 31))
    assert a_status(old, new, of=["Q1", "Q4", "Q1"])[:5] == [
        "Q4 (2026-10-01 to 2026-12-31)",
        "Objective 1",
        "Q1 (2027-01-01 to 2027-03-31)",
        "Objective 0",
        "Objective 2",
    ]
    assert a_status(old, new, of=["Q4", "Q4"])[:2] == ["Objective 0", "Objective 1"]
