"""The guard: what is let through, what waits, and in which words."""

from decimal import Decimal

import pytest

from mapping.attribution import Standing
from mapping.rule import Measure, Regress
from mapping.totals import Total
from okrs.guard import Guard
from okrs.ledger import CauseKind, Delta
from okrs.objective import Binary, Keep, Numeric, Terms
from okrs.proposal import digest_of, name_of
from sync.guarding import Update, objection
from tests.builders import SOURCE, a_part, a_rule

ONE, NIL = Decimal(1), Decimal(0)
LIMITS = Guard()
FAR = Numeric(NIL, Decimal(1000))
"""Terms so far away that single tickets move no point."""


def a_row(number: int, cause: CauseKind = CauseKind.HIDDEN, delta: int = -1, part: int = 0, left: bool = True) -> Delta:
    new = None if left else ONE
    return Delta(part, SOURCE, f"id:{number}", "v", ONE, ONE, new, new, cause, Decimal(delta))


def an_update(rows: list[Delta], value: int = 1) -> Update:
    return Update(Decimal(value) + sum((row.delta for row in rows), NIL), tuple(rows))


def objected(
    rows: list[Delta], items: int = 100, value: int = 50, terms: Terms = FAR, guard: Guard = LIMITS
) -> str | None:
    totals = (Total(Decimal(value), Decimal(items), items),)
    return objection(guard, terms, a_rule(), Standing(Decimal(value), totals), an_update(rows, value))


def lost(count: int, cause: CauseKind = CauseKind.HIDDEN, delta: int = -1) -> list[Delta]:
    return [a_row(number, cause, delta) for number in range(count)]


@pytest.mark.parametrize("cause", [each for each in CauseKind if each not in (CauseKind.DELETED, CauseKind.HIDDEN)])
def test_what_people_do_is_explained_however_much_it_is(cause: CauseKind) -> None:
    assert objected(lost(100, cause), terms=Numeric(NIL, Decimal(100))) is None


@pytest.mark.parametrize(
    ("gone", "of", "sentence"),
    [
        (1, 100, None),
        (4, 10, None),
        (5, 25, None),
        (5, 24, "5 of the 24 tickets that it is measured by were deleted or went out of sight: more than 20 %."),
        (21, 100, "21 of the 100 tickets that it is measured by were deleted or went out of sight: more than 20 %."),
        (1, 1, "The only ticket that it is measured by was deleted or went out of sight."),
        (3, 3, "All 3 tickets that it is measured by were deleted or went out of sight."),
    ],
)
def test_many_lost_tickets_wait(gone: int, of: int, sentence: str | None) -> None:
    assert objected(lost(gone), items=of) == sentence


@pytest.mark.parametrize("delta", [-1, 1])
def test_a_long_way_waits_in_either_direction(delta: int) -> None:
    terms = Numeric(NIL, Decimal(10))
    assert objected(lost(2, delta=delta), terms=terms) is None
    told = "3 tickets were deleted or went out of sight, which would move its progress by 30 points, more than 20."
    assert objected(lost(3, delta=delta), terms=terms) == told


def test_only_what_the_lost_tickets_do_counts_as_their_way() -> None:
    terms = Numeric(NIL, Decimal(10))
    assert objected([*lost(1), *[a_row(9, CauseKind.CLOSED, 9, left=False)]], terms=terms) is None


def test_the_way_of_a_band_and_of_a_binary_one() -> None:
    band = Keep(Decimal(40), Decimal(60))
    assert objected(lost(1, delta=-9), terms=band) is None
    assert objected(lost(1, delta=-30), terms=band) is not None
    assert objected(lost(1, delta=1), value=0, terms=Binary()) is not None


def test_a_ticket_that_came_back_in_the_same_read_did_not_leave() -> None:
    rows = [*lost(3), *[a_row(number, CauseKind.ADDED, 1, left=False) for number in range(3)]]
    assert objected(rows, items=3) is None


def test_each_part_is_looked_at_by_itself() -> None:
    rule = a_rule(a_part(), a_part(Measure.PERCENT, source="web"))
    totals = (Total(items=100), Total(items=2))
    rows = [a_row(1, part=1), a_row(2, part=1)]
    told = "All 2 tickets that it is measured by in web were deleted or went out of sight."
    assert objection(LIMITS, FAR, rule, Standing(ONE, totals), an_update(rows)) == told


def test_limits_are_the_config_s() -> None:
    assert objected(lost(3), items=10, guard=Guard(items=3)) is not None
    assert objected(lost(30), guard=Guard(share=Decimal("0.5"))) is None
    assert objected(lost(100), guard=Guard(share=ONE)) is None
    assert objected(lost(1), guard=Guard(points=Decimal("0.05"))) is not None


def test_the_same_evidence_has_the_same_digest_whatever_led_to_it() -> None:
    assert digest_of(lost(2)) == digest_of(list(reversed(lost(2, CauseKind.DELETED, -2))))
    assert digest_of(lost(2)) != digest_of(lost(3))
    assert name_of("a", 1, "d") != name_of("a", 2, "d")


@pytest.mark.parametrize(
    ("terms", "old", "new", "falls"),
    [
        (Numeric(NIL, Decimal(20)), 12, 9, True),
        (Numeric(NIL, Decimal(20)), 9, 12, False),
        (Numeric(NIL, Decimal(20)), 9, 9, False),
        (Numeric(Decimal(40), Decimal(10)), 20, 25, True),
        (Numeric(Decimal(40), Decimal(10)), 25, 20, False),
        (Keep(Decimal(40), Decimal(60)), 50, 30, True),
        (Keep(Decimal(40), Decimal(60)), 50, 60, False),
    ],
)
def test_a_mapping_that_asks_waits_before_every_fall(terms: Terms, old: int, new: int, falls: bool) -> None:
    rows = (a_row(1, CauseKind.REOPENED, new - old, left=False),)
    sentence = f"It would fall back from {old} to {new}, and its mapping asks before it falls."
    for regress in Regress:
        standing, update = Standing(Decimal(old), (Total(items=9),)), Update(Decimal(new), rows)
        told = objection(LIMITS, terms, a_rule(regress=regress), standing, update)
        assert told == (sentence if falls and regress is Regress.ASK else None)
