"""The JSON documents that scripts rely on, as data: every key named here must be there, more keys may be."""

from collections.abc import Iterator, Mapping
from typing import Any


class _Number:
    def __repr__(self) -> str:
        return "a number"


NUMBER = _Number()
MAYBE_TEXT = (str, None)
MAYBE_NUMBER = (NUMBER, None)
INSTANT = "…T…Z"
"""An ISO 8601 time in UTC."""

STATUSES = frozenset({"closed", "stale", "not_started", "achieved", "on_track", "at_risk", "off_track"})

QUARANTINE = [
    {
        "file": str,
        "message": str,
        "problem": str,
        "key_results": [str],
        "runs": bool,
        "since": (INSTANT, None),
    }
]

GAPS = [{"key_result": str, "part": int, "source": str}]

REFUSED = [{"key_result": str, "source": str, "field": str, "error": str}]
REFUSED_QUERIES = [{"key_result": str, "source": str, "query": str, "error": str}]

OVERRIDE: dict[str, Any] = {"value": NUMBER, "why": str, "by": str, "until": (INSTANT, None)}

STATUS: dict[str, Any] = {
    "cycle": MAYBE_TEXT,
    "objectives": [
        {"id": str, "title": str, "cycle": str, "progress": NUMBER, "status": STATUSES, "grade": MAYBE_NUMBER}
    ],
    "key_results": [
        {
            "id": str,
            "objective": str,
            "cycle": str,
            "title": str,
            "unit": str,
            "start": MAYBE_NUMBER,
            "target": MAYBE_NUMBER,
            "value": MAYBE_NUMBER,
            "progress": NUMBER,
            "expected": NUMBER,
            "status": STATUSES,
            "pace": STATUSES,
            "stale": bool,
            "held": bool,
            "reading": bool,
            "error": MAYBE_TEXT,
            "quarantined": MAYBE_TEXT,
            "automatic": MAYBE_NUMBER,
            "override": (OVERRIDE, None),
            "checkin": ({"note": str, "confidence": MAYBE_NUMBER, "by": str, "at": INSTANT}, None),
            "grade": MAYBE_NUMBER,
            "closed_at": (INSTANT, None),
            "belongs_to": (str, None),
            "updated_at": (INSTANT, None),
        }
    ],
    "sources": [
        {
            "name": str,
            "connector": frozenset({"jira", "asana", "github"}),
            "state": frozenset({"ok", "degraded", "unauthenticated", "never"}),
            "items": int,
            "last_success": (INSTANT, None),
            "error": MAYBE_TEXT,
            "unanswered": [str],
        }
    ],
    "selects_nothing": GAPS,
    "refused_fields": REFUSED,
    "refused_queries": REFUSED_QUERIES,
    "quarantine": QUARANTINE,
}

_UNKNOWN = {"reading": None, "error": None, "quarantined": None}
STATUS_AT: dict[str, Any] = STATUS | {
    "at": INSTANT,
    "known_since": (INSTANT, None),
    "key_results": [
        STATUS["key_results"][0]
        | _UNKNOWN
        | {
            "override": ({"value": NUMBER, "why": str, "by": str, "until": (INSTANT, None)}, None),
            "grade": MAYBE_NUMBER,
            "reconstructed": bool,
            "approximate": [str],
        }
    ],
    "sources": [STATUS["sources"][0] | {"error": None, "unanswered": None}],
    "selects_nothing": None,
    "refused_fields": None,
    "refused_queries": None,
    "quarantine": None,
}

HOLD: dict[str, Any] = {
    "id": str,
    "key_result": str,
    "old": MAYBE_NUMBER,
    "new": MAYBE_NUMBER,
    "reason": str,
    "since": INSTANT,
}

HOLDS = [HOLD]

APPROVE: dict[str, Any] = {"key_result": str, "old": MAYBE_NUMBER, "new": MAYBE_NUMBER, "seq": int}

REJECT = APPROVE

