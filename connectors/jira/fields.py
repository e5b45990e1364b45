"""Which field of Jira a name means.  Two that fit are never guessed between.

On Cloud a team-managed project has fields of its own, which the list of fields tells by their `scope`:
https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-issue-fields/#api-rest-api-2-field-get
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from difflib import get_close_matches

from connectors.contract import Stop
from connectors.jira.payload import Json, maybe, needed
from okrs.work import fold_name

_CUSTOM_ID = re.compile(r"customfield_\d+")
EPIC_LINK = "com.pyxis.greenhopper.jira:gh-epic-link"
SPRINT = "com.pyxis.greenhopper.jira:gh-sprint"
STORY_POINTS = "com.pyxis.greenhopper.jira:jsw-story-points"
"""Team-managed projects estimate in this one; company-managed ones in a plain number field, known by its name alone."""

_MAY_BE_NUMBERS = frozenset({"number", "string", "option", "any", ""})
"""Kinds in which numbers stand: also a text, or an option, that is one."""

_MOST = 3
"""Candidates that a sentence names."""

_ESTIMATES = frozenset({"story points", "story_points", "story point estimate"})


def is_id(spelled: str) -> bool:
    """Tell whether this is a custom field's id, which needs no list of fields to be understood."""
    return _CUSTOM_ID.fullmatch(spelled) is not None


def field_id(
    spelled: str,
    known: Sequence[Json],
    project: str,
    read: Collection[str],
    *,
    told: bool = False,
    unread: bool = False,
) -> str | None:
    """Return the id of the field that is spelled by its id or its name; `told` says that `fields:` spells it so.

    A name means the project's own field, else the site's; `read` are the ids of the projects that are read, and None
    says that others of them alone have such a field.  With `unread`, which says that some of the configured projects
    could not be read, so that nobody knows their ids, it may be any other project's.  A conventional name of story
    points that no field has is found by schema.  Raises Stop unless exactly one fits.
    """
    if any(spelled == _id(field) for field in known):
        return spelled
    every, known = known, _within(known, {project, *read})
    found = _called(spelled, known, told=told)
    fitting = next(filter(None, [_nearest(some, project) for some in found]), [])
    if len(fitting) == 1:
        return _id(fitting[0])
    if fitting:
        raise Stop(
            f"Jira has {len(fitting)} fields that could be {spelled!r} ({_listed(fitting)}): "
            f"write the right one's id under `fields:` of the source, as `fields: {{{spelled}: {_id(fitting[0])}}}`."
        )
    if any(found) or (unread and any(_called(spelled, every, told=told))):
        return None
    near = _near(spelled, known)
    raise Stop(
        f"Jira has no field {spelled!r}, or this token may not see it: "
        + (f"did you mean {_listed(near, ' or ')}?" if near else "write its id under `fields:` of the source.")
    )


def _called(spelled: str, known: Sequence[Json], *, told: bool) -> list[list[Json]]:
    """Return the fields of that name, and behind them those in which people estimate where it is a name of these."""
    found = [_where(known, lambda field: fold_name(_name(field)) == fold_name(spelled))]
    if not told and fold_name(spelled) in _ESTIMATES:
        found.append(_where(known, _estimates))
    return found


def owner(field: Json) -> str:
    """Return the id of the team-managed project that a field belongs to; "" where it is the site's."""
    scope = maybe(field, "scope", dict, "a field") or {}
    return maybe(maybe(scope, "project", dict, "a field") or {}, "id", str, "a field") or ""


def _within(known: Sequence[Json], read: Collection[str]) -> list[Json]:
    """Return the fields that issues of these projects can have: the site's, and those of the projects."""
    owners = {"", *read}
    return _where(known, lambda field: owner(field) in owners)


def _nearest(fitting: Sequence[Json], project: str) -> list[Json]:
    """Return a project's own fields of some; those of the site where it has none."""
    own = _where(fitting, lambda field: owner(field) == project)
    return own or _where(fitting, lambda field: not owner(field))


def _near(spelled: str, known: Sequence[Json]) -> list[Json]:
    """Return what else may be meant: names that are alike; for an id, which says nothing, what people estimate in."""
    if is_id(spelled):
        return _where(known, _estimates) or _numbers(known)[:_MOST]
    close = get_close_matches(fold_name(spelled), {fold_name(_name(field)) for field in known}, n=_MOST)
    return _where(known, lambda field: fold_name(_name(field)) in close)


def kind_of(field: Json) -> str:
    """Return what a field holds, in Jira's words: `number`, `option`, `list of option`, "" where it does not say."""
    kind, inner = maybe(_schema(field), "type", str, "a field") or "", maybe(_schema(field), "items", str, "a field")
    return f"list of {inner}" if kind == "array" else kind


def expect_number(spelled: str, known: Sequence[Json], read: Collection[str]) -> None:
    """Raise Stop where a field of this id cannot hold a number; it names others of the projects that are read."""
    for field in known:
        if _id(field) == spelled and (kind := kind_of(field)) not in _MAY_BE_NUMBERS:
            found = _numbers(_within(known, read))[:_MOST]
            remedy = f"name a number field, as {_listed(found, ' or ')}." if found else "name a number field."
            raise Stop(f"The field {_listed([field])} holds no numbers ({kind}), and `by` needs some: {remedy}")


def by_schema(known: Sequence[Json], custom: str) -> str | None:
    """Return the id of the field of that custom type, as names are translated; None without one."""
    return next((_id(field) for field in known if _schema(field).get("custom") == custom), None)


def customs(known: Sequence[Json], read: Collection[str]) -> list[tuple[str, str, str, str]]:
    """Return (id, name, kind, owner) of the custom fields that issues of the projects that are read can have, by name.

    Without those that Jira Software keeps house with: what it tells there, as an issue's sprints, rules name by words
    of their own.
    """
    custom = _where(_within(known, read), lambda field: "custom" in _schema(field))
    found = _where(custom, lambda field: not _housekeeping(field) or _estimates(field))
    told = [(_id(field), _name(field), kind_of(field), owner(field)) for field in found]
    return sorted(told, key=lambda one: (fold_name(one[1]), one[0]))


def _housekeeping(field: Json) -> bool:
    return str(_schema(field).get("custom")).startswith("com.pyxis.greenhopper.jira:")


def _numbers(known: Sequence[Json]) -> list[Json]:
    found = _where(known, lambda field: kind_of(field) == "number" and "custom" in _schema(field))
    return sorted(found, key=lambda field: (fold_name(_name(field)), _id(field)))


def _estimates(field: Json) -> bool:
    schema = _schema(field)
    named = schema.get("type") == "number" and fold_name(_name(field)) in _ESTIMATES
    return named or schema.get("custom") == STORY_POINTS


def _where(known: Sequence[Json], fits: Callable[[Json], bool]) -> list[Json]:
    return [field for field in known if fits(field)]


def _listed(found: Iterable[Json], between: str = ", ") -> str:
    return between.join([f"{_name(field)} ({_id(field)})" for field in found])


def _id(field: Json) -> str:
    return needed(field, "id", str, "a field")


def _name(field: Json) -> str:
    return needed(field, "name", str, "a field")


def _schema(field: Json) -> Json:
    return maybe(field, "schema", dict, "a field") or {}
