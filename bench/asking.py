"""Questions of people about 1,000 key results over a large mirror, as whole commands.  `python -m bench.asking`

Each command is a process of its own: its seconds and its peak memory are told, and nothing is promised.
"""

import subprocess
import sys
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NoReturn

from bench import company
from bench.measuring import on_a_database, timed
from bench.mirror import HEADWAY, environment
from config.loader import load
from mapping.rule import Measure
from store.database import open_database
from sync.engine import Engine
from sync.task import Progress, SourceToRead
from usecases.ground import goals_of

CONFIG = """version: 1
database: {url}
cycles:
  - {{id: 2026-Q4, start: 2026-10-01, end: 2026-12-31}}
sources:
  jira:
    connector: jira
    url: https://acme.example
    email: headway@acme.example
    token: ${{BENCH_TOKEN}}
    projects: [{projects}]
    fields: {{points: customfield_10016}}
objectives:
  - {{id: o, cycle: 2026-Q4, title: Objective, owner: o@acme.example, team: t, key_results: [
{key_results}
    ]}}
mappings:
{mappings}
"""
TOKEN = {"BENCH_TOKEN": "bench-token"}


def written(folder: Path, url: str, questions: list[company.Question]) -> Path:
    """Write the config of the company's key results."""
    projects = ", ".join(f"P{number}" for number in range(company.PROJECTS))
    names = [f"kr-{number:04}" for number in range(len(questions))]
    key_results = "\n".join(f"      {{id: {name}, title: {name}, start: 0, target: 100000}}," for name in names)
    mappings = "\n".join(
        f"  - {{key_result: {name}, from: [{part_of(each)}]}}" for name, each in zip(names, questions, strict=True)
    )
    text = CONFIG.format(url=url, projects=projects, key_results=key_results, mappings=mappings)
    path = folder / "headway.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def part_of(question: company.Question) -> str:
    """Return the part of a question as the config spells it."""
    asked = {"label": question.goal, "milestone": question.version, "project": question.project}
    left_out = {"type": question.not_type, "label": question.not_area}
    where = [f"{name}: {value}" for name, value in asked.items() if value is not None]
    nots = [f"{name}: {value}" for name, value in left_out.items() if value is not None]
    where += [f"not: {{{', '.join(nots)}}}"] if nots else []
    by = f", by: {company.FIELD}" if question.measure is Measure.SUM else ""
    return f"{{source: jira, where: {{{', '.join(where)}}}, measure: {question.measure.value}{by}}}"


def record(config: Path) -> None:
    """Record every key result on the mirror as it is, as a run does after it read."""
    known = load(config, TOKEN, connect=False).config
    if known is None:
        raise SystemExit("the config is broken")
    database = open_database(known.database, create=True)
    goals = goals_of(known)
    projects = known.sources[company.SOURCE].container_names
    source = SourceToRead(company.SOURCE, projects, _closed, company.DEMAND)
    Engine(database, [source], goals, lambda: datetime.now(UTC), Progress(), "bench", large=0).sync(only=["nobody"])
    database.close()


def _closed() -> NoReturn:
    raise SystemExit("nobody is asked")


def measure(url: str, items: int) -> float:
    """Print what each command takes."""
    folder = Path(url.removeprefix("sqlite:///")).parent
    questions = company.questions()
    config = written(folder, url, questions)
    database = open_database(url, create=True)
    timed("mirror filled", lambda: company.build(database, items))
    database.close()
    timed("key results recorded", lambda: record(config))
    ask(config, items)
    return 0


def ask(config: Path, items: int) -> None:
    """Run every command."""
    for words in (["explain", "kr-0000"], ["which", key_of(items // 2, items)], ["validate"], ["plan"], ["status"]):
        seconds, peak, code = process([str(HEADWAY), "-c", str(config), *words])
        print(f"{' '.join(words):40} {seconds:7.2f} s {peak:7.0f} MB  ended with {code}", flush=True)


def key_of(number: int, items: int) -> str:
    """Return the key of one of so many tickets."""
    return company.item_of(next(islice(company.tickets(items), number, None))).key


_LAUNCHER = """import os, resource, subprocess, sys, time
begun = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, code)
"""


def process(words: list[str]) -> tuple[float, float, int]:
    """Run a process; return its seconds, its peak memory in MB, and how it ended.

    A small process starts it: Linux counts what the one that starts another holds as the other's peak, too.
    """
    started = [sys.executable, "-c", _LAUNCHER, *words]
    told = subprocess.run(started, env=environment() | TOKEN, capture_output=True, text=True, check=True)
    sys.stderr.write(told.stderr)
    seconds, peak, code = told.stdout.split()
    return float(seconds), float(peak), int(code)


if __name__ == "__main__":
    sys.exit(on_a_database(__doc__, measure, 0))
