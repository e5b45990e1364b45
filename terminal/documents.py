"""The JSON documents of commands that ask the engine or the config, as scripts rely on them (DESIGN 5)."""

from collections.abc import Sequence
from typing import Any

import orjson

from config.problems import Problem
from okrs.immutable import facts
from okrs.numbers import as_json
from store.holds import holds_json
from store.views.history import ShownEntry, cause_json
from store.views.status import status_json
from sync.lacking import Lack, NextRead
from sync.planned import Place, Planned, Ticket
from terminal.answers import Demo, Plan
from terminal.planning import note_text


def problems_json(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """The document of `validate --json`."""
    return [facts(problem) for problem in problems]


def plan_json(view: Plan) -> dict[str, Any]:
    """The document of `plan --json`."""
    return {
        "key_results": [_planned(each) for each in view.key_results],
        "changes": view.changes,
        "sources": [_next_read(each) for each in view.reads],
        "warnings": problems_json(view.warnings),
    }


def _planned(each: Planned) -> dict[str, Any]:
    terms = [orjson.loads(text) for text in each.terms or ()]
    return {
        "id": each.id,
        "title": each.title,
        "unit": each.key_result.unit if each.key_result else None,
        "old": as_json(each.old),
        "new": as_json(each.new),
        "in": [_ticket(ticket) for ticket in each.coming],
        "out": [_ticket(ticket) for ticket in each.going],
        "changed": [_ticket(ticket) for ticket in each.changed],
        "note": note_text(each),
        "changes": each.changes,
        "effects": [_effect(effect) for effect in each.effects],
        "terms": dict(zip(("old", "new"), terms, strict=True)) if terms else None,
        "lacks": [_lack(lack) for lack in each.lacks],
        "held": holds_json((each.held,))[0] if each.held else None,
    }


def _ticket(each: Ticket) -> dict[str, Any]:
    item = each.item
    return {
        "key": item.key if item else each.id,
        "url": item.url if item else None,
        "title": item.title if item else None,
        "source": each.source,
        "reason": each.reason,
        "old": [_place(place) for place in each.old],
        "new": [_place(place) for place in each.new],
        "amount": as_json(each.amount),
    }


def _place(each: Place) -> dict[str, Any]:
    return {"part": each.part, "weight": as_json(each.weight), "amount": as_json(each.amount)}


def _effect(each: ShownEntry) -> dict[str, Any]:
    entry = each.entry
    return {
        "kind": entry.kind.value,
        "old": as_json(entry.old),
        "new": as_json(entry.new),
        "causes": [cause_json(cause) for cause in each.causes],
        "why": entry.why,
    }


def _lack(each: Lack) -> dict[str, Any]:
    return {
        "source": each.source,
        "containers": list(each.unread),
        "fields": sorted(each.beyond.fields),
        "histories": each.beyond.histories,
        "sprints": each.beyond.sprints,
        "refs": each.beyond.refs,
        "queries": list(each.unasked),
    }


def _next_read(each: NextRead) -> dict[str, Any]:
    return {"name": each.source, "dropped": list(each.dropped), "added": list(each.added), "anew": each.anew}


def demo_json(story: Demo) -> dict[str, Any]:
    """The document of `demo --once --json`."""
    return {
        "config": str(story.config),
        "before": status_json(story.before),
        "after": status_json(story.after),
        "updates": [
            {
                "key_result": each.key_result,
                "old": as_json(each.old),
                "new": as_json(each.new),
                "sources": list(each.sources),
                "tickets": [key for key, _ in each.tickets],
            }
            for each in story.updates
        ],
    }
