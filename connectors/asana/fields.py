"""Which custom field of a project a mapping means.  One that is gone is told: else what it holds would vanish unseen.

A project names the fields that its tasks may have (`custom_field_settings`, schema `ProjectResponse`), so a renamed
field shows there at once, while no task counts as modified for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from connectors.asana.payload import objects, text, wrong
from connectors.contract import Demand, FieldsRefused
from okrs.immutable import immutable
from okrs.work import fold_name

OF_A_PROJECT = "custom_field_settings.custom_field.name,custom_field_settings.custom_field.resource_subtype"
"""What is asked of a project to know its fields."""

NO_NUMBERS = frozenset({"text", "multi_enum", "date", "people", "reference"})
"""Kinds whose values are no numbers; the options of a drop-down (`enum`) may well be some."""

_MOST_TOLD = 3


@immutable
class Field:
    """A custom field of a project; `kind` is Asana's `resource_subtype`."""

    gid: str
    name: str
    kind: str

    def __str__(self) -> str:
        return f"{self.name!r} ({self.gid})"

    @property
    def numeric(self) -> bool:
        return self.kind not in NO_NUMBERS

    def meant_by(self, spelled: str) -> bool:
        return fold_name(spelled) in (self.gid, fold_name(self.name))

    def fits(self, spelled: str, *, added: bool) -> bool:
        return self.meant_by(spelled) and (self.numeric or not added)


def fields_of(project: Mapping[str, Any]) -> tuple[Field, ...]:
    """Return the fields that a project's answer names.  Raises MalformedAnswer."""
    found = []
    for setting in objects(project, "custom_field_settings"):
        one = setting.get("custom_field")
        if not isinstance(one, dict):
            raise wrong(setting, "custom_field", "an object")
        kind = one.get("resource_subtype")
        found.append(Field(text(one, "gid"), text(one, "name"), kind if isinstance(kind, str) else ""))
    return tuple(found)


@dataclass(slots=True)
class Fields:
    """The fields of a source's projects, as they were resolved last; shared by a connection and its twins."""

    projects: Mapping[str, tuple[Field, ...]] = field(default_factory=dict)
    """By the gid of each project that could be read."""
    doubtful: bool = False
    """Whether a project was in passing trouble, which may be the one that has a missing field."""

    def check(self, project: str, demand: Demand) -> None:
        """Hold the fields that mappings name against a project's.  Nothing is said of a project not resolved yet.

        A project without the field is fine while another one has it; what is added up must hold numbers.
        Raises FieldsRefused, with what may be meant.
        """
        if project not in self.projects:
            return
        told = {name: self._wrong(project, name, added=name in demand.numbers) for name in sorted(demand.fields)}
        refused = {name: sentence for name, sentence in told.items() if sentence}
        if refused:
            raise FieldsRefused(refused)

    def _wrong(self, project: str, name: str, *, added: bool) -> str:
        """Say why a name means no field of the project; empty when it does, or may."""
        fitting = [one for one in self.projects[project] if one.fits(name, added=added)]
        if added and len(fitting) > 1:
            return (
                f"The Asana project {project} has {len(fitting)} custom fields that {name!r} may mean, "
                f"{_either(fitting)}: write the gid of the right one under `by`."
            )
        if not fitting and not self._elsewhere(name, added=added):
            return self._missing(project, name, added=added)
        return ""

    def _elsewhere(self, name: str, *, added: bool) -> bool:
        every = (one for fields in self.projects.values() for one in fields)
        return self.doubtful or any(one.fits(name, added=added) for one in every)

    def _missing(self, project: str, name: str, *, added: bool) -> str:
        """Say that no project has a field that fits: of the wrong kind, this project's own first."""
        homes = sorted(self.projects, key=lambda home: home != project)
        every = {one.gid: one for home in homes for one in self.projects[home]}
        remedy = _remedy(name, every.values(), added=added)
        for home in homes:
            for one in self.projects[home]:
                if one.meant_by(name):
                    return (
                        f"The custom field {one} of the Asana project {home} is a {one.kind} field, "
                        f"and `by` needs a number: {remedy}"
                    )
        return (
            f"No project of this Asana source has a custom field {name!r} (any more), or this token may not "
            f"see it: {remedy}"
        )


def _remedy(name: str, known: Iterable[Field], *, added: bool) -> str:
    """Name the fields that are spelled alike, else some that would do."""
    place = "under `by`" if added else "behind `field.`"
    usable = [one for one in known if one.numeric or not added]
    close = get_close_matches(fold_name(name), [fold_name(one.name) for one in usable], _MOST_TOLD)
    near = [one for one in usable if fold_name(one.name) in close] or usable
    if not near:
        return f"add it to a project, or name another one {place}; `headway discover` lists them."
    return f"did you mean {_either(near[:_MOST_TOLD])}? Name or gid stand {place}."


def _either(fields: Iterable[Field]) -> str:
    return " or ".join([str(one) for one in fields])
