"""The JSON documents of commands that ask the engine or the config, as scripts rely on them (DESIGN 5)."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from config.problems import Problem
from okrs.numbers import as_json
from store.views.gaps import gaps_json
from store.views.status import status_json
from terminal.ports import Demo, Synced


def problems_json(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """The document of `validate --json`."""
    return [asdict(problem) for problem in problems]


def report_json(synced: Synced) -> dict[str, Any]:
    """The document of `sync --json`."""
    report = synced.report
    return {
        "run": report.run,
        "sources": [asdict(source) | {"state": source.state.value} for source in report.sources],
        "updates": [
            {"key_result": each.key_result, "old": as_json(each.old), "new": as_json(each.new)}
            for each in report.updates
        ],
        "held": [],
        "selects_nothing": gaps_json(synced.gaps),
        "dry_run": synced.dry_run,
    }


def demo_json(story: Demo) -> dict[str, Any]:
    """The document of `demo --once --json`."""
    return {
        "config": str(story.config),
        "before": status_json(story.before) if story.before else None,
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
