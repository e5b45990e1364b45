"""The retry policy, for what failed once: how long is waited before it is asked again, and when it is given up.

Loaded where something failed; most runs never need it.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_base

from connectors.contract import RateLimited, TryLater

ATTEMPTS: Final = 4

_T = TypeVar("_T")


class _AskedWait(wait_base):
    """Wait as long as the tracker asked; else 1, 2, 4 … seconds, and a minute when limited without a time."""

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        if isinstance(error, RateLimited):
            return 60.0 if error.wait is None else error.wait
        return float(2 ** (retry_state.attempt_number - 1))


def again(
    failed: TryLater,
    call: Callable[[], _T],
    *,
    longest: float,
    gave_up: Callable[[], bool],
    sleep: Callable[[float], None],
) -> _T:
    """Return what a call answers that failed once, asked again after pauses of `longest` seconds in all.

    Raises the last TryLater when it was asked often enough, or somebody gave the tracker up; any other error at once.
    """
    first: list[TryLater] = [failed]

    def attempt() -> _T:
        if first:  # the policy counts the attempt that was made before it was loaded
            raise first.pop()
        return call()

    def too_long(state: RetryCallState) -> bool:
        return state.idle_for + state.upcoming_sleep > longest

    retrying = Retrying(
        retry=retry_if_exception_type(TryLater),
        wait=_AskedWait(),
        stop=lambda state: gave_up() or too_long(state) or stop_after_attempt(ATTEMPTS)(state),
        sleep=sleep,
        reraise=True,
    )
    answer: _T = retrying(attempt)
    return answer
