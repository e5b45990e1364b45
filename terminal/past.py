"""What `--at` says: an answer as it was known at a past time, and what is known now."""

from collections.abc import Iterator
from decimal import Decimal

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from okrs.immutable import replace
from okrs.objective import KeyResult, Numeric
from store.views.explain_past import Differing, ExplainedThen, KnownNow
from store.views.status_past import StatusThen
from terminal import render
from terminal.explaining import explained
from terminal.ports import When
from terminal.reporting import number
from terminal.text import harmless, local_time, when_in

_NO_TERMS = Numeric(Decimal(0), Decimal(1))
"""For one of which no terms are on record: nothing is said of them."""


def when_of(text: str) -> When:
    """Read a day, or a time, with an offset or in the time zone of the config.  Raises BadParameter."""
    try:
        return when_in(text)
    except ValueError:
        told = f"{harmless(text)} is neither a day, as 2026-11-20, nor a time, as 2026-11-20T12:00"
        raise typer.BadParameter(told, param_hint="--at") from None


def explained_then(view: ExplainedThen, known: KeyResult | None, zone: str) -> RenderableType:
    """A value from its tickets as they were known then, and before that what is known of it now.

    `known` is the key result as the config has it; of one that left the config, the title is not kept.
    """
    name = view.answer.key_result
    key_result = known or KeyResult(name, "", "", name, _NO_TERMS)
    if view.terms is not None:
        key_result = replace(key_result, terms=view.terms)
    return Group(_head(view, zone), *_now(view), explained(view.answer, key_result))


def _head(view: ExplainedThen, zone: str) -> Text:
    if not view.reconstructed:
        return Text(f"As it was known at {local_time(view.at, zone)}:", "dim")
    told = f"It was not measured at {local_time(view.at, zone)}: this is rebuilt from the tickets' own dates"
    return Text(f"{told}{_approximate(view.approximate)}.", "yellow")


def _now(view: ExplainedThen) -> Iterator[Text]:
    known = view.known_now
    if view.queries:
        yield Text("What its query found then is not kept: of what did not count, only what was measured is told.")
    if known is None:
        yield Text("Whether anything else is known of that time now cannot be told.", "dim")
    elif known.differs or known.tickets:
        yield from _corrections(known, view)


def _corrections(known: KnownNow, view: ExplainedThen) -> Iterator[Text]:
    then = "was recorded" if view.reconstructed else "was seen"
    yield Text(
        f"What {then} then: {number(view.answer.value)}. What is known now of that time: {number(known.value)}"
        f"{_approximate(known.approximate)}.",
        "yellow",
    )
    yield from (Text(f"  {_differing(each)}") for each in known.tickets)


def _differing(each: Differing) -> str:
    key, title = harmless(each.item.key), harmless(each.item.title)
    return f"{key} {title}: {_amount(each.then)} then, {_amount(each.now)} by what is known now"


def _amount(amount: object) -> str:
    return "not on the line" if amount is None else f"{amount:f}".rstrip("0").rstrip(".") or "0"


def _approximate(names: tuple[str, ...]) -> str:
    return f" (approximate: {harmless(', '.join(names), 200)} as of today)" if names else ""


def status_then(view: StatusThen, zone: str) -> RenderableType:
    """Where every key result stood."""
    lines: list[RenderableType] = [Text(f"As it was known at {local_time(view.at, zone)}:", "dim")]
    if view.since is None or view.since > view.at:
        since = f"the first entry is of {local_time(view.since, zone)}" if view.since else "nothing is measured yet"
        lines.append(Text(f"Nothing was known then: {since}.", "yellow"))
    if any(each.reconstructed for each in view.view.key_results):
        told = "What is reconstructed was not measured then: it is rebuilt from the tickets' own dates."
        lines.append(Text(told, "yellow"))
    return Group(*lines, render.status(view.view, past=True))
