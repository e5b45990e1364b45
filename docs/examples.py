"""An example of every key of a mapping, by the name of its model and the key; `docs.generate` shows them.

A new key needs one here.  Each is an entry of `mappings:`, or top-level keys, and a test loads it.
"""

from collections.abc import Mapping


def _part(part: str) -> str:
    return f"- key_result: checkout\n  from:\n    - {{{part}}}"


def _where(clause: str, source: str = "pay-jira") -> str:
    return _part(f"source: {source}, where: {{{clause}}}, measure: count")


_TEMPLATE = """
templates:
  bugs-of:
    params: [team]
    mapping:
      from:
        - {source: pay-jira, where: {type: Bug, label: "{team}"}, measure: count}
mappings:
  - key_result: checkout
    use: bugs-of
    with: {team: payments}
"""

EXAMPLES: Mapping[tuple[str, str], str] = {
    ("MappingEntry", "key_result"): _where("type: Bug"),
    ("MappingEntry", "from"): _where("type: Bug, label: p1"),
    ("MappingEntry", "combine"): """
- key_result: checkout
  combine: sum
  from:
    - {source: pay-jira, where: {label: checkout}, measure: count}
    - {source: web-github, where: {label: checkout}, measure: count}
""",
    ("MappingEntry", "add_start"): """
- key_result: checkout
  add_start: true
  from:
    - {source: launch-asana, where: {section: Interviews}, measure: count}
""",
    ("PartEntry", "source"): _part("source: web-github, where: {kind: pull_request}, measure: count"),
    ("PartEntry", "where"): _part("source: pay-jira, where: {type: [Bug, Incident], label: p1}, measure: count"),
    ("PartEntry", "measure"): _part("source: pay-jira, where: {epic: PAY-42}, measure: percent"),
    ("PartEntry", "by"): _part("source: pay-jira, where: {epic: PAY-42}, measure: sum, by: story_points"),
    ("PartEntry", "missing"): _part(
        "source: pay-jira, where: {epic: PAY-42}, measure: percent, by: story_points, missing: mean"
    ),
    ("PartEntry", "counts"): _part("source: pay-jira, where: {type: Bug}, measure: count, counts: open"),
    ("PartEntry", "done_when"): _part("source: pay-jira, measure: percent, done_when: {status: [Released, Done]}"),
    ("PartEntry", "cancelled"): _part("source: pay-jira, where: {epic: PAY-42}, measure: percent, cancelled: complete"),
    ("PartEntry", "window"): _part("source: pay-jira, where: {epic: PAY-42}, measure: percent, window: cycle"),
    ("PartEntry", "weight"): """
- key_result: checkout
  combine: weighted_mean
  from:
    - {source: pay-jira, where: {epic: PAY-42}, measure: percent, weight: 2}
    - {source: web-github, where: {milestone: One-click v1}, measure: percent}
""",
    ("PartEntry", "add_start"): _part(
        "source: launch-asana, where: {section: Interviews}, measure: count, add_start: true"
    ),
    ("Where", "project"): _where("project: acme/web", "web-github"),
    ("Where", "type"): _where("type: [Bug, Incident]"),
    ("Where", "kind"): _where("kind: pull_request, label: speed", "web-github"),
    ("Where", "label"): _where("label: [accessibility, a11y]"),
    ("Where", "state"): _where("state: [todo, doing]"),
    ("Where", "status"): _where("status: In review"),
    ("Where", "resolution"): _where("resolution: Fixed"),
    ("Where", "milestone"): _where("milestone: One-click v1", "web-github"),
    ("Where", "epic"): _where("epic: PAY-42"),
    ("Where", "parent"): _where('kind: subtask, parent: "1204000000000077"', "launch-asana"),
    ("Where", "section"): _where("section: Checklist", "launch-asana"),
    ("Where", "assignee"): _where("assignee: mira@acme.example"),
    ("Where", "key"): _where("key: [PAY-12, PAY-15]"),
    ("Where", "query"): _where("query: component = Checkout AND priority = High"),
    ("Where", "sprint"): _where("sprint: Payments 12"),
    ("Where", "not"): _where("type: Bug, not: {label: test-only}"),
    ("Where", "all"): _where("all: [{label: checkout}, {label: p1}]"),
    ("Where", "any"): _where("any: [{type: Bug}, {label: defect}]"),
    ("Where", "created"): _where("type: Bug, created: cycle"),
    ("Where", "closed"): _where("type: Bug, closed: last 14d"),
    ("MappingEntry", "scale"): """
- key_result: checkout
  scale: {from: [0, 5]}
  from:
    - {source: pay-jira, where: {label: checkout}, measure: count}
""",
    ("MappingEntry", "regress"): """
- key_result: checkout
  regress: ratchet
  from:
    - {source: pay-jira, where: {epic: PAY-42}, measure: percent}
""",
    ("MappingEntry", "use"): _TEMPLATE,
    ("MappingEntry", "with"): _TEMPLATE,
    ("ScaleEntry", "from"): """
- key_result: checkout
  scale: {from: [1, 8]}
  from:
    - {source: web-github, where: {kind: pull_request}, measure: throughput}
""",
    ("PartEntry", "stat"): _part("source: pay-jira, where: {type: Bug}, measure: lead_time, stat: p85"),
    ("PartEntry", "of"): _part("source: pay-jira, where: {type: Bug}, measure: ratio, of: {label: regression}"),
    ("PartEntry", "scope"): _part("source: pay-jira, where: {epic: PAY-42}, measure: percent, scope: frozen"),
    ("PartEntry", "partial"): _part("source: pay-jira, where: {epic: PAY-42}, measure: percent, partial: {doing: 0.5}"),
    ("PartEntry", "once"): """
- key_result: checkout
  combine: sum
  from:
    - {source: pay-jira, where: {label: checkout}, measure: count}
    - {source: web-github, where: {kind: pull_request, label: checkout}, measure: count, once: true}
""",
    ("PartEntry", "regress"): _part("source: pay-jira, where: {epic: PAY-42}, measure: percent, regress: ratchet"),
    ("PartialEntry", "todo"): _part("source: pay-jira, measure: percent, partial: {todo: 0.1, doing: 0.5}"),
    ("PartialEntry", "doing"): _part("source: pay-jira, measure: percent, partial: {doing: 0.5}"),
    ("DoneWhenEntry", "status"): _part("source: pay-jira, measure: percent, done_when: {status: Released}"),
    ("DoneWhenEntry", "resolution"): _part("source: pay-jira, measure: percent, done_when: {resolution: Fixed}"),
}
