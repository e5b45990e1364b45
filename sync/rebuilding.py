"""`backfill`: the days of a cycle before a key result was first measured, from the trackers' own dates.

rebuild(history, rule)          pure: `mapping.past.days_of`
what_is_new(days, on record)    pure: the days whose value is another one than what is on record
under the ledger's lock:        is it still what was looked at?  One entry for each of these days
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from mapping.codec import rule_hash, rule_text
from mapping.past import Day, days_of
from mapping.rule import Rule
from okrs.cycle import Calendar
from okrs.immutable import immutable
from okrs.lanes import value_on
from okrs.ledger import Entry, EntryKind, canonical_json
from okrs.objective import KeyResult
from store import finals, ledger, past, scopes
from store.database import Database
from store.ledger import Draft
from sync.recording import Run


@immutable
class Span:
    """Local days, both included."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]


class ClosedError(Exception):
    """Its cycle is closed: nothing of it changes any more."""


class ChangedMeanwhileError(Exception):
    """Its rule changed while it was looked at."""


def span_of(rule: Rule, calendar: Calendar, measured: datetime | None, now: datetime) -> Span | None:
    """Return the days of a rule's cycle that lie before its first measurement and are over; None where none does."""
    first, last = calendar.day_of(rule.period.start), calendar.day_of(rule.period.end - timedelta.resolution)
    until = calendar.day_of(now if measured is None else min(measured, now)) - timedelta(days=1)
    return Span(first, min(last, until)) if first <= min(last, until) else None


def rebuild(database: Database, name: str, rule: Rule, span: Span, calendar: Calendar) -> list[Day]:
    """Rebuild the days of a key result from what the mirror holds.  Raises ArithmeticError for absurd estimates."""
    with database.read() as connection:
        history = past.history_of(connection, rule.sources, scopes.of_key_result(connection, name))
    return days_of(rule, history, span.days, calendar)


def what_is_new(days: Iterable[Day], known: Mapping[date, Decimal | None], rule: str) -> list[Draft]:
    """Return an entry for each day whose value is another one than what is on record; its `old` is the day before's.

    Days without an entry of their own have the value of the day before.
    """
    values, drafts = dict(known), list[Draft]()
    for each in days:
        if each.value == value_on(each.day, values):
            continue
        details = canonical_json({"day": each.day.isoformat(), "approximate": list(each.approximate)})
        before = value_on(each.day - timedelta(days=1), values)
        values[each.day] = each.value
        drafts.append(Draft(EntryKind.RECONSTRUCTED, before, each.value, rule, details=details))
    return drafts


def write_rebuilt(
    database: Database, key_result: KeyResult, rule: Rule, days: Iterable[Day], *, run: Run, now: datetime
) -> list[Entry]:
    """Write what is new of rebuilt days.

    Raises ClosedError, and ChangedMeanwhileError where another rule is in force by now.
    """
    text = rule_text(rule)
    digest = rule_hash(text)
    with database.write() as connection:
        head = ledger.lock_head(connection)
        if finals.ended(connection).stops(key_result):
            raise ClosedError
        name = key_result.id
        state = ledger.state_of(connection, name)
        if state is not None and state.rule != digest:
            raise ChangedMeanwhileError
        drafts = what_is_new(days, values_of(connection, name), digest)
        if not drafts:
            return []
        ledger.keep_rules(connection, {digest: text})
        return ledger.append(connection, head, name, drafts, at=now, run=run.id)


def values_of(connection: Connection, name: str) -> dict[date, Decimal | None]:
    """Return the values that are on record of days before the first measurement."""
    return {day: entry.new for day, entry in past.reconstructed(connection, name).items()}
