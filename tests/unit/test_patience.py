"""The one retry policy: passing trouble is waited out, limits are kept, and nobody sleeps longer than a lease lives."""

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest

from connectors.contract import (
    Account,
    Container,
    CredentialsRefused,
    Cursor,
    Demand,
    Found,
    MalformedAnswer,
    Page,
    Quota,
    RateLimited,
    Stop,
    TryLater,
    Unreadable,
)
from connectors.patience import AT_ONCE, LONGEST_WAIT, Pacer, Patient, spacing
from connectors.plain import Plain
from connectors.retrying import ATTEMPTS
from okrs.work import Ref
from tests.builders import NOW, Time

CONTAINER = Container("1", "acme/web")
CURSOR = Cursor(now=datetime(2026, 12, 1, tzinfo=UTC))
PAGE = Page(())


class Scripted(Plain):
    """A connector that fails as told, then answers."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.sent = 0
        self.told_quota: Quota | None = None
        self.asked: list[tuple[object, ...]] = []
        self.closed = False

    @property
    def requests(self) -> int:
        return self.sent

    @property
    def quota(self) -> Quota | None:
        return self.told_quota

    def _answer(self, *asked: object) -> None:
        self.sent += 1
        self.asked.append(asked)
        if self.failures:
            raise self.failures.pop(0)

    def containers(self) -> Sequence[Container | Unreadable]:
        self._answer("containers")
        return [CONTAINER]

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        self._answer("changed", container, cursor, demand)
        return PAGE

    def check(self) -> Account:
        self._answer("check")
        return Account("me", ())

    def close(self) -> None:
        self.closed = True


def ask(patient: Patient) -> Page:
    return patient.changed(CONTAINER, CURSOR, Demand())


@pytest.mark.parametrize(
    ("failures", "slept"),
    [
        ([], []),
        ([TryLater("502")], [1]),
        ([TryLater("502")] * 3, [1, 2, 4]),
        ([RateLimited("slow", 7.5)], [7.5]),
        ([RateLimited("slow", 0.0)], [0]),
        ([RateLimited("slow", 45.0)], [45]),
        ([RateLimited("slow", 20.0)] * 2, [20, 20]),
        ([TryLater("502"), RateLimited("slow", 3.0), TryLater("502")], [1, 3, 4]),
    ],
)
def test_passing_trouble_is_waited_out(failures: list[Exception], slept: list[float]) -> None:
    scripted, time = Scripted(*failures), Time()
    assert ask(Patient(scripted, time.pacer())) is PAGE
    assert time.slept == slept
    assert scripted.asked == [("changed", CONTAINER, CURSOR, Demand())] * (len(failures) + 1)


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (Stop("404"), 1),
        (CredentialsRefused("401"), 1),
        (MalformedAnswer("html"), 1),
        (KeyError("a bug of ours"), 1),
        (RateLimited("come back in an hour", 3600.0), 1),  # the source is rescheduled, no worker sleeps
        (RateLimited("it did not say how long"), 1),
        (RateLimited("slow", 20.0), 3),  # a fourth attempt would be 60 s after the first: longer than a lease lives
        (TryLater("502"), ATTEMPTS),
        (RateLimited("slow", 1.0), ATTEMPTS),
    ],
)
def test_what_does_not_pass_comes_through_untouched(error: Exception, attempts: int) -> None:
    scripted = Scripted(*[error] * 9)
    with pytest.raises(type(error)) as raised:
        ask(Patient(scripted, Time().pacer()))
    assert raised.value is error
    assert scripted.requests == attempts


def test_an_error_is_not_told_as_the_effect_of_the_one_before() -> None:
    scripted = Scripted(*[TryLater(str(number)) for number in range(9)])
    with pytest.raises(TryLater, match="3") as raised:
        ask(Patient(scripted, Time().pacer()))
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)


def test_trouble_of_the_machine_s_own_does_not_hide_the_tracker_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """The policy is loaded when something failed, and where files cannot be opened it cannot be."""
    scripted, time = Scripted(*[TryLater("502")] * 2), Time()
    patient = Patient(scripted, time.pacer())
    monkeypatch.setitem(sys.modules, "connectors.retrying", None)
    with pytest.raises(TryLater, match="502"):
        ask(patient)
    monkeypatch.undo()
    with pytest.raises(TryLater, match="502"):
        ask(patient)
    assert (scripted.requests, time.slept) == (2, [])


def test_every_page_has_its_own_patience() -> None:
    scripted, time = Scripted(*[TryLater("502")] * 3), Time()
    patient = Patient(scripted, time.pacer())
    ask(patient)
    scripted.failures = [TryLater("502")] * 3
    ask(patient)
    assert time.slept == [1, 2, 4, 1, 2, 4]


def test_after_giving_up_it_asks_once_until_something_succeeds() -> None:
    scripted, time = Scripted(*[TryLater("502")] * ATTEMPTS), Time()
    patient = Patient(scripted, time.pacer())
    with pytest.raises(TryLater):
        ask(patient)
    assert time.slept == [1, 2, 4]
    scripted.failures = [TryLater("502")]
    with pytest.raises(TryLater):
        ask(patient)
    assert time.slept == [1, 2, 4]
    ask(patient)
    scripted.failures = [TryLater("502")]
    ask(patient)
    assert time.slept == [1, 2, 4, 1]


def test_after_a_limit_that_was_too_long_it_is_patient_as_before() -> None:
    """Whoever rests for it may come a second too early, as whole seconds are told."""
    scripted, time = Scripted(RateLimited("slow", 50.0)), Time()
    patient = Patient(scripted, time.pacer())
    with pytest.raises(RateLimited):
        ask(patient)
    time.now += 50.0
    scripted.failures = [RateLimited("slow", 1.0)]
    assert ask(patient) is PAGE
    assert time.slept == [1]


@pytest.mark.parametrize("call", [Patient.containers, Patient.check, ask])
def test_every_question_is_asked_again(call: Callable[[Patient], object]) -> None:
    scripted = Scripted(TryLater("502"))
    patient = Patient(scripted, Time().pacer())
    call(patient)
    assert patient.requests == 2


def test_closing_goes_through() -> None:
    scripted = Scripted()
    Patient(scripted).close()
    assert scripted.closed


@pytest.mark.parametrize(
    ("quota", "gap"),
    [
        (None, 0),
        (Quota(5000, 5000, NOW + timedelta(hours=1)), 0),
        (Quota(501, 5000, NOW + timedelta(hours=1)), 0),
        (Quota(500, 5000, NOW + timedelta(seconds=100)), 0.2),  # what is left lasts until the limit begins anew
        (Quota(1, 5000, NOW + timedelta(seconds=30)), LONGEST_WAIT / 16),  # as slow as eight may wait for one another
        (Quota(0, 5000, NOW + timedelta(seconds=30)), 30),
        (Quota(0, 5000, NOW - timedelta(seconds=30)), 0),  # it has begun anew
        (Quota(3, None, NOW + timedelta(hours=1)), 0),
        (Quota(3, 100, None), 0),
        (Quota(70, 350, NOW + timedelta(seconds=140), near=True), 2),  # the tracker calls a fifth of it little
        (Quota(70, 350, NOW + timedelta(seconds=140)), 0),
        (Quota(1, None, NOW + timedelta(minutes=1), near=True), LONGEST_WAIT / 16),
        (Quota(1, None, NOW - timedelta(minutes=1), near=True), 0),  # a warning is forgotten after its time
        (Quota(1, near=True), 0),
    ],
)
def test_requests_are_spaced_before_the_wall(quota: Quota | None, gap: float) -> None:
    assert spacing(quota, NOW) == gap


def test_near_the_wall_all_connections_of_a_source_take_turns() -> None:
    time = Time()
    pacer = time.pacer()
    first, second = Patient(Scripted(), pacer), Patient(Scripted(), pacer)
    for patient in (first, second):
        scripted = patient._connector
        assert isinstance(scripted, Scripted)
        scripted.told_quota = Quota(10, 5000, datetime.now(UTC) + timedelta(seconds=100))
    for patient in (first, second, first):
        ask(patient)
    assert [round(seconds, 1) for seconds in time.slept] == [2.8, 2.8]


@pytest.mark.parametrize(
    ("sent", "quota", "slept"),
    [
        (1, Quota(400, 5000, datetime.max.replace(tzinfo=UTC)), 2.8),
        (10, Quota(400, 5000, datetime.max.replace(tzinfo=UTC)), 22.5),  # and no longer: that is no wall
        (10, Quota(5000, 5000, datetime.max.replace(tzinfo=UTC)), None),
        (10, None, None),
    ],
)
def test_a_question_of_many_requests_is_paced_as_many(sent: int, quota: Quota | None, slept: float | None) -> None:
    class LookUp(Scripted):
        def look_up(self, container: Container, refs: Sequence[Ref], demand: Demand) -> Mapping[str, Found]:
            self.sent += sent
            return {}

    scripted, time = LookUp(), Time()
    scripted.told_quota = quota
    patient = Patient(scripted, time.pacer())
    patient.look_up(CONTAINER, [Ref("1")], Demand())
    ask(patient)
    assert [round(seconds, 1) for seconds in time.slept] == ([] if slept is None else [slept])


def test_a_slow_quota_is_no_wall_for_those_who_wait_for_one_another() -> None:
    """Eight at once with an hour for the last few: each is asked in its turn, and none is given up."""
    time = Time()
    pacer = time.pacer()
    patients = [Patient(Scripted(), pacer) for _ in range(AT_ONCE)]
    for patient in patients:
        scripted = patient._connector
        assert isinstance(scripted, Scripted)
        scripted.told_quota = Quota(400, 5000, datetime.now(UTC) + timedelta(seconds=3000))
    turns = []
    for patient in patients:  # nobody sleeps before the others took their turns, as threads would
        with pacer.slot(spacing(patient.quota, datetime.now(UTC))):
            turns.append(sum(time.slept))
    assert max(time.slept) < LONGEST_WAIT


def test_containers_in_passing_trouble_are_asked_again_and_then_told() -> None:
    lost, found = Unreadable("acme/api", "The tracker failed (502).", passing=True), [CONTAINER]

    class Half(Scripted):
        answers: list[list[Container | Unreadable]]

        def containers(self) -> Sequence[Container | Unreadable]:
            self._answer("containers")
            return self.answers.pop(0)

    half, time = Half(), Time()
    half.answers = [[CONTAINER, lost], list(found)]
    assert Patient(half, time.pacer()).containers() == found
    half.answers = [[CONTAINER, lost]] * ATTEMPTS
    assert Patient(half, time.pacer()).containers() == [CONTAINER, lost]
    assert time.slept == [1, 1, 2, 4]


def test_containers_that_are_refused_are_not_asked_again() -> None:
    class Refused(Scripted):
        def containers(self) -> Sequence[Container | Unreadable]:
            self._answer("containers")
            return [Unreadable("acme/api", "404")]

    refused = Refused()
    Patient(refused, Time().pacer()).containers()
    assert refused.requests == 1


def test_a_wall_that_is_far_is_not_waited_for() -> None:
    time, scripted = Time(), Scripted()
    scripted.told_quota = Quota(0, 5000, datetime.now(UTC) + timedelta(seconds=600))
    patient = Patient(scripted, time.pacer())
    ask(patient)  # nobody knows whether the last answer's quota still stands
    with pytest.raises(RateLimited) as raised:
        ask(patient)
    assert raised.value.wait is not None
    assert raised.value.wait > LONGEST_WAIT
    assert time.slept == []


def test_what_one_connection_is_told_to_wait_the_others_wait_too() -> None:
    time = Time()
    pacer = time.pacer()
    limited, other = Scripted(RateLimited("slow", 30.0)), Scripted()
    with pytest.raises(RateLimited), pacer.slot(0):
        raise RateLimited("only to show that a slot is given back", 1.0)
    ask(Patient(limited, pacer))
    ask(Patient(other, pacer))
    assert time.slept == [30]
    pacer.hold(30.0)
    ask(Patient(other, pacer))
    assert time.slept == [30, 30]


def test_no_more_requests_are_under_way_than_allowed() -> None:
    pacer, inside, most = Pacer(at_once=2), list[int](), list[int]()
    together = Barrier(6)

    def visit() -> None:
        together.wait()
        with pacer.slot(0):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [Thread(target=visit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 6
    assert max(most) <= 2


def test_twins_share_one_patience() -> None:
    time, scripted = Time(), Scripted(*[TryLater("502")] * ATTEMPTS)
    patient = Patient(scripted, time.pacer())
    with pytest.raises(TryLater):
        ask(patient)
    scripted.failures = [TryLater("502")]
    with pytest.raises(TryLater):
        ask(patient.twin())
    assert time.slept == [1, 2, 4]
