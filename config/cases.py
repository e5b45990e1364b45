"""Reads files of cases: what a few work items are to give by the rules of a config (`headway mapping test`).

They lie beside the config, as `*.cases.yaml` or in the folder `cases`, and are read by the same machinery: closed keys,
and every problem at once with its place.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from config.cases_building import build
from config.cases_schema import CasesFile
from config.explaining import judge, keys_of
from config.files import CASES, read_tree
from config.interpolation import refuse_elsewhere
from config.model import Config
from config.problems import Problem, Problems
from config.tree import Place, Spot
from config.words import advice, quoted
from mapping.cases import Case, names_of
from mapping.demand import demands_of
from mapping.rule import Rule

FOLDER = "cases"

_NO_CASES = "this folder holds no cases: name one with *.cases.yaml, or a file of cases"
_MISSING = "there is no such file: name a file of cases"


def files_beside(config: Path) -> list[Path]:
    """Return the files of cases that lie beside a config, sorted."""
    home = config if config.is_dir() else config.parent
    return sorted([*home.glob(f"*{CASES}"), *(home / FOLDER).glob("*.yaml")])


def files_of(path: Path) -> list[Path]:
    """Return the files of cases that a path stands for: itself, or those of a folder; none where it holds none."""
    if not path.is_dir():
        return [path]
    own = path.glob("*.yaml") if path.resolve().name == FOLDER else ()
    return sorted({*files_beside(path), *own})


def read_cases(paths: Iterable[Path], config: Config) -> tuple[list[Case], tuple[Problem, ...]]:
    """Return the cases of these files, and what is wrong with them; with any problem the cases are not complete."""
    problems = Problems()
    cases: list[Case] = []
    found = [(path, files_of(path)) for path in paths]
    for path in (path for path, files in found if not files):
        problems.at(Place(str(path)), (), _NO_CASES)
    for path in (file for _, files in found for file in files):
        root = read_tree(path, problems, missing=_MISSING, begin="cases:")
        if root is not None:
            refuse_elsewhere(root, keys_of(CasesFile), (), problems)
            cases += _cases(root, config, problems)
    return cases, problems.sorted()


def _cases(root: Spot, config: Config, problems: Problems) -> list[Case]:
    file = judge(CasesFile, root, problems)
    spots = root.listed("cases")
    rules = [_check(spot, config, problems) for spot in spots]
    if file is None or problems.failed:
        return []
    checked = zip(file.cases, spots, rules, strict=True)
    return [build(entry, spot.node.place, rule, config) for entry, spot, rule in checked if rule]


def _check(case: Spot, config: Config, problems: Problems) -> Rule | None:
    """Complain of names that nothing has; return the rule that the case is about."""
    rule = _rule(case.get("key_result"), config, problems)
    items = case.listed("items")
    for item in items if rule else ():
        _check_source(item, rule.sources if rule else (), problems)
    for item in items:
        _check_fields(item, config, problems)
    names = _names(items, rule.sources[0] if rule else "", problems)
    for spot in case.listed("counted"):
        _require(spot, spot.text, names, problems)
    excluded = case.get("excluded")
    for name, spot in excluded.entries() if excluded else ():
        _require(spot, name, names, problems)
    return rule


def _rule(spot: Spot | None, config: Config, problems: Problems) -> Rule | None:
    if spot is None or spot.text is None:
        return None
    if spot.text not in config.rules:
        named = quoted(spot.text)
        problems.error(spot, f"no mapping feeds {named}; {advice(spot.text, sorted(config.rules), 'mapped')}")
    return config.rules.get(spot.text)


def _check_source(item: Spot, sources: Sequence[str], problems: Problems) -> None:
    source = item.get("source")
    if source is None and len(sources) > 1:
        problems.missing(item, "source", f"the rule reads several sources, say which: {', '.join(sources)}")
    elif source and source.text and source.text not in sources:
        what_to_do = advice(source.text, sources, "it reads")
        problems.error(source, f"the rule does not read {quoted(source.text)}; {what_to_do}")
    if item.get("parent") and (epic := item.get("epic")):
        problems.error(epic, "parent and epic both say what stands right above: give the parent a row, with its epic")


def _check_fields(item: Spot, config: Config, problems: Problems) -> None:
    """Complain of fields that change nothing: no rule reads them, by this very name, and no source knows them."""
    fields = item.get("fields")
    read = {name for rule in config.rules.values() for _, demand in demands_of(rule) for name in demand.fields}
    known = sorted(read.union(*(each.own_field_names for each in config.sources.values())))
    for name, spot in fields.entries() if fields else ():
        if name not in known:
            problems.error(spot, f"no mapping reads the field {quoted(name)}; {advice(name, known, 'they read')}")


def _names(items: Iterable[Spot], home: str, problems: Problems) -> list[str]:
    """Return what the items are called; complain of a key that one source has twice."""
    found: dict[tuple[str, str], Spot] = {}
    for item in items:
        key = item.get("key")
        if key is None or key.text is None:
            continue
        first = found.setdefault((item.word("source") or home, key.text), key)
        if first is not key:
            problems.error(key, f"{quoted(key.text)} is given twice, first at {first.node.place}: choose another key")
    return list(names_of(found).values())


def _require(spot: Spot, name: str | None, names: list[str], problems: Problems) -> None:
    if name is not None and name not in names:
        problems.error(spot, f"no item has the key {quoted(name)}; {advice(name, names, 'items')}")
