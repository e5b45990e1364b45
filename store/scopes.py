"""Frozen scopes: which items belonged to a part when it was first measured in its cycle."""

import orjson
from sqlalchemy import Connection, delete

from mapping.measure import Scopes
from store.database import raw
from store.tables import frozen_scope, storable


def of_key_result(connection: Connection, name: str) -> Scopes:
    """Return the scopes that were frozen for a key result, by `scope_key`."""
    rows = raw(connection, "SELECT scope, items FROM frozen_scope WHERE key_result = ?", (storable(name),))
    return {row.scope: frozenset(orjson.loads(row.items)) for row in rows}


def of_all(connection: Connection) -> dict[str, dict[str, frozenset[str]]]:
    """Return the scopes that were frozen, by key result and `scope_key`."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for row in raw(connection, "SELECT key_result, scope, items FROM frozen_scope"):
        found.setdefault(row.key_result, {})[row.scope] = frozenset(orjson.loads(row.items))
    return found


def keep(connection: Connection, name: str, scopes: Scopes) -> None:
    """Let these be the scopes of a key result, and no others: one whose clause was edited is frozen anew."""
    held = of_key_result(connection, name)
    mine = frozen_scope.c.key_result == name
    for scope in held.keys() - scopes.keys():
        connection.execute(delete(frozen_scope).where(mine, frozen_scope.c.scope == scope))
    for scope in sorted(scopes.keys() - held.keys()):
        items = orjson.dumps(sorted(scopes[scope])).decode()
        connection.execute(frozen_scope.insert().values(key_result=name, scope=scope, items=items))