SET: dict[str, Any] = {
    "key_result": str,
    "old": MAYBE_NUMBER,
    "new": MAYBE_NUMBER,
    "automatic": MAYBE_NUMBER,
    "override": (OVERRIDE, None),
    "seq": (int, None),
    "written": bool,
}

RESUME = SET

CHECKIN: dict[str, Any] = {
    "key_result": str,
    "value": MAYBE_NUMBER,
    "note": str,
    "confidence": MAYBE_NUMBER,
    "by": str,
    "at": INSTANT,
    "seq": int,
}

CLOSE: dict[str, Any] = {
    "cycle": str,
    "closed_at": INSTANT,
    "head": str,
    "objectives": [{"id": str, "title": str, "grade": NUMBER}],
    "key_results": [
        {
            "id": str,
            "objective": str,
            "title": str,
            "value": MAYBE_NUMBER,
            "progress": NUMBER,
            "grade": NUMBER,
            "graded": bool,
            "seq": int,
        }
    ],
}

SYNC: dict[str, Any] = {
    "run": str,
    "sources": [
        {
            "name": str,
            "state": frozenset({"ok", "failed", "unauthenticated", "skipped"}),
            "requests": int,
            "seen": int,
            "changed": int,
            "removed": int,
            "missed": int,
            "error": MAYBE_TEXT,
            "quota": ({"remaining": int, "limit": (int, None), "reset": (INSTANT, None), "near": bool}, None),
            "wait_until": (INSTANT, None),
        }
    ],
    "updates": [{"key_result": str, "old": MAYBE_NUMBER, "new": MAYBE_NUMBER}],
    "corrections": [{"key_result": str, "old": MAYBE_NUMBER, "new": MAYBE_NUMBER}],
    "retired": [{"key_result": str, "why": str}],
    "resumed": [{"key_result": str, "old": NUMBER}],
    "held": HOLDS,
    "selects_nothing": GAPS,
    "refused_fields": REFUSED,
    "refused_queries": REFUSED_QUERIES,
    "dry_run": bool,
    "anchor": ({"to": str, "seq": int, "hash": str, "at": INSTANT, "problem": MAYBE_TEXT}, None),
    "quarantine": QUARANTINE,
}

REASONS = frozenset(
    {
        "open",
        "done",
        "cancelled",
        "outside_window",
        "duplicate",
        "no_estimate",
        "no_history",
        "no_match",
        "not_in_scope",
    }
)

EXPLAIN: dict[str, Any] = {
    "key_result": str,
    "value": MAYBE_NUMBER,
    "at": INSTANT,
    "combine": MAYBE_TEXT,
    "scale": None,
    "add_start": MAYBE_NUMBER,
    "quarantined": MAYBE_TEXT,
    "refused_fields": REFUSED,
    "refused_queries": REFUSED_QUERIES,
    "held": (HOLD, None),
    "override": (OVERRIDE, None),
    "closed": (
        {
            "cycle": str,
            "at": INSTANT,
            "value": MAYBE_NUMBER,
            "grade": NUMBER,
            "graded": bool,
            "by": MAYBE_TEXT,
            "why": MAYBE_TEXT,
            "known_now": MAYBE_NUMBER,
            "corrections": [{"seq": int, "at": INSTANT, "old": MAYBE_NUMBER, "new": MAYBE_NUMBER}],
        },
        None,
    ),
    "parts": [
        {
            "source": str,
            "measure": str,
            "value": MAYBE_NUMBER,
            "weight": MAYBE_NUMBER,
            "numerator": NUMBER,
            "denominator": MAYBE_NUMBER,
            "counted": [
                {
                    "key": str,
                    "url": str,
                    "title": str,
                    "type": MAYBE_TEXT,
                    "state": frozenset({"todo", "doing", "done", "cancelled"}),
                    "weight": NUMBER,
                    "amount": NUMBER,
                }
            ],
            "excluded": [{"key": str, "url": str, "title": str, "reason": REASONS, "weight": MAYBE_NUMBER}],
            "not_read": [
                {"above": str, "items": int, "examples": [str], "error": MAYBE_TEXT, "asked_at": (INSTANT, None)}
            ],
        }
    ],
}

