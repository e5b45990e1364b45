"""The files of a config: one, or all `*.yaml` of a folder, of which one is the main file and the others teams'."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from config.explaining import keys_of
from config.problems import Problems
from config.reading import MAX_BYTES, begun, parse
from config.schema import Document, TeamFile
from config.tree import Place, Spot, Table
from okrs.immutable import immutable, replace

CASES = ".cases.yaml"
"""How the names of files end that hold cases (`config.cases`), and nothing of the config."""


NOT_READ = "this file is not read: the name of a config's file ends in .yaml; rename it, or put it elsewhere"


@immutable
class File:
    """One file as it was found."""

    path: str
    """As problems name it."""
    root: Spot | None
    """None when it could not be read."""
    problems: Problems
    """Those of reading it."""

    @property
    def name(self) -> str:
        """What it is called in its folder."""
        return Path(self.path).name


@immutable
class Found:
    """What lies where a config should be."""

    folder: Path
    """Absolute; where relative paths start from."""
    files: tuple[File, ...]
    problems: Problems
    """Those of the folder as a whole."""
    shared: str | None = None
    """The folder's path as problems name it; None where a single file is the config."""
    misnamed: tuple[Path, ...] = ()
    """Files that would be the config's, but for the end of their names."""


@immutable
class Files:
    """The files of a config, told apart."""

    folder: Path
    main: Spot | None
    teams: tuple[Spot, ...] = ()
    complete: bool = True
    """False when some file could not be read: a template that is named elsewhere may well be defined there."""
    whole: bool = True
    """False when objectives, key results and mappings may be missing that are named elsewhere."""

    @property
    def roots(self) -> tuple[Spot, ...]:
        return (self.main, *self.teams) if self.main else self.teams


def read_files(path: Path) -> Found:
    """Read the file, or every `*.yaml` of the folder."""
    if _is_folder(path):
        return _read_folder(path)
    return Found(path.absolute().parent, (_read(path),), Problems())


def arranged(found: Found, problems: Problems) -> Files:
    """Tell the main file from the others; what is wrong with any of them is added to the problems."""
    problems.absorb(found.problems)
    for file in found.files:
        problems.absorb(file.problems)
    roots = [file.root for file in found.files if file.root is not None]
    complete = bool(found.files) and len(roots) == len(found.files)
    main = main_of(roots) if found.shared is not None else next(iter(roots), None)
    if main is not None and found.shared is None and _is_a_teams(main):
        problems.at(main.home, ("version",), _TEAM_ALONE)
        return Files(found.folder, None, (main,), complete=False, whole=False)
    if main is None:
        if complete:
            told = ("version",), "no file of this folder holds version: add version: 1 to one"
            problems.at(Place(str(found.shared)), *told)
        return Files(found.folder, None, tuple(roots), complete=False, whole=False)
    teams = tuple(team_of(root, main, problems) for root in roots if root is not main)
    return Files(found.folder, main, teams, complete=complete, whole=complete)


def _is_a_teams(root: Spot) -> bool:
    """Tell whether a file has keys of a team's file, and no other."""
    keys = [key for key, _ in root.entries()]
    return bool(keys) and set(keys) <= set(keys_of(TeamFile))


def beginning(file: File) -> Spot | None:
    """Return what can be read of a file that cannot be read to its end."""
    path = Path(file.path)
    try:
        if not path.is_file():  # nobody may ever write into a pipe
            return None
        with path.open("rb") as handle:
            return begun(handle.read(MAX_BYTES + 1), file.path)
    except (OSError, ValueError):
        return None


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # not to be looked at: reading it as a file says why
        return False


_CONFIG_MISSING = "there is no such file: name the config with -c PATH, or write one with `headway init`"


_TEAM_ALONE = (
    "this is a team's file: name its folder, or the file in it that has version, with -c; a config of its own has "
    "version: 1, database and cycles, too"
)
_MAIN = "headway.yaml"
_BEGIN = "version: 1"
_TEAM_BEGINS = "objectives:, or take it out of the folder"


