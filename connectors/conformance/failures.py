"""Laws of failures: an error is never emptiness, and tells what to do next without telling a secret."""

from collections.abc import Callable, Sequence
from functools import cache

from connectors.conformance.author import Author
from connectors.conformance.questions import Asking, Outcome, is_typed
from connectors.conformance.troubles import troubles
from connectors.contract import AccessDenied, Account, ExtraRefused, Fate, Found, RateLimited, TryLater, Unreadable

_UNKNOWN = (Fate.HIDDEN, Fate.DELETED)


class FailureLaws(Author):
    """Every answer to every question is spoilt once, in every way."""

    def spares(self, path: str, status: int) -> bool:  # noqa: ARG002 - the author's
        """Tell whether a request may be refused with a 4xx without being the refusal of the whole.

        `path` has the query in it.  A board that is no longer there may be such a case; a page of items is none.  So is
        what a token may lack a right of its own for, as for sprints (`ExtraRefused`).
        Asked with 200 it means an empty object: true for a check beside the reading, without which the connector
        answers the very same.
        """
        return False

    def test_refused_credentials_are_told(self) -> None:
        self._told((401,))

    def test_a_refusal_is_told(self) -> None:
        self._told((403, 404, 410))

    def test_an_error_is_never_emptiness(self) -> None:
        self._told((400, 402, 409, 412, 423, 451))

    def test_trouble_removes_nothing(self) -> None:
        """What is told to be deleted or moved leaves at once; what is hidden, when it was missed twice."""
        for outcome in self.outcomes(range(1000)):
            assert not (lost := _removed(outcome)), f"{outcome}: {lost} would leave at once"

    def test_limits_are_told(self) -> None:
        self._told((429,))
        for outcome in self.outcomes((429,)):
            assert isinstance(outcome.error, RateLimited)
            least, most = outcome.trouble.wait or (0, 0)
            wait = outcome.error.wait
            assert wait is not None, f"{outcome}, without the time that the tracker asks to wait"
            assert least <= wait <= most, f"{outcome}, to be waited for {wait} s"

    def test_passing_trouble_is_told(self) -> None:
        self._told((408, *range(500, 600)))
        for outcome in self.outcomes((200,)):
            if outcome.trouble.drops or outcome.trouble.tears:
                assert is_typed(outcome) or _is_passing(outcome), str(outcome)

    def test_what_is_no_answer_is_told(self) -> None:
        for outcome in self.outcomes((200,)):
            if not (outcome.trouble.drops or outcome.trouble.tears):
                assert is_typed(outcome) or _is_beside(outcome, self) or _lost_nothing(outcome), str(outcome)

    def test_errors_keep_the_token_and_the_tracker_s_words(self) -> None:
        for outcome in self.outcomes(range(1000)):
            assert not outcome.leak, f"the token, or words of the tracker, stand in {outcome.leak}: {outcome.question}"

    def test_nothing_is_printed_and_no_token_is_logged(self) -> None:
        """Standard output is the commands' own, which may be JSON; logs are kept, and read by others."""
        for outcome in self.outcomes(range(1000)):
            assert not outcome.said, f"{outcome.question}, with {outcome.trouble.name}, tells {outcome.said[:400]!r}"

    def _told(self, statuses: Sequence[int]) -> None:
        for outcome in self.outcomes(statuses):
            assert is_typed(outcome) or _is_spared(outcome, self) or _is_passing(outcome), str(outcome)

    def outcomes(self, statuses: Sequence[int]) -> list[Outcome]:
        """Return what came of answers that were spoilt with one of these statuses."""
        every = _all_outcomes(type(self))  # type: ignore[arg-type]  # a class is hashable, whatever mypy says
        found = [one for one in every if one.trouble.status in statuses]
        assert found, "nothing was asked of the tracker"
        return found


@cache
def _all_outcomes(kit: Callable[[], FailureLaws]) -> tuple[Outcome, ...]:
    """Return what comes of every question, request and trouble; the laws of a class share them."""
    with kit().trial() as trial:
        asking = Asking.of(trial)
        return tuple(one for question in asking.questions() for one in asking.outcomes(question, troubles()))


def is_partial(outcome: Outcome) -> bool:
    """Tell whether one container alone is said to be unreadable, which is no emptiness."""
    match outcome.question, outcome.answer:
        case "containers", [*found]:
            return any(isinstance(one, Unreadable) and not one.passing for one in found)
        case "check", Account() as account:
            return bool(account.missing)
    if outcome.question != "discover":
        return False
    return bool(outcome.answer) or not outcome.true  # less is listed where less is seen, but not nothing


def _is_passing(outcome: Outcome) -> bool:
    """Tell whether one container is said to be in passing trouble, and the others are told as ever."""
    if outcome.error is not None or TryLater not in outcome.trouble.wanted:
        return False
    match outcome.question, outcome.answer:
        case "containers", [*found]:
            return any(isinstance(one, Unreadable) and one.passing for one in found)
        case "check", Account() as account:
            return bool(account.missing)
    return False


def _is_spared(outcome: Outcome, author: FailureLaws) -> bool:
    """Tell whether an answer says truly that one thing of several is refused."""
    spared = author.spares(outcome.request.partition(" ")[2], outcome.trouble.status)
    if outcome.error is not None:
        return spared and isinstance(outcome.error, AccessDenied | ExtraRefused)
    return spared or (outcome.trouble.stops and is_partial(outcome)) or _says_so(outcome)


def _is_beside(outcome: Outcome, author: FailureLaws) -> bool:
    """Tell whether an empty object came for a question that is beside the matter: nothing is missing without it."""
    if outcome.error is not None or outcome.trouble.body != b"{}" or outcome.answer != outcome.true:
        return False
    return author.spares(outcome.request.partition(" ")[2], 200)


def _lost_nothing(outcome: Outcome) -> bool:
    """Tell whether the lists that were not told are none that anybody misses."""
    return outcome.error is None and outcome.trouble.nulls and outcome.answer == outcome.true


def _says_so(outcome: Outcome) -> bool:
    """Tell whether an answer that is whole has the refusal in it."""
    match outcome.question, outcome.answer:
        case "check", Account() as account if isinstance(outcome.true, Account):
            lacking = outcome.trouble.status == 401 and len(account.lacks) > len(outcome.true.lacks)
            return (outcome.trouble.stops or lacking) and account.sees == outcome.true.sees
        case "look_up", {**told} if outcome.trouble.refuses:
            return any(isinstance(one, Found) and one.fate in _UNKNOWN for one in told.values())
    return False


def _removed(outcome: Outcome) -> list[str]:
    """Return the ids of what is here, and said to be elsewhere or deleted.  410 alone says that it was deleted."""
    if outcome.question != "look_up" or not isinstance(outcome.answer, dict):
        return []
    gone = {Fate.MOVED} if outcome.trouble.status == 410 else {Fate.MOVED, Fate.DELETED}
    return [name for name, one in outcome.answer.items() if isinstance(one, Found) and one.fate in gone]
