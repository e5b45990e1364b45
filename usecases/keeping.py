"""`verify` and `db upgrade`: the ledger is whole, and the tables are this version's."""

from pathlib import Path

from config.model import Config
from okrs.anchor import Anchor
from okrs.ledger import GENESIS
from store import database as databases
from store.views.anchors import held_against
from store.views.verify import Verified
from store.views.verify import verify as verified
from usecases.anchoring import anchors_if_any, read_anchors
from usecases.ground import Ground, absent, database_of


def verify(ground: Ground, config: Path, against: Path | None) -> Verified:
    """Recompute the ledger, and hold it against the anchors of a file: this one, else the one that the config names.

    Raises Failure where this one cannot be read or holds none.
    """
    known = ground.answering(config)
    anchors, place = _anchors(known, against)
    with database_of(known) as database, database.read() as connection:
        if not database.made:  # nothing is whole where nothing is: the path may be mistyped
            return Verified(False, 0, GENESIS, problem=absent(known))
        answer = verified(connection)
        return held_against(connection, answer, anchors, str(place)) if place else answer


def _anchors(known: Config, against: Path | None) -> tuple[list[Anchor], Path | None]:
    if against is not None:
        return read_anchors(against), against
    path = known.anchor.path if known.anchor else None
    return (anchors_if_any(path), path) if path else ([], None)


def anchor(ground: Ground, config: Path) -> tuple[Verified, Anchor]:
    """Return the ledger's head for safekeeping; it is worth something where the ledger is whole."""
    answer = verify(ground, config, None)
    return answer, Anchor(answer.entries, answer.head, ground.clock())


def upgrade(ground: Ground, config: Path) -> None:
    """Bring an existing database to this version's tables."""
    databases.upgrade(ground.answering(config).database)