_LINKED_MISSING = "this is a link to a file that is not there: mend it, or take it out of the folder"
_NO_FILE = "this is neither a file nor a folder: name headway.yaml or a folder of *.yaml"
_NO_TEAMS_FILE = "this is no file: take it out of the folder"


def _read(path: Path) -> File:
    problems = Problems()
    return File(str(path), read_tree(path, problems, missing=_CONFIG_MISSING, begin=_BEGIN), problems)


def _read_one_of(path: Path, begin: str) -> File:
    problems = Problems()
    root = read_tree(path, problems, missing=_LINKED_MISSING, begin=begin, no_file=_NO_TEAMS_FILE)
    return File(str(path), root, problems)


def read_tree(path: Path, problems: Problems, *, missing: str, begin: str, no_file: str = _NO_FILE) -> Spot | None:
    """Return the tree of a file; None when it has none, with the reason among the problems.

    `missing` is said of a file that is not there, `no_file` of what is none, `begin` what such a file begins with.
    """
    place = Place(str(path))
    try:
        if not path.exists():
            problems.at(place, (), missing)
            return None
        if not path.is_file():
            problems.at(place, (), no_file)
            return None
        with path.open("rb") as handle:
            content = handle.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a path"
        problems.at(place, (), f"the file cannot be read ({reason}): check path and rights")
        return None
    return parse(content, str(path), problems, begin)


def _read_folder(folder: Path) -> Found:
    problems = Problems()
    found = Found(folder.absolute(), (), problems, str(folder))
    try:
        every = sorted(folder.iterdir())
    except OSError as error:
        problems.at(Place(str(folder)), (), f"the folder cannot be read ({error.strerror}): check its rights")
        return found
    misnamed = tuple(each for each in every if each.name.endswith(".yml") and not each.name.startswith("."))
    for path in misnamed:
        problems.at(Place(str(path)), (), NOT_READ, "warning")
    paths = [path for path in every if _of_config(path.name)]
    if not paths:
        problems.at(Place(str(folder)), (), "the folder holds no *.yaml file: put headway.yaml into it")
    begin = _BEGIN if len(paths) == 1 else _TEAM_BEGINS
    return replace(found, files=tuple(_read_one_of(path, begin) for path in paths), misnamed=misnamed)


def _of_config(name: str) -> bool:
    return name.endswith(".yaml") and not name.startswith(".") and not name.endswith(CASES)


def by_name(roots: Iterable[Spot]) -> list[Spot]:
    """Return the files with headway.yaml before all others: a whole config that lies among them does not outrank it."""
    return sorted(roots, key=lambda root: Path(root.home.file).name != _MAIN)


def main_of(roots: Sequence[Spot]) -> Spot | None:
    """Return the file that holds `version`, headway.yaml before others.

    Where none holds it, the first with any key that only the main file takes.
    """
    for keys in (["version"], _main_keys()):
        for root in by_name(roots):
            if any(root.child(key) for key in keys):
                return root
    return None


def _main_keys() -> list[str]:
    team = keys_of(TeamFile)
    return [key for key in keys_of(Document) if key not in team]


def team_of(root: Spot, main: Spot, problems: Problems) -> Spot:
    """Return a team's file without the keys that belong into the main file, each of them a problem."""
    entries = dict(root.node.entries) if isinstance(root.node, Table) else {}
    for key in _main_keys():
        entry = entries.pop(key, None)
        first = main.child(key)
        if entry and first:
            told = (
                f"{key} is given twice, first at {first.home}: only the main file has {key}, so move there what is new"
            )
            problems.at(entry.place, (key,), told)
        elif entry:
            problems.at(entry.place, (key,), f"{key} belongs into {main.home.file}, beside version: move it there")
    return Spot(Table(root.node.place, entries), root.home)
