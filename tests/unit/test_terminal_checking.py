"""What `check` says of a connection: every fact in words, with the harm it does."""

import io
from datetime import timedelta

import pytest
from rich.console import Console

from connectors.contract import Account, Quota
from terminal.answers import Checked
from terminal.checking import checked, checked_json
from tests.builders import at

NOW = at("2026-12-01T12:00")
FINE = Account("Headway", ("PAY",))


def one(account: Account | None = FINE, error: str | None = None, **facts: object) -> Checked:
    return Checked("pay", "jira", account, error, NOW, **facts)  # type: ignore[arg-type]  # as the fields are


def text(*answers: Checked) -> str:
    out = io.StringIO()
    Console(file=out, soft_wrap=True, highlight=False, markup=False, emoji=False).print(checked(list(answers)))
    return out.getvalue()


def test_a_connection_without_trouble_is_one_line() -> None:
    assert text(one()) == "✓ pay: signed in as Headway, sees PAY\n"
    assert text(one(Account("", ()))) == "✓ pay: sees nothing\n"


@pytest.mark.parametrize(
    ("account", "line"),
    [
        (Account("Headway", ("PAY",), missing=("OPS",)), "  ✗ cannot read OPS\n"),
        (
            Account("Headway", ("PAY",), missing=("OPS",), reasons={"OPS": "Unknown (404): check it."}),
            "  ✗ cannot read OPS: Unknown (404): check it.\n",
        ),
        (
            Account("Headway", ("PAY",), lacks=("It may not see boards: give it that.",)),
            "  ✗ lacks a right: It may not",
        ),
    ],
)
def test_what_is_missing_or_lacking_is_not_fine(account: Account, line: str) -> None:
    shown = text(one(account))
    assert shown.startswith("✗ pay: signed in as Headway")
    assert line in shown
    assert not one(account).ok
    assert one().ok
    assert not one(None, "Broken.").ok


@pytest.mark.parametrize(
    ("days", "line"),
    [
        (-1, "  ! warning: the token ended on 2026-11-30: make a new one"),
        (0.5, "  ! warning: the token ends on 2026-12-02, today or tomorrow: make a new one in time"),
        (1.5, "  ! warning: the token ends on 2026-12-03, in 1 day: make a new one in time"),
        (13.9, "  ! warning: the token ends on 2026-12-15, in 13 days: make a new one in time"),
        (14, "  the token ends on 2026-12-15, in 14 days"),
        (300, "  the token ends on 2027-09-27, in 300 days"),
    ],
)
def test_a_token_that_ends_soon_is_a_warning(days: float, line: str) -> None:
    account = Account("Headway", ("PAY",), expires=NOW + timedelta(days=days))
    assert text(one(account)).splitlines()[1:] == [line]


@pytest.mark.parametrize(
    ("quota", "line"),
    [
        (Quota(4980, 5000, at("2026-12-01T12:40")), "  4980 of 5000 requests left; begins anew at 12:40 UTC"),
        (Quota(7, None, at("2026-12-02T00:10")), "  7 requests left; begins anew at 2026-12-02 00:10 UTC"),
        (Quota(7, 100), "  7 of 100 requests left"),
        (Quota(0, 100), "  ! warning: no request of 100 is left"),
    ],
)
def test_what_is_left_of_the_quota(quota: Quota, line: str) -> None:
    assert text(one(quota=quota)).splitlines()[1:] == [line]
    assert text(one(None, "Limited.", quota=quota)).splitlines()[1:] == [line]


@pytest.mark.parametrize(
    ("seconds", "where", "harm"),
    [
        (61, "61 s ahead of", "nothing is missed yet"),
        (840, "14 min ahead of", "nothing is missed yet"),
        (960, "16 min ahead of", "changes may be missed"),
        (-90, "90 s behind", "too late"),
        (-3 * 3600, "3 h behind", "too late"),
        (86400 * 40, "40 days ahead of", "changes may be missed"),
    ],
)
def test_clocks_that_differ_are_told_with_the_harm(seconds: int, where: str, harm: str) -> None:
    [line] = text(one(skew=timedelta(seconds=seconds))).splitlines()[1:]
    assert line.startswith(f"  ! warning: this machine's clock is {where} the tracker's: ")
    assert harm in line


@pytest.mark.parametrize("seconds", [-60, 0, 60])
def test_clocks_that_agree_are_not_spoken_of(seconds: int) -> None:
    assert len(text(one(skew=timedelta(seconds=seconds))).splitlines()) == 1


def test_the_document_has_every_fact() -> None:
    account = Account(
        "Headway", ("PAY",), ("OPS",), "Cloud", ("Boards: give it that.",), at("2026-12-09"), {"OPS": "Gone."}
    )
    quota = Quota(3, 10, at("2026-12-01T12:40"))
    assert checked_json([one(account, quota=quota, skew=timedelta(seconds=-2.4)), one(None, "It broke.")]) == [
        {
            "source": "pay",
            "connector": "jira",
            "ok": False,
            "who": "Headway",
            "sees": ["PAY"],
            "missing": ["OPS"],
            "reasons": {"OPS": "Gone."},
            "lacks": ["Boards: give it that."],
            "expires": "2026-12-09T00:00:00Z",
            "quota": {"remaining": 3, "limit": 10, "reset": "2026-12-01T12:40:00Z", "near": False},
            "clock_skew_seconds": -2,
            "detail": "Cloud",
            "error": None,
        },
        {
            "source": "pay",
            "connector": "jira",
            "ok": False,
            "who": None,
            "sees": [],
            "missing": [],
            "reasons": {},
            "lacks": [],
            "expires": None,
            "quota": None,
            "clock_skew_seconds": None,
            "detail": None,
            "error": "It broke.",
        },
    ]
