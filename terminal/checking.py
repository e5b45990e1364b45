"""What `headway check` says of each connection: who, what it sees, what is missing, and what will be trouble soon."""

from datetime import datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from connectors.contract import Account, Quota
from terminal.answers import Checked
from terminal.reporting import instant_json, quota_json
from terminal.text import harmless

SOON = timedelta(days=14)
"""A token that ends earlier than that is worth a warning."""

SKEW = timedelta(seconds=60)
"""Clocks that differ by less do no harm."""

_COVERED = timedelta(minutes=15)
"""Every read begins that long before the last one (`sync.reading`)."""

_BAD, _WARNING, _QUIET = "red", "yellow", "dim"


def checked(answers: list[Checked]) -> RenderableType:
    """Every source with its facts, one a line; a sign and a word say what needs a hand."""
    return Group(*[line for each in answers for line in _lines(each)])


def checked_json(answers: list[Checked]) -> list[dict[str, Any]]:
    """The document of `check --json`."""
    return [_document(each) for each in answers]


def _lines(each: Checked) -> list[Text]:
    facts = [line for line in (_quota(each.quota, each.at), _skew(each.skew)) if line]
    if each.account is None:
        return [Text(f"✗ {harmless(each.source)}: {harmless(each.error or '', 400)}", _BAD), *facts]
    account, mark = each.account, "✓" if each.ok else "✗"
    who = f"signed in as {harmless(account.who)}, " if account.who else ""
    sees = ", ".join(harmless(name) for name in account.sees) or "nothing"
    lines = [Text(f"{mark} {harmless(each.source)}: {who}sees {sees}", "green" if each.ok else _BAD)]
    if account.detail:
        lines.append(Text(f"  {harmless(account.detail, 400)}", _QUIET))
    lines += [Text(f"  ✗ cannot read {harmless(name)}{_why(account, name)}", _BAD) for name in account.missing]
    lines += [Text(f"  ✗ lacks a right: {harmless(right, 400)}", _BAD) for right in account.lacks]
    return [*lines, *([_expiry(account.expires, each.at)] if account.expires else []), *facts]


def _why(account: Account, name: str) -> str:
    reason = account.reasons.get(name)
    return f": {harmless(reason, 400)}" if reason else ""


def _expiry(expires: datetime, at: datetime) -> Text:
    left = expires - at
    day = f"{expires:%Y-%m-%d}"
    if left < timedelta():
        return Text(f"  ! warning: the token ended on {day}: make a new one", _WARNING)
    when = "today or tomorrow" if left.days < 1 else f"in {left.days} day{'s' if left.days > 1 else ''}"
    if left < SOON:
        return Text(f"  ! warning: the token ends on {day}, {when}: make a new one in time", _WARNING)
    return Text(f"  the token ends on {day}, {when}", _QUIET)


def _quota(quota: Quota | None, at: datetime) -> Text | None:
    if quota is None:
        return None
    of = "" if quota.limit is None else f" of {quota.limit}"
    anew = ""
    if quota.reset is not None:
        form = "%H:%M UTC" if quota.reset.date() == at.date() else "%Y-%m-%d %H:%M UTC"
        anew = f"; begins anew at {quota.reset:{form}}"
    if quota.remaining == 0:
        return Text(f"  ! warning: no request{of} is left{anew}", _WARNING)
    return Text(f"  {quota.remaining}{of} requests left{anew}", _QUIET)


def _skew(skew: timedelta | None) -> Text | None:
    if skew is None or abs(skew) <= SKEW:
        return None
    ahead = skew > timedelta()
    where = f"{_length(abs(skew))} {'ahead of' if ahead else 'behind'} the tracker's"
    if ahead and skew > _COVERED:
        harm = "changes may be missed, and cycles begin and end too early"
    elif ahead:
        harm = "cycles begin and end too early; nothing is missed yet, because reads overlap by 15 minutes"
    else:
        harm = "cycles begin and end too late, and more is read than needed"
    return Text(f"  ! warning: this machine's clock is {where}: {harm}. Set the clock.", _WARNING)


def _length(span: timedelta) -> str:
    seconds = round(span.total_seconds())
    if seconds < 7200:
        return f"{seconds // 60} min" if seconds >= 120 else f"{seconds} s"
    return f"{seconds // 3600} h" if seconds < 2 * 86400 else f"{seconds // 86400} days"


def _document(each: Checked) -> dict[str, Any]:
    account = each.account or Account(who="", sees=())
    return {
        "source": each.source,
        "connector": each.connector,
        "ok": each.ok,
        "who": each.account.who if each.account else None,
        "sees": list(account.sees),
        "missing": list(account.missing),
        "reasons": {name: account.reasons[name] for name in account.missing if name in account.reasons},
        "lacks": list(account.lacks),
        "expires": instant_json(account.expires),
        "quota": each.quota and quota_json(each.quota),
        "clock_skew_seconds": None if each.skew is None else round(each.skew.total_seconds()),
        "detail": each.account.detail if each.account else None,
        "error": each.error,
    }