EXPLAIN_AT: dict[str, Any] = EXPLAIN | {
    "reconstructed": bool,
    "approximate": [str],
    "excluded_unknown": bool,
    "known_now": (
        {
            "value": MAYBE_NUMBER,
            "differs": bool,
            "approximate": [str],
            "tickets": [{"part": int, "key": str, "url": str, "title": str, "then": MAYBE_NUMBER, "now": MAYBE_NUMBER}],
        },
        None,
    ),
}

BACKFILL: dict[str, Any] = {
    "key_result": str,
    "run": str,
    "first": MAYBE_TEXT,
    "last": MAYBE_TEXT,
    "days": int,
    "approximate": [str],
    "written": [{"seq": int, "day": str, "old": MAYBE_NUMBER, "new": MAYBE_NUMBER, "approximate": [str]}],
}

CAUSES = frozenset(
    {
        "closed",
        "reopened",
        "added",
        "removed",
        "re_estimated",
        "cancelled",
        "moved",
        "deleted",
        "hidden",
        "time",
        "baseline",
        "rule",
        "override",
    }
)

HISTORY: list[Any] = [
    {
        "seq": int,
        "at": INSTANT,
        "kind": str,
        "old": MAYBE_NUMBER,
        "new": MAYBE_NUMBER,
        "causes": [{"kind": CAUSES, "key": MAYBE_TEXT, "url": MAYBE_TEXT, "delta": NUMBER}],
        "run": MAYBE_TEXT,
        "headway_version": MAYBE_TEXT,
        "sources": [{"name": str, "connector": MAYBE_TEXT, "version": MAYBE_TEXT, "run": MAYBE_TEXT}],
        "rule": MAYBE_TEXT,
        "rule_text": MAYBE_TEXT,
        "by": MAYBE_TEXT,
        "why": MAYBE_TEXT,
        "hash": str,
        "prev": str,
    }
]

ANCHOR: dict[str, Any] = {"seq": int, "hash": str, "at": INSTANT}

VERIFY: dict[str, Any] = {
    "ok": bool,
    "entries": int,
    "head": str,
    "first_bad": (int, None),
    "problem": MAYBE_TEXT,
    "anchors": ({"file": str, "count": int, "broken": ({"line": int} | ANCHOR | {"at": (INSTANT, None)}, None)}, None),
}

EXPORT: dict[str, Any] = {"file": str, "lines": int, "entries": int, "head": {"seq": int, "hash": str}}

IMPORT: dict[str, Any] = {"file": str, "lines": int, "entries": int, "head": str, "written_by": str}

BACKUP: dict[str, Any] = {"file": str, "bytes": int}

PRUNE: dict[str, Any] = {
    "before": INSTANT,
    "versions": int,
    "runs": int,
    "bytes": int,
    "dry_run": bool,
    "vacuumed": bool,
}

FORGET: dict[str, Any] = {
    "tickets": [{"source": str, "key": str}],
    "versions": int,
    "items": int,
    "people": int,
    "entries": int,
    "sources": [{"name": str, "items": int}],
    "unknown": [str],
    "may_move": [str],
    "clean": bool,
}

VALIDATE: list[Any] = [
    {
        "file": str,
        "line": int,
        "column": int,
        "path": str,
        "message": str,
        "severity": frozenset({"error", "warning"}),
    }
]

WHICH: list[Any] = [
    {
        "key_result": str,
        "part": int,
        "counted": bool,
        "amount": MAYBE_NUMBER,
        "reason": (REASONS, None),
        "closed": MAYBE_TEXT,
        "held": ({"id": str, "rejected": bool}, None),
    }
]

_PLACE = {"part": int, "weight": NUMBER, "amount": NUMBER}
_TICKET = {
    "key": str,
    "url": MAYBE_TEXT,
    "title": MAYBE_TEXT,
    "source": str,
    "reason": (REASONS | {"deleted", "hidden", "removed"}, None),
    "old": [_PLACE],
    "new": [_PLACE],
    "amount": NUMBER,
}

