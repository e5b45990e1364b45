"""What a connector answers when its tracker offers nothing better; an author overrides what it can do."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Self

from connectors.contract import (
    Account,
    Container,
    CredentialsRefused,
    Cursor,
    Demand,
    Family,
    Fate,
    Found,
    IdPage,
    Listed,
    MalformedAnswer,
    Page,
    QueryRefused,
    Quota,
    RateLimited,
    Stop,
    TryLater,
    Unreachable,
    Unreadable,
    What,
)
from okrs.immutable import replace
from okrs.work import Ref

_DAWN = datetime(1970, 1, 1, tzinfo=UTC)


class Plain:
    """A connector whose census is its complete listing.  `containers` and `changed` are its author's."""

    @property
    def requests(self) -> int:
        return 0

    @property
    def quota(self) -> Quota | None:
        return None

    @property
    def told(self) -> datetime | None:
        return None

    def twin(self) -> Self:
        """The connector itself: right where it keeps nothing between two calls."""
        return self

    def containers(self) -> Sequence[Container | Unreadable]:
        raise NotImplementedError  # the author's

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        raise NotImplementedError  # the author's

    def census(self, container: Container, demand: Demand, resume: str | None) -> IdPage:
        page = self.changed(
            container, Cursor(now=_DAWN, resume=resume), replace(demand, fields=frozenset(), numbers=frozenset())
        )
        return IdPage(tuple([Ref(item.id, item.key) for item in page.items]), page.following, page.also)

    def look_up(self, container: Container, refs: Sequence[Ref], demand: Demand) -> Mapping[str, Found]:
        """Whatever a complete listing shows is here, and of the rest nobody knows.

        Raises MalformedAnswer when the listing goes in circles.
        """
        here: dict[str, Found] = {}
        waiting: list[str | None] = [None]
        begun: set[str | None] = {None}
        while waiting:
            page = self.changed(container, Cursor(now=_DAWN, resume=waiting.pop()), demand)
            here.update({item.id: Found(Fate.HERE, item) for item in page.items})
            if not begun.isdisjoint(page.following):
                raise MalformedAnswer(f"The listing of {container.name} repeats its own pages; nothing of it was used.")
            begun.update(page.following)
            children = dict.fromkeys(one for one in page.also if one not in begun)
            begun.update(children)
            waiting += (*page.following, *children)
        return {ref.id: here.get(ref.id, Found(Fate.HIDDEN)) for ref in refs}

    def matching(self, query: str, resume: str | None) -> IdPage:  # noqa: ARG002 - the contract's
        raise QueryRefused(
            f"This tracker has no query language, so it cannot be asked {query!r}: use the other selectors."
        )

    def outside(self, family: Family, resume: str | None) -> IdPage:  # noqa: ARG002 - the contract's
        return IdPage(())

    def check(self) -> Account:
        return account_of("", self.containers())

    def discover(self) -> Sequence[Listed]:
        """The containers that can be read.  Raises Stop where there are only others: an error is no empty list."""
        found = lasting(self.containers())
        rows = [Listed(What.PROJECT, one.name) for one in found if isinstance(one, Container)]
        if found and not rows:
            raise Stop(next(one.error for one in found if isinstance(one, Unreadable)))
        return rows

    def close(self) -> None:
        """Nothing is held open."""


def resolved(names: Sequence[str], resolve: Callable[[str], Container]) -> tuple[Container | Unreadable, ...]:
    """Return the containers of those names; one that cannot be resolved leaves the others to be read.

    Raises ConnectorError where no container would fare better: refused credentials, a closed way, a limit, an answer
    that is none, and the trouble of the first when each of them is in passing trouble.
    """
    found: list[Container | Unreadable] = []
    passing: list[TryLater] = []
    for name in names:
        try:
            found.append(resolve(name))
        except (CredentialsRefused, Unreachable, RateLimited, MalformedAnswer):
            raise
        except TryLater as error:
            passing.append(error)
            found.append(Unreadable(name, str(error), passing=True))
        except Stop as error:
            found.append(Unreadable(name, str(error)))
    if passing and len(passing) == len(names):
        raise passing[0]
    return tuple(found)


def account_of(
    who: str,
    found: Sequence[Container | Unreadable],
    *,
    detail: str = "",
    lacks: Sequence[str] = (),
    expires: datetime | None = None,
) -> Account:
    """Return what `check` tells, with the containers that `containers` has found, and those it has not and why."""
    hidden = {one.name: one.error for one in found if isinstance(one, Unreadable)}
    return Account(
        who=who,
        sees=tuple([one.name for one in found if isinstance(one, Container)]),
        missing=tuple(hidden),
        detail=detail,
        lacks=tuple(lacks),
        expires=expires,
        reasons=hidden,
    )


def lasting(found: Sequence[Container | Unreadable]) -> Sequence[Container | Unreadable]:
    """Return the containers of an answer that is to be whole.  Raises TryLater when one is in passing trouble."""
    for one in found:
        if isinstance(one, Unreadable) and one.passing:
            raise TryLater(one.error)
    return found
