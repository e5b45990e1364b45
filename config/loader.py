"""Loads a config: files → trees → templates written out → schema → checks → domain.

Every problem is reported at once; nothing is raised.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

from config.anchoring import check_anchor
from config.building import build
from config.checks import check
from config.database import read_database
from config.explaining import judge, keys_of
from config.files import File, Files, arranged, read_files
from config.interpolation import Resolver, refuse_elsewhere
from config.model import Config
from config.problems import Problem, Problems
from config.schema import Document, TeamFile
from config.sources import Sources, read_sources
from config.templates import expand
from config.tree import Spot
from okrs.immutable import immutable, replace


@immutable
class Loaded:
    """What became of a config: `config` is None when any problem is an error."""

    config: Config | None
    problems: tuple[Problem, ...]
    roots: tuple[Spot, ...] = ()
    """The files as trees, templates written out, in which warnings find their places."""
    files: tuple[File, ...] = ()
    """The files as they were read."""


@immutable
class Terms:
    """What a config is loaded for.

    With `connect` every placeholder must resolve, or those of the sources named by `only` where it names some.
    Without it only those of `database` must, and where nobody `opens` that, none; the others stay as they are written,
    so that their sources are fit for everything but connecting.
    """

    environ: Mapping[str, str]
    connect: bool
    only: Collection[str] = ()
    opens: bool = True
    lenient: bool = False
    """A source whose placeholders do not resolve is closed; the others are connected to all the same."""


def load(
    path: Path, environ: Mapping[str, str], *, connect: bool, only: Collection[str] = (), opens: bool = True
) -> Loaded:
    """Load a file, or a folder whose `*.yaml` are merged, on these `Terms`."""
    problems, found = Problems(), read_files(path)
    loaded = understood(arranged(found, problems), Terms(environ, connect, only, opens), problems)
    return replace(loaded, files=found.files)


def understood(files: Files, terms: Terms, problems: Problems) -> Loaded:
    """Return what the files say.  `problems` holds what was wrong with them already."""
    resolver = Resolver(terms.environ, files.folder)
    database, sources = None, Sources()
    if files.main:
        database = read_database(files.main, resolver, problems, opens=terms.opens)
        connecting = resolver if terms.connect else None
        sources = read_sources(files.main, files.folder, connecting, problems, terms.only, lenient=terms.lenient)
    for root in files.roots:
        allowed = {("database",), *sources.interpolated} if root is files.main else ()
        refuse_elsewhere(root, keys_of(Document), allowed, problems)
    roots = expand(list(files.roots), problems, complete=files.complete)
    main = judge(Document, roots[0], problems) if files.main else None
    teams = [judge(TeamFile, root, problems) for root in (roots[1:] if files.main else roots)]
    if files.main and database:
        check_anchor(files.main, files.folder, database, problems)
    check(roots, sources, problems, whole=files.whole, main=files.main is not None)
    config = None
    if not problems.failed and main and database:
        config = build(main, [team for team in teams if team], files.folder, database, sources)
    return Loaded(config, problems.sorted(), tuple(roots))