PLAN: dict[str, Any] = {
    "key_results": [
        {
            "id": str,
            "title": MAYBE_TEXT,
            "unit": MAYBE_TEXT,
            "old": MAYBE_NUMBER,
            "new": MAYBE_NUMBER,
            "in": [_TICKET],
            "out": [_TICKET],
            "changed": [_TICKET],
            "note": str,
            "changes": bool,
            "effects": [
                {
                    "kind": str,
                    "old": MAYBE_NUMBER,
                    "new": MAYBE_NUMBER,
                    "causes": [{"kind": CAUSES, "key": MAYBE_TEXT, "url": MAYBE_TEXT, "delta": NUMBER}],
                    "why": MAYBE_TEXT,
                }
            ],
            "terms": ({"old": dict, "new": dict}, None),
            "lacks": [
                {
                    "source": str,
                    "containers": [str],
                    "fields": [str],
                    "histories": bool,
                    "sprints": bool,
                    "refs": bool,
                    "queries": [str],
                }
            ],
            "held": (HOLD, None),
        }
    ],
    "changes": bool,
    "sources": [{"name": str, "dropped": [str], "added": [str], "anew": bool}],
    "warnings": VALIDATE,
}

CHECK: list[Any] = [
    {
        "source": str,
        "connector": str,
        "ok": bool,
        "who": MAYBE_TEXT,
        "sees": [str],
        "missing": [str],
        "reasons": dict,
        "lacks": [str],
        "expires": (INSTANT, None),
        "quota": ({"remaining": int, "limit": (int, None), "reset": (INSTANT, None), "near": bool}, None),
        "clock_skew_seconds": (int, None),
        "detail": MAYBE_TEXT,
        "error": MAYBE_TEXT,
    }
]

DISCOVER: list[Any] = [
    {
        "what": frozenset({"project", "milestone", "epic", "sprint", "section", "label", "field", "type", "status"}),
        "value": str,
        "name": str,
        "container": str,
        "note": str,
    }
]

MAPPING_TEST: dict[str, Any] = {
    "ok": bool,
    "cases": [
        {
            "key_result": str,
            "name": MAYBE_TEXT,
            "file": str,
            "line": int,
            "ok": bool,
            "expected": MAYBE_NUMBER,
            "value": MAYBE_NUMBER,
            "items": dict,
            "differences": [
                {
                    "about": frozenset({"value", "counted", "excluded"}),
                    "key": MAYBE_TEXT,
                    "expected": str,
                    "got": str,
                }
            ],
        }
    ],
}

DEMO: dict[str, Any] = {
    "config": str,
    "before": STATUS,
    "after": STATUS,
    "updates": [{"key_result": str, "old": MAYBE_NUMBER, "new": MAYBE_NUMBER, "sources": [str]}],
}


def complaints(value: Any, shape: Any, at: str = "$") -> Iterator[str]:
    """Tell, with its place, everything of a document that is not as its shape says."""
    if isinstance(shape, Mapping) and isinstance(value, dict):
        yield from (f"{at}.{key} is missing" for key in shape if key not in value)
        for key in shape.keys() & value.keys():
            yield from complaints(value[key], shape[key], f"{at}.{key}")
    elif isinstance(shape, list) and isinstance(value, list):
        for number, each in enumerate(value):
            yield from complaints(each, shape[0], f"{at}[{number}]")
    elif not _fits(value, shape):
        yield f"{at}: {value!r} is not {shape}"


def _fits(value: Any, shape: Any) -> bool:
    if isinstance(shape, tuple):
        return any(not list(complaints(value, one)) for one in shape)
    if isinstance(shape, Mapping | list) or shape is None:
        return shape is None and value is None
    if shape is NUMBER:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if shape is INSTANT:
        return isinstance(value, str) and "T" in value and value.endswith("Z")
    if isinstance(shape, frozenset):
        return value in shape
    return isinstance(value, shape) and (shape is bool or not isinstance(value, bool))
