"""What a sync shows while it goes on."""

import io
import re

import pytest
from rich.console import Console

from sync.task import Outcome, SourceReport
from terminal.bars import Bars


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_line_for_each_source_and_for_what_takes_long_after_it(console: Console) -> None:
    with Bars(console) as bars:
        bars.page("pay", "PAY", 100, 250)
        bars.done(SourceReport("pay", Outcome.OK, seen=250))
        bars.indexed("pay", 100, 250)
        bars.indexed("pay", 150, 250)
        bars.measured(100, 400)
    last = shown(console).splitlines()[-4:-1]
    assert "✓ pay" in last[0]
    assert "250 items" in last[0]
    assert "index of pay" in last[1]
    assert "250 items" in last[1]
    assert "measuring" in last[2]
    assert "100 key results" in last[2]


def test_what_is_read_again_is_counted_anew(console: Console) -> None:
    """The demo reads its trackers each day of its two weeks, on the same lines."""
    with Bars(console) as bars:
        for many in (250, 10):
            bars.page("pay", "PAY", many, many)
            if many == 250:
                bars.done(SourceReport("pay", Outcome.OK, seen=250))
                bars.indexed("pay", 250, 250)
                bars.measured(400, 400)
        bars.indexed("pay", 10, 250)
        bars.measured(100, 400)
    last = shown(console).splitlines()[-4:-1]
    assert [re.findall(r" (\d+) ", each)[-1] for each in last] == ["10", "10", "100"]


def test_few_key_results_need_no_line(console: Console) -> None:
    with Bars(console) as bars:
        bars.done(SourceReport("pay", Outcome.OK, seen=2))
        bars.measured(3, 3)
    assert "measuring" not in shown(console)


def test_names_of_a_config_are_harmless(console: Console) -> None:
    with Bars(console) as bars:
        bars.indexed("p\x1b[31may", 1, 1)
    assert "\x1b[31m" not in shown(console)
