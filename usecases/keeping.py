"""`verify` and `db upgrade`: the ledger is whole, and the tables are this version's."""

from pathlib import Path

from okrs.ledger import GENESIS
from store import database as databases
from store.views.verify import Verified
from store.views.verify import verify as verified
from usecases.ground import Ground, absent, database_of


def verify(ground: Ground, config: Path) -> Verified:
    """Recompute the ledger."""
    known = ground.load(config)
    with database_of(known) as database, database.read() as connection:
        if not database.made:  # nothing is whole where nothing is: the path may be mistyped
            return Verified(False, 0, GENESIS, problem=absent(known))
        return verified(connection)


def upgrade(ground: Ground, config: Path) -> None:
    """Bring an existing database to this version's tables."""
    databases.upgrade(ground.load(config).database)
