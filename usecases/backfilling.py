"""`backfill`: rebuild the days before a key result was first measured."""

from pathlib import Path

from config.model import Config
from mapping.codec import parse_rule
from mapping.rule import Rule
from okrs.about import own_version
from okrs.demand import Demand
from okrs.immutable import replace
from okrs.objective import KeyResult
from store import ledger, past
from store.database import Database
from store.finals import ended
from store.renames import on_record
from store.runs import finish_run, start_run
from sync.planned import Note
from sync.rebuilding import ChangedMeanwhileError, ClosedError, rebuild, span_of, write_rebuilt
from sync.recording import Run
from sync.task import Outcome, Progress
from terminal.answers import Backfilled
from terminal.failures import Failure
from usecases.ground import Ground, database_of, setup_of
from usecases.naming import having
from usecases.syncing import engine_of

_HISTORIES = Demand(histories=True)


def backfill(ground: Ground, config: Path, name: str, progress: Progress) -> Backfilled:
    """Read the sources of a key result with histories, then rebuild its days.  Raises Failure."""
    offline = ground.load(config)
    having(offline, name, recorded=False)
    rule = setup_of(offline).rules.get(name)
    if rule is None:
        raise Failure(f"Nothing feeds {name}: write a mapping for it.")
    known = ground.load(config, connect=True, only=rule.sources)
    with database_of(known, create=True) as database:
        key_result = next(each for each in known.key_results if each.id == name)
        _open(database, key_result)
        _read(ground, known, database, rule, progress)
        try:
            return _rebuilt(ground, known, database, key_result)
        except ClosedError:
            raise Failure(_closed(key_result)) from None
        except ChangedMeanwhileError:
            raise Failure(f"The mapping of {name} changed meanwhile; run `headway backfill {name}` again.") from None
        except ArithmeticError:
            raise Failure(f"{name} {Note.TOO_LARGE.value}.") from None


def _open(database: Database, key_result: KeyResult) -> None:
    with database.read() as connection:
        stopped = ended(connection).stops(replace(key_result, id=on_record(connection, key_result)))
    if stopped:
        raise Failure(_closed(key_result))


def _closed(key_result: KeyResult) -> str:
    return f"The cycle {key_result.cycle} of {key_result.id} is closed: nothing of it changes any more."


def _read(ground: Ground, known: Config, database: Database, rule: Rule, progress: Progress) -> None:
    """Sync the sources of its rule, with histories.  Raises Failure where one is not read completely."""
    engine = engine_of(ground, known, database, progress)
    wider = [replace(each, demand=each.demand.union(_HISTORIES)) for each in engine.sources]
    report = replace(engine, sources=wider).sync(only=rule.sources)
    for each in report.sources:
        if each.state is not Outcome.OK:
            told = each.error or "It was not read."
            raise Failure(f"{each.name}: {told} Nothing was rebuilt: that needs a complete read.")


def _rebuilt(ground: Ground, known: Config, database: Database, key_result: KeyResult) -> Backfilled:
    name, now, calendar = key_result.id, ground.clock(), known.calendar
    with database.read() as connection:
        state = ledger.state_of(connection, name)
        measured = past.first_measured(connection, name)
        rule = parse_rule(ledger.rule_text_of(connection, state.rule)) if state else known.rules[name]
    span = span_of(rule, calendar, measured, now)
    run = Run(start_run(database, now, own_version()), {})
    try:
        days = rebuild(database, name, rule, span, calendar) if span else []
        entries = write_rebuilt(database, key_result, rule, days, run=run, now=now) if days else []
    finally:
        finish_run(database, run.id, ground.clock())
    return Backfilled(
        key_result=name,
        run=run.id,
        first=span.first if span else None,
        last=span.last if span else None,
        days=len(days),
        entries=tuple(entries),
        approximate=tuple(sorted({each for day in days for each in day.approximate})),
    )
