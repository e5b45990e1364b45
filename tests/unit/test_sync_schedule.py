"""When sources are read: laws of the decisions, whatever happened before."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okrs.cron import parse_cron
from okrs.cycle import Calendar
from okrs.immutable import replace
from store.schedule import LONGEST_LIMIT, Turn
from sync.schedule import ELSEWHERE, LATEST, LONGEST_PAUSE, Read, Rhythm, due, following, midnight_passed
from sync.task import Outcome

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FIVE = Rhythm(5 * MINUTE)
NIGHTLY = Rhythm(timedelta(days=1), parse_cron("0 3 * * *"), "Europe/Berlin")

JITTER = st.floats(0, 1)
SPANS = st.timedeltas(timedelta(seconds=1), timedelta(days=40))
EVERY = st.builds(Rhythm, SPANS)
CRON = st.sampled_from(["*/5 * * * *", "0 3 * * *", "15 8-18 * * mon-fri", "0 0 1 * *"])
RHYTHMS = EVERY | CRON.map(lambda text: Rhythm(parse_cron(text).longest_pause, parse_cron(text), "Europe/Berlin"))
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - as Hypothesis wants its limits
TURNS = st.none() | st.builds(Turn, st.none() | INSTANTS, st.integers(0, 40), st.none() | INSTANTS)
READS = st.builds(
    lambda outcome, began, took, spent: Read(outcome, began, began + took, began + spent if spent else None),
    st.sampled_from(Outcome),
    INSTANTS,
    st.timedeltas(timedelta(0), timedelta(hours=5)),
    st.none() | SPANS,
)


def read(outcome: Outcome, took: timedelta = MINUTE) -> Read:
    return Read(outcome, NOON, NOON + took)


@given(SPANS, JITTER)
def test_a_source_is_read_as_often_as_the_config_says(every: timedelta, jitter: float) -> None:
    turn = following(Rhythm(every), 3, read(Outcome.OK, timedelta(0)), jitter)
    assert turn.due is not None
    assert 0.95 * every <= turn.due - NOON <= 1.05 * every + timedelta(microseconds=1)
    assert turn.failures == 0


def test_a_read_that_takes_longer_than_its_interval_is_followed_by_the_next_one() -> None:
    long = read(Outcome.OK, 7 * MINUTE)
    assert following(FIVE, 0, long, 0.5) == Turn(long.ended)


@given(JITTER)
def test_a_cron_is_read_at_its_times(jitter: float) -> None:
    turn = following(NIGHTLY, 0, read(Outcome.OK), jitter)
    three = datetime(2026, 11, 19, 2, tzinfo=UTC)
    assert turn.due is not None
    assert three <= turn.due <= three + LATEST


@given(RHYTHMS, JITTER, st.integers(1, 60))
def test_pauses_after_failures_double_up_to_an_hour_and_end_with_a_success(
    rhythm: Rhythm, jitter: float, times: int
) -> None:
    failures, pauses = 0, []
    for _ in range(times):
        turn = following(rhythm, failures, read(Outcome.FAILED), jitter)
        assert turn.due is not None
        pauses.append(turn.due - read(Outcome.FAILED).ended)
        assert turn.failures == failures + 1
        failures = turn.failures
    assert timedelta(0) < pauses[0] <= min(rhythm.every, LONGEST_PAUSE)
    for before, after in pairwise(pauses):
        assert before <= after <= 2 * before + timedelta(microseconds=2)
        assert after <= LONGEST_PAUSE
    if times > 20:
        assert pauses[-1] >= 0.9 * LONGEST_PAUSE
    assert following(rhythm, failures, read(Outcome.OK), jitter).failures == 0


@given(RHYTHMS, st.integers(0, 9), JITTER, INSTANTS)
def test_refused_credentials_stop_it_however_long_one_waits(
    rhythm: Rhythm, failures: int, jitter: float, later: datetime
) -> None:
    turn = following(rhythm, failures, read(Outcome.UNAUTHENTICATED), jitter)
    assert turn == Turn(None, failures + 1)
    assert due(later, {"a": rhythm}, {"a": turn}) == ()


def test_what_another_process_reads_is_no_failure() -> None:
    assert following(FIVE, 2, read(Outcome.SKIPPED), 0.5) == Turn(NOON + MINUTE + ELSEWHERE, 2)


@pytest.mark.parametrize(("outcome", "failures"), [(Outcome.FAILED, 1), (Outcome.OK, 0)])
def test_a_tracker_that_asks_to_wait_is_waited_for_but_no_more_than_a_day(outcome: Outcome, failures: int) -> None:
    until = NOON + 20 * MINUTE
    turn = following(FIVE, 0, Read(outcome, NOON, NOON, until), 0.5)
    assert (turn.not_before, turn.at(NOON), turn.failures) == (until, until, failures)
    wrong = following(FIVE, 0, Read(outcome, NOON, NOON, NOON + timedelta(days=900)), 0.5)
    assert wrong.at(NOON) == NOON + LONGEST_LIMIT
    over = Read(outcome, NOON, NOON + MINUTE, NOON + MINUTE)
    assert following(FIVE, 0, over, 0.5).not_before is None


@given(RHYTHMS, st.integers(0, 40), READS, JITTER)
def test_when_it_is_read_without_a_limit_a_limit_only_puts_off(
    rhythm: Rhythm, failures: int, done: Read, jitter: float
) -> None:
    limited, free = (following(rhythm, failures, each, jitter) for each in (done, replace(done, not_before=None)))
    assert (limited.due, limited.failures) == (free.due, free.failures)


@pytest.mark.parametrize("due_at", [NOON - MINUTE, NOON + MINUTE])
def test_whoever_asks_for_it_a_source_is_not_due_before_its_tracker_allows_it(due_at: datetime) -> None:
    turn = {"a": Turn(due_at, 1, NOON + 40 * MINUTE)}
    assert due(NOON + 39 * MINUTE, {"a": FIVE}, turn) == ()
    assert due(NOON + 40 * MINUTE, {"a": FIVE}, turn) == ("a",)
    assert due(NOON + MINUTE, {"a": FIVE}, {"a": Turn(due_at, 1, NOON + timedelta(days=2))}) == ("a",), "a wrong clock"


@given(RHYTHMS, TURNS, INSTANTS)
def test_the_time_that_is_told_is_when_it_is_due(rhythm: Rhythm, turn: Turn | None, now: datetime) -> None:
    """Also where a wrong clock wrote a limit of ages."""
    if turn is None or turn.due is None or turn.due > rhythm.latest(now):
        return
    told = turn.at(now)
    assert told is not None
    assert (due(now, {"a": rhythm}, {"a": turn}) == ("a",)) is (told <= now)
    assert turn.due <= told <= max(turn.due, now + LONGEST_LIMIT)


@given(RHYTHMS, st.integers(0, 40), READS, JITTER)
def test_nothing_is_put_off_for_ever(rhythm: Rhythm, failures: int, done: Read, jitter: float) -> None:
    turn = following(rhythm, failures, done, jitter)
    if done.outcome is Outcome.UNAUTHENTICATED:
        return
    assert turn.due is not None
    assert done.ended <= turn.due <= rhythm.latest(done.ended)
    told = turn.at(done.ended)
    assert told is not None
    assert told <= max(rhythm.latest(done.ended), done.ended + LONGEST_LIMIT)
    assert due(told, {"a": rhythm}, {"a": turn}) == ("a",)


@given(RHYTHMS, TURNS, INSTANTS)
def test_whatever_was_written_a_source_that_is_not_stopped_gets_its_turn(
    rhythm: Rhythm, turn: Turn | None, now: datetime
) -> None:
    """Also after a day on which the clock was a year ahead."""
    limited = max(rhythm.latest(now), now + LONGEST_LIMIT)
    stopped = turn is not None and turn.due is None
    instants = (now, rhythm.latest(now), limited, rhythm.latest(limited))
    found = {due(each, {"a": rhythm}, {"a": turn} if turn else {}) for each in instants}
    assert found == {()} if stopped else ("a",) in found


@given(
    st.dictionaries(st.sampled_from("abcde"), st.tuples(RHYTHMS, TURNS)), st.sets(st.sampled_from("abcde")), INSTANTS
)
def test_sources_are_judged_by_themselves(
    every: dict[str, tuple[Rhythm, Turn | None]], running: set[str], now: datetime
) -> None:
    rhythms = {name: rhythm for name, (rhythm, _) in every.items()}
    turns = {name: turn for name, (_, turn) in every.items() if turn}
    alone = {name for name in every if due(now, {name: rhythms[name]}, turns)}
    found = due(now, rhythms, turns, running)
    assert set(found) == alone - running
    waits = [turns[name].due or now if name in turns else now for name in found]
    assert waits == sorted(waits, key=lambda each: min(each, now))


@pytest.mark.parametrize(("hour", "passed"), [(22, False), (23, True)])
def test_midnight_is_the_calendar_s(hour: int, passed: bool) -> None:
    evening = datetime(2026, 11, 18, 21, 59, tzinfo=UTC)
    assert midnight_passed(Calendar("Europe/Berlin"), evening, evening.replace(hour=hour, minute=0)) is passed
    assert midnight_passed(Calendar("Europe/Berlin"), None, evening)
