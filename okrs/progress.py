"""How far a key result is, whether that is fast enough, and what it makes of its objective (DESIGN 3).

Everything here is a pure function of values; nothing is rounded, so that two readers get the same answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum

from okrs.immutable import immutable
from okrs.numbers import divided
from okrs.objective import Binary, Keep, KeyResult, Numeric, Objective, Terms

ZERO, ONE = Decimal(0), Decimal(1)


class Status(StrEnum):
    CLOSED = "closed"
    STALE = "stale"
    NOT_STARTED = "not_started"
    ACHIEVED = "achieved"
    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    OFF_TRACK = "off_track"


@immutable
class Pace:
    """Limits of progress / expected; below `grace` of the cycle nobody is off track yet."""

    on_track: Decimal = Decimal("0.75")
    at_risk: Decimal = Decimal("0.5")
    grace: Decimal = Decimal("0.1")


@immutable
class Moment:
    """Where in its cycle a key result is looked at."""

    elapsed: Decimal
    """Share of working days gone, 0…1."""
    begun: bool = True
    ended: bool = False
    closed: bool = False


@immutable
class Standing:
    """`status` is what to say first; `pace` is the colour that stays when the status is `stale`."""

    progress: Decimal
    expected: Decimal
    status: Status
    pace: Status


def progress(terms: Terms, value: Decimal | None) -> Decimal:
    """Return the progress of a value, unclamped; 0 when nothing was measured."""
    if value is None:
        return ZERO
    match terms:
        case Numeric(start, target):
            return divided(value - start, target - start)
        case Keep(low, high):
            outside = max(low - value, value - high, ZERO)
            return max(ZERO, ONE - divided(outside, high - low))
        case Binary(threshold):
            return ONE if value >= threshold else ZERO


def clamped(share: Decimal) -> Decimal:
    return min(ONE, max(ZERO, share))


def standing(
    terms: Terms,
    value: Decimal | None,
    moment: Moment,
    pace: Pace,
    *,
    stale: bool = False,
    share_done: Decimal | None = None,
) -> Standing:
    """Judge a key result.  `share_done` (items done / items selected) judges a binary one until it is done."""
    reached = progress(terms, value)
    expected = ONE if isinstance(terms, Keep) else moment.elapsed
    judged = share_done if isinstance(terms, Binary) and share_done is not None else reached
    achieved = reached >= ONE and (not isinstance(terms, Keep) or moment.ended)
    started = moment.begun and value is not None
    colour = _colour(judged, expected, moment, pace, started=started, achieved=achieved)
    return Standing(reached, expected, _first(colour, closed=moment.closed, stale=stale), colour)


def _colour(judged: Decimal, expected: Decimal, moment: Moment, pace: Pace, *, started: bool, achieved: bool) -> Status:
    if not started:
        return Status.NOT_STARTED
    if achieved:
        return Status.ACHIEVED
    if judged >= pace.on_track * expected:
        return Status.ON_TRACK
    if judged >= pace.at_risk * expected or moment.elapsed < pace.grace:
        return Status.AT_RISK
    return Status.OFF_TRACK


def _first(colour: Status, *, closed: bool, stale: bool) -> Status:
    if closed:
        return Status.CLOSED
    return Status.STALE if stale else colour


@immutable
class Share:
    """What one child brings to the roll-up of its objective."""

    weight: Decimal
    progress: Decimal
    expected: Decimal


def roll_up(
    objectives: Sequence[Objective], key_results: Sequence[KeyResult], standings: Mapping[str, Standing]
) -> dict[str, Share]:
    """Return each objective's progress and expected progress, both weighted means over its children.

    Children are its key results and the objectives that support it; supporting a key result only draws the tree.
    `standings` is by key result id.  The config guarantees that there is no loop.
    """
    supporters: dict[str, list[Objective]] = {objective.id: [] for objective in objectives}
    for objective in objectives:
        for supported in dict.fromkeys(objective.supports):
            if supported in supporters:
                supporters[supported].append(objective)
    done: dict[str, Share] = {}

    def share(objective: Objective) -> Share:
        if objective.id not in done:
            own = [_share_of(kr, standings[kr.id]) for kr in key_results if kr.objective == objective.id]
            done[objective.id] = _mean(objective.weight, [*own, *map(share, supporters[objective.id])])
        return done[objective.id]

    return {objective.id: share(objective) for objective in objectives}


def _share_of(key_result: KeyResult, standing: Standing) -> Share:
    return Share(key_result.weight, clamped(standing.progress), standing.expected)


def _mean(weight: Decimal, shares: Sequence[Share]) -> Share:
    total = sum((share.weight for share in shares), ZERO)
    if not total:
        return Share(weight, ZERO, ZERO)
    return Share(
        weight,
        divided(sum((share.weight * share.progress for share in shares), ZERO), total),
        divided(sum((share.weight * share.expected for share in shares), ZERO), total),
    )


def objective_status(share: Share, own: Iterable[Standing], moment: Moment, pace: Pace) -> Status:
    """Judge an objective like a key result; it is stale, closed or not started when all of its key results are.

    One that nothing feeds has not started.  What only keeps its band so far is not achieved before the cycle's end.
    """
    standings = list(own)
    if moment.closed:
        return Status.CLOSED
    for status in (Status.CLOSED, Status.STALE, Status.NOT_STARTED):
        if standings and all(standing.status is status for standing in standings):
            return status
    return _colour(
        share.progress,
        share.expected,
        moment,
        pace,
        started=moment.begun and bool(standings or share.expected or share.progress),
        achieved=share.progress >= ONE and all(standing.pace is Status.ACHIEVED for standing in standings),
    )
