"""The files of a config: one, or all `*.yaml` of a folder, of which one is the main file and the others teams'."""

from dataclasses import dataclass
from pathlib import Path

from config.explaining import keys_of
from config.problems import Problems
from config.reading import MAX_BYTES, parse
from config.schema import Document, TeamFile
from config.tree import Place, Spot, Table

CASES = ".cases.yaml"
"""How the names of files end that hold cases (`config.cases`), and nothing of the config."""


@dataclass(frozen=True, slots=True)
class Files:
    """What was read."""

    folder: Path
    """Absolute; where relative paths start from."""
    main: Spot | None
    teams: tuple[Spot, ...] = ()
    complete: bool = True
    """False when some file could not be read: what is named elsewhere may well be defined there."""

    @property
    def roots(self) -> tuple[Spot, ...]:
        return (self.main, *self.teams) if self.main else self.teams


def read_files(path: Path, problems: Problems) -> Files:
    """Read the file, or every `*.yaml` of the folder."""
    if _is_folder(path):
        return _read_folder(path, problems)
    main = _read(path, problems)
    return Files(path.absolute().parent, main, complete=main is not None)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # not to be looked at: reading it as a file says why
        return False


_CONFIG_MISSING = "there is no such file: name the config with -c PATH, or write one with `headway init`"


def _read(path: Path, problems: Problems) -> Spot | None:
    return read_tree(path, problems, missing=_CONFIG_MISSING, begin="version: 1")


def read_tree(path: Path, problems: Problems, *, missing: str, begin: str) -> Spot | None:
    """Return the tree of a file; None when it has none, with the reason among the problems.

    `missing` is said of a file that is not there, `begin` what such a file begins with.
    """
    place = Place(str(path))
    try:
        if not path.exists():
            problems.at(place, (), missing)
            return None
        if not path.is_file():
            problems.at(place, (), "this is neither a file nor a folder: name headway.yaml or a folder of *.yaml")
            return None
        with path.open("rb") as handle:
            content = handle.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a path"
        problems.at(place, (), f"the file cannot be read ({reason}): check path and rights")
        return None
    return parse(content, str(path), problems, begin)


def _read_folder(folder: Path, problems: Problems) -> Files:
    try:
        paths = sorted(path for path in folder.iterdir() if _of_config(path.name))
    except OSError as error:
        problems.at(Place(str(folder)), (), f"the folder cannot be read ({error.strerror}): check its rights")
        return Files(folder.absolute(), None, complete=False)
    if not paths:
        problems.at(Place(str(folder)), (), "the folder holds no *.yaml file: put headway.yaml into it")
        return Files(folder.absolute(), None, complete=False)
    read = [_read(path, problems) for path in paths]
    roots = [root for root in read if root is not None]
    complete = len(roots) == len(read)
    main = _main(roots)
    if main is None:
        if complete:
            problems.at(Place(str(folder)), ("version",), "no file of this folder holds version: add version: 1 to one")
        return Files(folder.absolute(), None, tuple(roots), complete=False)
    teams = tuple(_team(root, main, problems) for root in roots if root is not main)
    return Files(folder.absolute(), main, teams, complete)


def _of_config(name: str) -> bool:
    return name.endswith(".yaml") and not name.startswith(".") and not name.endswith(CASES)


def _main(roots: list[Spot]) -> Spot | None:
    """Return the file that holds `version`; where none does, the first with any key that only the main file takes."""
    for keys in (["version"], _main_keys()):
        for root in roots:
            if any(root.child(key) for key in keys):
                return root
    return None


def _main_keys() -> list[str]:
    team = keys_of(TeamFile)
    return [key for key in keys_of(Document) if key not in team]


def _team(root: Spot, main: Spot, problems: Problems) -> Spot:
    """Return a team's file without the keys that belong into the main file, each of them a problem."""
    entries = dict(root.node.entries) if isinstance(root.node, Table) else {}
    for key in _main_keys():
        entry = entries.pop(key, None)
        first = main.child(key)
        if entry and first:
            problems.at(entry.place, (key,), f"{key} is given twice, first at {first.home}: keep one of them")
        elif entry:
            problems.at(entry.place, (key,), f"{key} belongs into {main.home.file}, beside version: move it there")
    return Spot(Table(root.node.place, entries), root.home)
