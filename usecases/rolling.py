"""`roll`: the config of the next cycle, written from the last."""

import os
from pathlib import Path

from sqlalchemy import Connection

from config.files import Files, arranged, read_files
from config.loader import Terms, load, understood
from config.model import Config
from config.problems import Problems
from config.reading import parse
from config.rolling import Last, Roll, cycle_line, following, rolled
from config.tree import Entry, Listing, Scalar, Spot, Table
from okrs.cycle import Cycle
from okrs.immutable import replace
from store import ledger
from store.finals import closed
from store.renames import names_of
from store.views.status import status
from terminal.answers import Rolled, Rolling
from terminal.failures import Failure, InvalidConfig
from usecases.ground import Ground, database_of, setup_of


def roll(ground: Ground, config: Path, wish: Rolling) -> Rolled:
    """Write the objectives and mappings of the next cycle, which fit the config; over no file.  Raises Failure."""
    known = _known(ground, config)
    cycles = {each.id: each for each in known.cycles}
    old = cycles.get(wish.old)
    if old is None:
        raise Failure(f"There is no cycle {wish.old} in the config; it has {', '.join(cycles)}.")
    new = _next(old, cycles.get(wish.new), wish)
    with database_of(known) as database, database.read() as connection:
        last = _last(ground, known, connection, old)
        used = _used(known, connection)
    problems = Problems()
    files = arranged(read_files(config), problems)
    made = Roll(
        old=old,
        new=new,
        roots=files.roots,
        key_results={each.id: each for each in known.key_results if each.cycle == old.id},
        rules=known.rules,
        last=last,
        used=used,
        unfinished=wish.unfinished,
    )
    if not made.objectives:
        left = "that is unfinished " if wish.unfinished else ""
        raise Failure(f"{old.id} has no objective {left}to go on with: nothing was written.")
    missing = "" if wish.new in cycles else cycle_line(new)
    text = rolled(made, _head(made, files, missing))
    _prove(ground, files, new if missing else None, text, wish)
    if wish.out is not None:
        _write(wish.out, text)
    main = files.main.home.file if files.main else str(config)
    already = sum(each.cycle == new.id for each in known.objectives)
    return Rolled(text, wish.out, main, missing, len(made.objectives), len(made.names) - len(made.objectives), already)


def _known(ground: Ground, config: Path) -> Config:
    loaded = load(config, ground.environ, connect=False)
    if loaded.config is None:
        raise InvalidConfig(loaded.problems)
    return loaded.config


def _next(old: Cycle, configured: Cycle | None, wish: Rolling) -> Cycle:
    if wish.new == wish.old:
        raise Failure(f"{wish.old} cannot be rolled into itself: name the next cycle, as 2027-Q1.")
    proposed = configured or following(old, wish.new)
    new = Cycle(wish.new, wish.start or proposed.start, wish.end or proposed.end)
    if configured is not None and new != configured:
        raise Failure(f"{wish.new} is in the config from {configured.start} to {configured.end}: leave its days out.")
    if new.end < new.start:
        raise Failure(f"{wish.new} would end on {new.end}, before it starts on {new.start}.")
    return new


def _last(ground: Ground, known: Config, connection: Connection, old: Cycle) -> dict[str, Last]:
    view = status(connection, setup_of(known), ground.clock(), old.id)
    return {
        each.key_result.id: Last(each.value, each.closed.final.grade if each.closed else None)
        for each in view.key_results
    }


def _used(known: Config, connection: Connection) -> set[str]:
    """Ids that anything has or had, as the config or the ledger say: an entry stays under the name it was written."""
    ends = closed(connection)
    return {
        *names_of(known.objectives),
        *names_of(known.key_results),
        *ledger.names_written(connection),
        *(each.ending.objective for each in ends.values()),
    }


def _head(made: Roll, files: Files, missing: str) -> list[str]:
    lines = [f"{made.new.id}, from {made.old.id}: look at every title, start and target before you take it."]
    if missing and files.main:
        lines += [f"This line belongs under cycles: in {Path(files.main.home.file).name}:", missing]
    link_by = files.main.get("link_by") if files.main else None
    label = link_by.word("label") if link_by else None
    if label:
        first = next(iter(made.names.values()))
        named = next((made.names[each] for each in made.names if each in made.key_results), first)
        lines.append(f"Tickets are linked by the new ids, as with the label {label.replace('{id}', named)}.")
    return lines


def _prove(ground: Ground, files: Files, cycle: Cycle | None, text: str, wish: Rolling) -> None:
    """Load the config together with what is to be written.  Raises InvalidConfig where they do not fit."""
    problems, name = Problems(), str(wish.out or f"{wish.new}.yaml")
    root = parse(text.encode(), name, problems)
    if root is None or files.main is None:
        raise InvalidConfig(problems.sorted(), "What would be written has")
    main = _with_cycle(files.main, cycle) if cycle else files.main
    together = replace(files, main=main, teams=(*files.teams, root))
    loaded = understood(together, Terms(ground.environ, connect=False), problems)
    if loaded.config is None:
        raise InvalidConfig(loaded.problems, "What would be written has")


def _with_cycle(main: Spot, cycle: Cycle) -> Spot:
    section = main.get("cycles")
    if section is None or not isinstance(section.node, Listing) or not isinstance(main.node, Table):
        return main
    place = section.node.place
    texts = {"id": cycle.id, "start": str(cycle.start), "end": str(cycle.end)}
    entry = Table(place, {key: Entry(place, Scalar(place, text)) for key, text in texts.items()})
    cycles = Entry(section.home, Listing(place, (*section.node.items, entry)))
    return Spot(Table(main.node.place, {**main.node.entries, "cycles": cycles}), main.home)


def _write(path: Path, text: str) -> None:
    """Write a new file: whole, or not at all; half of one would break the config that its folder is."""
    if path.exists() or path.is_symlink():
        raise Failure(f"{path} is there already and stays as it is: name another file with --out.")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("x", encoding="utf-8") as file:
            file.write(text)
        part.rename(path)
    except OSError as error:
        error.filename, error.filename2 = str(path), None  # what was asked for
        raise
    finally:
        part.unlink(missing_ok=True)
