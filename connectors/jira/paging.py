"""The search: its JQL, and where its next page begins.  A listing that does not come to its end is malformed."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from math import ceil

import orjson

from connectors.contract import Cursor, MalformedAnswer
from connectors.jira.payload import Json, maybe, needed

PAGE_SIZE = 100
"""Issues a page; Jira gives no more once fields are asked for, and may give fewer."""

MOST_PAGES = 50_000
"""No project is larger; a listing that goes on is one that never ends."""

_QUOTED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"})


def quoted(text: str) -> str:
    """Return the text as a string of JQL."""
    return f'"{text.translate(_QUOTED)}"'


def jql(project: str, cursor: Cursor) -> str:
    """Return the query for a project's issues, in an order that no later change of an issue disturbs.

    The window is relative and in whole minutes: an absolute time would be read in the account's time zone.
    It has no upper bound, as an issue that keeps changing would escape it.
    """
    since = "" if cursor.since is None else f" AND updated >= {quoted(f'-{_minutes(cursor.since, cursor.now)}m')}"
    return f"project = {quoted(project)}{since} ORDER BY created ASC, key ASC"


def _minutes(since: datetime, now: datetime) -> int:
    return max(1, ceil((now - since).total_seconds() / 60))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of a project begins; it travels as JSON in the cursor."""

    project: str
    """Key of the project at the first page."""
    page: int = 1
    start: int = 0
    """Data Center: how many issues came before."""
    token: str | None = None
    """Cloud: the token of this page, None for the first."""
    mark: str | None = None
    """Cloud: the token of page 2, 4, 8 … that came last: meeting it again means going in circles (Brent)."""

    @classmethod
    def parse(cls, text: str) -> "Place":
        return cls(**orjson.loads(text))

    def text(self) -> str:
        return orjson.dumps(asdict(self)).decode()

    def asked(self, cloud: bool) -> dict[str, str | int]:
        """Return the parameters that ask for this page."""
        if not cloud:
            return {"startAt": self.start, "maxResults": PAGE_SIZE}
        first: dict[str, str | int] = {"maxResults": PAGE_SIZE}
        return first if self.token is None else {**first, "nextPageToken": self.token}

    def following(self, answer: Json, count: int, cloud: bool) -> "Place | None":
        """Return where the page after this answer of `count` issues begins, None after the last one."""
        what = f"the issues of {self.project}"
        after = self._by_token(answer, what) if cloud else self._by_number(answer, count, what)
        if after is not None and after.page > MOST_PAGES:
            raise _endless(what)
        return after

    def _by_token(self, answer: Json, what: str) -> "Place | None":
        token = maybe(answer, "nextPageToken", str, what)
        last = maybe(answer, "isLast", bool, what)
        if last or (not token and last is None):
            return None
        if not token:
            raise MalformedAnswer(f"Jira cut the list of {what} short: more was announced, without a way to it.")
        if token in (self.token, self.mark):
            raise _endless(what)
        page = self.page + 1
        return replace(self, page=page, token=token, mark=self.mark if page & (page - 1) else token)

    def _by_number(self, answer: Json, count: int, what: str) -> "Place | None":
        total = needed(answer, "total", int, what)
        if maybe(answer, "startAt", int, what) not in (None, self.start):
            raise MalformedAnswer(f"Jira answered with another page of {what} than the one asked for.")
        end = self.start + count
        if end >= total:
            return None
        if count == 0:
            raise MalformedAnswer(f"Jira cut the list of {what} short: {total} announced, {end} given.")
        return replace(self, page=self.page + 1, start=end)


def _endless(what: str) -> MalformedAnswer:
    return MalformedAnswer(f"Jira's list of {what} goes in circles and never ends; nothing of it was used.")
