"""Jira's JSON to work items.  Pure; raises MalformedAnswer where the JSON is not what the API promises."""

from connectors.contract import FieldsRefused, Stop
from connectors.jira.boards import sprints_of
from connectors.jira.payload import Json, each, malformed, maybe, midnight, moment, name_of, needed
from connectors.jira.values import value_texts
from connectors.naming import first_refs
from okrs.immutable import immutable
from okrs.work import Kind, Ref, State, Step, WorkItem, fold_name

ISSUE_FIELDS = (
    "summary",
    "issuetype",
    "status",
    "resolution",
    "resolutiondate",
    "statuscategorychangedate",
    "created",
    "updated",
    "labels",
    "components",
    "fixVersions",
    "parent",
    "assignee",
)
"""What is asked of each issue.  The project is told by the key, its JSON would be half of the answer."""

_LINKS = "issuelinks"

_STATES = {"indeterminate": State.DOING, "done": State.DONE}


@immutable
class Reading:
    """What normalising needs to know beside the payload."""

    root: str
    """Address of the site, without a trailing slash."""
    cancelled: frozenset[str]
    """Resolutions, folded, that turn done into cancelled."""
    columns: tuple[tuple[str, str], ...] = ()
    """Demanded fields: (name as the mapping spells it, id of the field), sorted by name."""
    epic_link: str | None = None
    """Data Center: id of the field that holds the KEY of an issue's epic."""
    sprint: str | None = None
    """Id of the field that holds an issue's sprints, where they are demanded."""
    links: bool = False
    """Whether links to other issues are demanded."""

    @property
    def asked(self) -> tuple[str, ...]:
        """Ids of all fields to ask of each issue."""
        more = (self.epic_link, self.sprint, _LINKS if self.links else None)
        return (*ISSUE_FIELDS, *(field for _, field in self.columns), *filter(None, more))


def issue_item(payload: Json, reading: Reading, history: tuple[Step, ...] = ()) -> WorkItem:
    """Return the item of an issue."""
    key = needed(payload, "key", str, "an issue")
    fields = needed(payload, "fields", dict, key)
    issue_type = needed(fields, "issuetype", dict, key)
    status = needed(fields, "status", dict, key)
    resolution = name_of(fields, "resolution", key)
    category = needed(needed(status, "statusCategory", dict, key), "key", str, key)
    state = state_of(category, resolution, reading.cancelled)
    closed_at = moment(fields, "resolutiondate", key) or moment(fields, "statuscategorychangedate", key)
    labels = (*_labels(fields, key), *each(fields, "components", "name", key))
    return WorkItem(
        id=needed(payload, "id", str, key),
        key=key,
        kind=_kind(issue_type, key),
        type=needed(issue_type, "name", str, key),
        title=needed(fields, "summary", str, key),
        url=f"{reading.root}/browse/{key}",
        state=state,
        status=needed(status, "name", str, key),
        resolution=resolution,
        created_at=moment(fields, "created", key),
        updated_at=moment(fields, "updated", key),
        closed_at=closed_at if state.closed else None,
        parent=_parent(fields, reading, key),
        projects=(Ref(key.rpartition("-")[0]),),
        milestones=tuple(f"version:{version}" for version in each(fields, "fixVersions", "id", key)),
        labels=tuple(dict.fromkeys(labels)),
        assignees=_spellings(fields, key),
        fields=_values(fields, reading, key),
        sprints=sprints_of(fields, reading.sprint, key) if reading.sprint else (),
        refs=first_refs(_linked(fields, key), own=key) if reading.links else (),
        history=history,
    )


def version_item(payload: Json, project: str, root: str) -> WorkItem:
    """Return the milestone of a version; `project` is the key of its project.

    Ids of versions and issues overlap, hence `version:10000`; its key is `PAY/version/10000`.  An unreleased
    version that is archived stays todo: it was put away, not shipped.
    """
    number = needed(payload, "id", str, "a version")
    what = f"version {number}"
    released = maybe(payload, "released", bool, what) or False
    return WorkItem(
        id=f"version:{number}",
        key=f"{project}/version/{number}",
        kind=Kind.MILESTONE,
        type="version",
        title=needed(payload, "name", str, what),
        url=f"{root}/projects/{project}/versions/{number}",
        state=State.DONE if released else State.TODO,
        closed_at=midnight(payload, "releaseDate", what) if released else None,
        projects=(Ref(project),),
    )


def _kind(issue_type: Json, what: str) -> Kind:
    if maybe(issue_type, "subtask", bool, what):
        return Kind.SUBTASK
    return Kind.EPIC if is_epic(issue_type, what) else Kind.ISSUE


def is_epic(issue_type: Json, what: str) -> bool:
    """Tell whether it is a type of epics, or of what lies above them: neither is work, both hold some.

    Cloud numbers its hierarchy; on Data Center it is the type of that name, and nothing tells what lies above it.
    https://support.atlassian.com/jira-software-cloud/docs/configure-custom-hierarchy-levels-in-advanced-roadmaps/
    """
    level = maybe(issue_type, "hierarchyLevel", int, what)
    return fold_name(needed(issue_type, "name", str, what)) == "epic" if level is None else level >= 1


def state_of(category: str, resolution: str | None, cancelled: frozenset[str]) -> State:
    """Judge by the category's key, never by its translated name; done is cancelled by a resolution."""
    state = _STATES.get(category, State.TODO)
    if state is State.DONE and resolution is not None and fold_name(resolution) in cancelled:
        return State.CANCELLED
    return state


def _labels(fields: Json, what: str) -> list[str]:
    labels = maybe(fields, "labels", list, what) or []
    if not all(isinstance(label, str) for label in labels):
        raise malformed("labels", what)
    return labels


def _parent(fields: Json, reading: Reading, what: str) -> Ref | None:
    """Return the parent; the Epic Link of Data Center holds nothing but a key."""
    parent = maybe(fields, "parent", dict, what)
    if parent is not None:
        return Ref(needed(parent, "id", str, what), maybe(parent, "key", str, what) or "")
    epic = maybe(fields, reading.epic_link, str, what) if reading.epic_link else None
    return Ref("", epic) if epic else None


def _spellings(fields: Json, what: str) -> tuple[str, ...]:
    """Return every way to name the assignee; Cloud has an account id and may hide the e-mail, Data Center a login."""
    person = maybe(fields, "assignee", dict, what) or {}
    keys = ("accountId", "name", "emailAddress", "displayName")
    return tuple(dict.fromkeys(text for key in keys if (text := maybe(person, key, str, what))))


def _linked(fields: Json, what: str) -> list[str]:
    """Return the keys of the issues that this one is linked to, in either direction."""
    links = maybe(fields, _LINKS, list, what) or []
    if not all(isinstance(link, dict) for link in links):
        raise malformed(_LINKS, what)
    ends = [maybe(link, end, dict, what) for link in links for end in ("inwardIssue", "outwardIssue")]
    return [needed(end, "key", str, f"{_LINKS} of {what}") for end in ends if end is not None]


def _values(fields: Json, reading: Reading, what: str) -> tuple[tuple[str, str], ...]:
    return tuple([(name, text) for name, field in reading.columns for text in _value(fields.get(field), name, what)])


def _value(value: object, name: str, what: str) -> tuple[str, ...]:
    try:
        return value_texts(value, f"{name!r} of {what}")
    except Stop as error:
        refused = {name: str(error)}
    raise FieldsRefused(refused)
