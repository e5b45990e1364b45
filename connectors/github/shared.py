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
    """Those of the config that can be read, by id."""
    called: dict[str, str] = field(default_factory=dict)
    """How each of them is called today, by its name in the config."""
    unreadable: tuple[str, ...] = ()
    """The others, as the config calls them."""
    server: str = ""
    """Version of the Enterprise Server, as "3.17.2", "" for GitHub's own hosts: `X-GitHub-Enterprise-Version` of its
    answers, https://docs.github.com/en/enterprise-server@3.18/rest/using-the-rest-api/getting-started-with-the-rest-api
    """
    chains: dict[tuple[str, datetime], int] = field(default_factory=dict)
    """Listings that refused page numbers: (id of the repository, time of the read) → page that goes on instead."""


def containers(wire: Wire, shared: Shared) -> tuple[Container | Unreadable, ...]:
    """Resolve the repositories; a renamed one is found and from then on asked under its new name.

    A run begins: what an earlier one knew of boards and names is over.
    """
    shared.boards.forget()
    shared.chains.clear()
    known: dict[str, Ref] = {}

    def resolve(name: str) -> Container:
        what = f"the repository {name}"
        answer = _lookup(wire, f"/repos/{name}", what)
        repo = normalise.repository(answer.json(what))
        known[repo.id] = repo
        shared.server = answer.headers.get("x-github-enterprise-version", "")
        return Container(repo.id, name, called=repo.name)

    found = resolved(shared.settings.repositories, resolve)
    # Other threads may ask meanwhile: they see the old names or the new ones, and never none.
    shared.repositories, shared.configured = dict(known), known
    shared.called = {one.name: one.called for one in found if isinstance(one, Container)}
    shared.unreadable = tuple([one.name for one in found if isinstance(one, Unreadable)])
    return found


def configured(wire: Wire, shared: Shared) -> dict[str, Ref]:
    """Return the readable repositories of the config by id, and ask for them where nobody has yet."""
    if not shared.configured and not shared.unreadable:
        containers(wire, shared)
    return shared.configured


def repository(wire: Wire, shared: Shared, container: Container) -> Ref:
    """Return what `containers` has found; a connection that was opened for one page asks by the id."""
    known = shared.repositories.get(container.id)
    if known is not None:
        return known
    return _remember(wire, shared, f"/repositories/{container.id}", f"the repository {container.name}")


def named(wire: Wire, shared: Shared, name: str) -> Ref:
    """Return a repository by the name that an answer of GitHub gave it."""
    for known in list(shared.repositories.values()):
        if known.name.casefold() == name.casefold():
            return known
    return _remember(wire, shared, f"/repos/{name}", f"the repository {name}")


def belongs(wire: Wire, shared: Shared, repo: Ref) -> bool:
    """Tell whether a repository is one of the config, also when it could not be read in this run."""
    mine = repo.id in configured(wire, shared)
    return mine or repo.name.casefold() in {name.casefold() for name in shared.unreadable}


def still_there(wire: Wire, container: Container) -> None:
    """Raise when the repository itself cannot be seen any more, or has no issues: then no single answer counts."""
    what = f"the repository {container.name}"
    told = _lookup(wire, f"/repositories/{container.id}", what).json(what)
    if not normalise.has_issues(told):
        raise Stop(f"Issues are switched off in {what}, so nobody knows what became of them: switch them on again.")


def _remember(wire: Wire, shared: Shared, path: str, what: str) -> Ref:
    repo = normalise.repository(_lookup(wire, path, what).json(what))
    shared.repositories[repo.id] = repo
    return repo


def _lookup(wire: Wire, path: str, what: str) -> Answer:
    """Ask for one repository.  A renamed one answers 301 with its address by id; there is no query to lose."""
    answer = wire.get(path, what)
    location = answer.headers.get("location", "")
    if answer.status == 301 and wire.owns(location):
        return wire.get(location, what)
    return answer
