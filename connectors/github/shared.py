"""What all connections of one source know together, and how one of them asks for a repository."""

from dataclasses import dataclass, field
from datetime import datetime

from connectors.contract import Container, Stop, Unreadable
from connectors.github import normalise
from connectors.github.answer import Answer
from connectors.github.boards import Boards
from connectors.github.credentials import InstalledApp, PersonalToken
from connectors.github.settings import Settings
from connectors.github.wire import Wire
from connectors.plain import resolved
from okrs.work import Ref


@dataclass(slots=True)
class Shared:
    """Found out by one connection, used by all.  Single entries are set and read, which threads may do at once."""

    settings: Settings
    credentials: PersonalToken | InstalledApp
    boards: Boards
    repositories: dict[str, Ref] = field(default_factory=dict)
    """By id, as they are called today."""
    configured: dict[str, Ref] = field(default_factory=dict)
    """Those of the config, by id."""
    chains: dict[tuple[str, datetime], int] = field(default_factory=dict)
    """Listings that refused page numbers: (id of the repository, time of the read) → page that goes on instead."""


def containers(wire: Wire, shared: Shared) -> tuple[Container | Unreadable, ...]:
    """Resolve the repositories; a renamed one is found and from then on asked under its new name."""
    shared.boards.forget()
    shared.chains.clear()

    def resolve(name: str) -> Container:
        what = f"the repository {name}"
        repo = _remember(shared, _lookup(wire, f"/repos/{name}", what), what)
        shared.configured[repo.id] = repo
        return Container(repo.id, name, called=repo.name)

    return resolved(shared.settings.repositories, resolve)


def configured(wire: Wire, shared: Shared) -> dict[str, Ref]:
    """Return the readable repositories of the config by id, and ask for them where nobody has yet."""
    if not shared.configured:
        containers(wire, shared)
    return shared.configured


def repository(wire: Wire, shared: Shared, container: Container) -> Ref:
    """Return what `containers` has found; a connection that was opened for one page asks by the id."""
    known = shared.repositories.get(container.id)
    if known is not None:
        return known
    what = f"the repository {container.name}"
    return _remember(shared, _lookup(wire, f"/repositories/{container.id}", what), what)


def named(wire: Wire, shared: Shared, name: str) -> Ref:
    """Return a repository by the name that an answer of GitHub gave it."""
    for known in list(shared.repositories.values()):
        if known.name.casefold() == name.casefold():
            return known
    what = f"the repository {name}"
    return _remember(shared, _lookup(wire, f"/repos/{name}", what), what)


def still_there(wire: Wire, container: Container) -> None:
    """Raise when the repository itself cannot be seen any more, or has no issues: then no single answer counts."""
    what = f"the repository {container.name}"
    told = _lookup(wire, f"/repositories/{container.id}", what).json(what)
    if not normalise.has_issues(told):
        raise Stop(f"Issues are switched off in {what}, so nobody knows what became of them: switch them on again.")


def _remember(shared: Shared, answer: Answer, what: str) -> Ref:
    repo = normalise.repository(answer.json(what))
    shared.repositories[repo.id] = repo
    return repo


def _lookup(wire: Wire, path: str, what: str) -> Answer:
    """Ask for one repository.  A renamed one answers 301 with its address by id; there is no query to lose."""
    answer = wire.get(path, what)
    location = answer.headers.get("location", "")
    if answer.status == 301 and wire.owns(location):
        return wire.get(location, what)
    return answer
