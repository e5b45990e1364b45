"""Templates: mappings with parameters, written out where a mapping uses them (DESIGN 4.4).

They are written out in the tree, before anything is held against the schema, so that what comes of a template is
checked like any other mapping.  What was written out keeps its place in the template and knows where it is used.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from config.mappings import MOST_PARAMS
from config.names import TWICE, Names, mappings_of, readable
from config.problems import Problems
from config.reading import MAX_BYTES, MAX_NODES
from config.tree import Entry, Listing, Node, Place, Scalar, Spot, Table
from config.words import advice, meant, quoted
from okrs.immutable import replace

_PARAMETER = re.compile(r"\{([A-Za-z0-9._-]{1,100})\}")


@dataclass(slots=True)
class _Templates:
    names: Names
    needed: dict[str, frozenset[str]] = field(default_factory=dict)
    """What must be given to each.  Without those that cannot be written out: why is among the problems, or will be when
    the schema has looked."""


class _Full(Exception):
    """The mappings of a file, written out, outgrow what a file may hold."""


@dataclass(slots=True)
class _Writer:
    """Writes templates out into one file, within the limits of a file."""

    nodes: int
    """How many more may be written."""
    letters: int = MAX_BYTES

    def write(self, node: Node, values: Mapping[str, str], use: Place) -> Node:
        """Return the node with values for parameters, at its old place.  Raises _Full."""
        place = replace(node.place, use=use)
        self.nodes -= 1
        if self.nodes < 0:
            raise _Full
        match node:
            case Scalar(text=text):
                return Scalar(place, self._text(text, values), node.empty)
            case Listing(items=items):
                return Listing(place, tuple(self.write(item, values, use) for item in items))
            case Table(entries=entries):
                return Table(
                    place,
                    {
                        key: Entry(replace(entry.place, use=use), self.write(entry.value, values, use))
                        for key, entry in entries.items()
                    },
                )

    def _text(self, text: str, values: Mapping[str, str]) -> str:
        self.letters -= len(text) + sum(len(values.get(name, "")) for name in _PARAMETER.findall(text))
        if self.letters < 0:
            raise _Full
        return _PARAMETER.sub(lambda match: values.get(match[1], match[0]), text)


def expand(roots: list[Spot], problems: Problems, *, complete: bool) -> list[Spot]:
    """Return the roots with every use of a template written out; what cannot be is left as it is, with a problem.

    `complete` is False when some file could not be read, which may hold the templates that are missing.
    """
    templates = _gather(roots, problems, complete=complete)
    return [_expanded(root, templates, problems) for root in roots]


def _gather(roots: list[Spot], problems: Problems, *, complete: bool) -> _Templates:
    found = _Templates(Names("template", complete=complete and readable(roots, "templates", problems)))
    names = found.names
    for root in roots:
        section = root.get("templates")
        misspelt = any(meant(key, ("templates",)) for key, _ in root.entries() if key != "templates")
        names.complete &= not misspelt and (section is None or not problems.torn(section))
        for name, spot in section.entries() if section else []:
            first = names.found.setdefault(name, spot)
            if first is not spot:
                problems.at(
                    spot.home,
                    spot.path,
                    f"the template {quoted(name)} is given{TWICE}{first.home}: choose another name",
                )
            elif (needed := _needed(spot, problems)) is not None:
                found.needed[name] = needed
    return found


def _needed(template: Spot, problems: Problems) -> frozenset[str] | None:
    """Return the parameters that a template must be given; None where it cannot be written out."""
    mapping = template.get("mapping")
    listed = template.listed("params")
    params = [spot.text for spot in listed if spot.text is not None]
    if mapping is None or not isinstance(mapping.node, Table) or len(params) < len(listed) or len(params) > MOST_PARAMS:
        return None  # the schema says so
    good = True
    for nested in filter(None, (mapping.get("use"), mapping.get("with"))):
        problems.at(nested.home, nested.path, "a template uses no other one: write its keys out here")
        good = False
    said: set[str] = set()
    for spot in mapping.walk():
        said.update(_PARAMETER.findall(spot.text or ""))
        good &= _check_keys(spot, params, problems)
        bare = _bare(spot)
        if bare in params:
            problems.error(spot, f'{{{bare}}} needs quotes, else it is a mapping of keys: write "{{{bare}}}"')
            said.add(bare)
            good = False
    for spot in listed:
        if spot.text not in said:  # one that is misspelt where it is said leaves gaps; of any other nothing follows
            good &= not _refuse_unused(spot, said.difference(params), problems)
    if not good:
        return None
    _warn_of_strangers(mapping, params, problems)
    return frozenset(said.intersection(params))


def _warn_of_strangers(mapping: Spot, params: Collection[str], problems: Problems) -> None:
    """Tell of what is nearly a parameter, and stays as it is."""
    for spot in mapping.walk():
        for name in dict.fromkeys(_PARAMETER.findall(spot.text or "")):
            near = meant(name, params) if name not in params else None
            if near:
                told = f"{{{name}}} is no parameter of this template, so it stays as it is; did you mean {{{near}}}?"
                problems.warning(spot, told)


def _check_keys(table: Spot, params: Collection[str | None], problems: Problems) -> bool:
    """Tell whether no key of a table says a parameter, which would stay as it is written."""
    meaning = [(key, each) for key, each in table.entries() if not set(params).isdisjoint(_PARAMETER.findall(key))]
    for key, each in meaning:
        problems.at(each.home, each.path, f"a parameter is put into values alone: write out the key {quoted(key)}")
    return not meaning


def _bare(spot: Spot) -> str | None:
    """Return NAME of `{NAME}` without quotes, which YAML reads as a key with nothing behind it."""
    match spot.entries():
        case [(key, Spot(node=Scalar(empty=True)))]:
            return key
    return None


def _refuse_unused(param: Spot, strangers: Collection[str], problems: Problems) -> bool:
    """Refuse a parameter that nothing says; tell whether the mapping says one that is nearly it."""
    name = param.text or ""
    near = meant(name, sorted(strangers)[:MOST_PARAMS])
    hint = f"did you mean it where {{{near}}} stands? " if near else ""
    problems.error(param, f"nothing in the mapping says {{{name}}}: {hint}write it in, or take the parameter out")
    return near is not None


def _expanded(root: Spot, templates: _Templates, problems: Problems) -> Spot:
    section = root.get("mappings")
    if section is None or not isinstance(root.node, Table) or not any(map(_uses, mappings_of([root]))):
        return root
    writer = _Writer(MAX_NODES - sum(1 for _ in root.walk()))
    items = tuple(
        _written_out(spot, templates, writer, problems) if _uses(spot) else spot.node for spot in section.items()
    )
    mappings = Entry(section.home, Listing(section.node.place, items))
    return Spot(Table(root.node.place, {**root.node.entries, "mappings": mappings}), root.home)


def _uses(mapping: Spot) -> bool:
    """Tell whether a template is meant, also where it is not named."""
    return bool(mapping.get("use") or mapping.get("with"))


def _written_out(mapping: Spot, templates: _Templates, writer: _Writer, problems: Problems) -> Node:
    """Return a mapping with the keys of its template; its own keys win."""
    use = mapping.get("use")
    template = templates.names.require(use, problems)
    body = template.get("mapping") if template else None
    written = None
    needed = templates.needed.get(use.text or "") if use else None
    if template and body and use and needed is not None:
        values = _values(mapping, template, needed, problems)
        written = _body(body, values, use, writer, problems) if values is not None else None
    if written is None or not isinstance(mapping.node, Table):
        problems.tear(mapping.node.place)  # what it lacks is no mistake of its own
        return mapping.node
    own = {key: entry for key, entry in mapping.node.entries.items() if mapping.get(key)}
    return Table(mapping.node.place, {**mapping.node.entries, **written.entries, **own})


def _body(body: Spot, values: Mapping[str, str], use: Spot, writer: _Writer, problems: Problems) -> Table | None:
    if writer.nodes < 0 or writer.letters < 0:
        return None  # told at the first use that went too far
    try:
        written = writer.write(body.node, values, use.node.place)
    except _Full:
        most = f"{MAX_NODES} values or {MAX_BYTES // 1_000_000} MB"
        problems.error(use, f"written out, the templates make this file grow beyond {most}: split it into several")
        return None
    return written if isinstance(written, Table) else None


def _values(mapping: Spot, template: Spot, needed: Collection[str], problems: Problems) -> Mapping[str, str] | None:
    """Return the texts that a mapping gives its template's parameters; None where they are not right."""
    given = mapping.get("with")
    if given is not None and not isinstance(given.node, Table):
        return None  # the schema says so
    params = [spot.text or "" for spot in template.listed("params")]
    written = dict(given.entries()) if given else {}
    for name, spot in written.items():
        if name not in params:
            close = meant(name, params)
            if close and given:
                problems.misspell(given, close)
            there_are = advice(name, params, "there is") if params else "the template has none: leave it out"
            problems.at(spot.home, spot.path, f"no such parameter, {quoted(name)}; {there_are}")
    lacking = [name for name in params if name in needed and name not in written]
    for name in lacking:
        _miss(mapping, given, name, problems)
    values = {name: spot.text for name, spot in written.items() if spot.text is not None}
    return None if lacking or written.keys() - set(params) or values.keys() != written.keys() else values


def _miss(mapping: Spot, given: Spot | None, name: str, problems: Problems) -> None:
    message = f"the template needs {name}: add {name}: and a text to its with"
    if given:
        problems.missing(given, name, message)
    else:
        problems.at(mapping.home, (*mapping.path, "with", name), message)
