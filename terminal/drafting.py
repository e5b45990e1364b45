"""The text of a first `headway.yaml`: complete, valid, and with comments that teach."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta

import yaml

from config.drafting import Question, SourceDraft, Value
from connectors.contract import Listed, What
from okrs.cycle import Cycle
from okrs.immutable import immutable
from okrs.work import fold_key
from terminal.discovering import remark, scalar, written
from terminal.proposing import Proposal, proposals
from terminal.text import harmless

OBJECTIVE = "first-objective"
SCHEMA = "headway.schema.json"

_LONGEST_TOLD = 110
_MOST_SHOWN = 20
"""Projects that are offered as comments."""


@immutable
class Started:
    """A source of the config to come, and what was found at its tracker: nothing where nobody looked."""

    draft: SourceDraft
    questions: Sequence[Question]
    listed: Sequence[Listed] = ()
    others: Sequence[str] = ()
    """Keys that the source may have besides."""


def quarter(day: date) -> Cycle:
    """Return the quarter of a day as a cycle."""
    number = (day.month - 1) // 3
    start = date(day.year, 3 * number + 1, 1)
    after = date(day.year + 1, 1, 1) if number == 3 else date(day.year, 3 * number + 4, 1)
    return Cycle(f"{day.year}-Q{number + 1}", start, after - timedelta(days=1))


def config_text(sources: Sequence[Started], cycle: Cycle, timezone: str, *, schema: bool) -> str:
    """Return the config.  With `schema`, editors are told of the JSON Schema that lies beside it."""
    proposed: list[Proposal] = []
    for each in sources:
        fresh = proposals(each.draft.name, each.listed, {OBJECTIVE, *(one.id for one in proposed)})
        proposed += fresh if not proposed else fresh[:1]
    head = _head(cycle, timezone, schema=schema)
    sections = (head, _sources(sources), _objective(cycle, proposed), _mappings(proposed))
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _head(cycle: Cycle, timezone: str, *, schema: bool) -> Iterator[str]:
    if schema:
        yield f"# yaml-language-server: $schema={SCHEMA}"
    yield "# What Headway reads, and what moves which key result. Change everything to what you mean, then:"
    yield "#   headway validate   tells every mistake in this file"
    yield "#   headway sync       reads the trackers and moves the key results"
    yield "#   headway status     shows where they stand"
    if not schema:
        yield f"# To have an editor complete the keys, run `headway schema --output {SCHEMA}` and begin this file with:"
        yield f"#   # yaml-language-server: $schema={SCHEMA}"
    yield "version: 1"
    yield "database: sqlite:///headway.db   # where the numbers and their history are kept; PostgreSQL is possible, too"
    yield f"timezone: {scalar(timezone)}   # where days, and the cycle, begin and end"
    yield ""
    yield "cycles:"
    yield f"  - {{id: {cycle.id}, start: {cycle.start}, end: {cycle.end}}}   # both days belong to it"


def _sources(sources: Sequence[Started]) -> Iterator[str]:
    yield "# The trackers, which Headway only reads. Their names are yours to choose, before the first sync."
    yield "sources:"
    for each in sources:
        yield f"  {scalar(each.draft.name)}:"
        yield f"    connector: {scalar(each.draft.connector)}"
        told = {question.key: question for question in each.questions}
        for key, value in each.draft.values.items():
            question = told.get(key)
            if question:
                yield f"    # {harmless(question.told, _LONGEST_TOLD)}"
            if question and question.secret:
                yield "    # It is read from the environment, and never stands in this file."
            yield from _value(key, value, each.listed if question and question.containers else ())
        left_out = [key for key in each.others if key not in each.draft.values]
        if left_out:
            yield f"    # It may also have {', '.join(left_out)}; docs/config.md tells of every key."


def _value(key: str, value: Value, listed: Sequence[Listed]) -> Iterator[str]:
    if isinstance(value, str):
        yield f"    {_pair(key, value)}"
        return
    yield f"    {key}:"
    known = {fold_key(row.value): row for row in reversed(listed) if row.what is What.PROJECT}
    for name in value:
        row = known.pop(fold_key(name), None)
        # The note says whether a project is in the config, which was still to be written.
        yield f"      - {scalar(name)}{remark(Listed(row.what, row.value, row.name)) if row else ''}"
    more = [known[key] for key in reversed(known)]
    for row in more[:_MOST_SHOWN]:
        yield f"      # - {written(row.value)}{remark(Listed(row.what, row.value, row.name))}"
    if len(more) > _MOST_SHOWN:
        yield f"      # and {len(more) - _MOST_SHOWN} more: `headway discover` lists them"


def _pair(key: str, value: str) -> str:
    """Return a key and its text on a line of their own, where fewer signs need quotes than elsewhere."""
    if not value.isprintable():
        return f"{key}: {scalar(value)}"
    return str(yaml.safe_dump({key: value}, allow_unicode=True, width=float("inf"))).rstrip("\n")


def _objective(cycle: Cycle, proposed: Sequence[Proposal]) -> Iterator[str]:
    yield "# What you want to reach, and the numbers that say whether you do. Ids stay: the history goes by them."
    yield "objectives:"
    yield f"  - id: {OBJECTIVE}"
    yield f"    cycle: {cycle.id}"
    yield "    title: Write here what you want to reach"
    yield "    # owner: lead@acme.example"
    yield "    # team: payments"
    yield "    key_results:"
    for each in proposed:
        yield f"      - id: {each.id}"
        yield f"        {_pair('title', each.title)}"
        yield f"        {_pair('unit', '%')}"
        yield "        start: 0"
        yield "        target: 100"


def _mappings(proposed: Sequence[Proposal]) -> Iterator[str]:
    yield "# Which work feeds which key result. `headway discover SOURCE` lists what may stand here, as milestones."
    yield "# `headway explain KEY-RESULT` shows the tickets behind a number: what counts, what does not, and why."
    yield "mappings:"
    for each in proposed:
        yield f"  # {each.why}"
        yield f"  - key_result: {each.id}"
        yield "    from:"
        yield f"      - {each.part}"


def next_steps(unset: Iterable[str], path: str) -> list[str]:
    """Say what is to be done next, as lines for a shell; `unset` are the variables that the config needs."""
    chosen = "" if path == "headway.yaml" else f"-c {shlex.quote(path)} "
    return [
        *(set_secretly(name) for name in unset),
        *(f"headway {chosen}{word}" for word in ("validate", "sync", "status")),
    ]


def set_secretly(variable: str) -> str:
    """Return what sets a variable in a shell, and leaves its value in no history."""
    return f"read -rs {variable} && export {variable}"
