"""What a page costs most is found once, and anew as soon as anything of it may be another."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import Connection, text

from store.database import Database
from store.views.setup import Setup
from tests.integration.fakes import MORNING
from web.desk import Visit
from web.remembering import SECONDS, Remembering

SETUP, OTHER = cast("Setup", object()), cast("Setup", object())


def visit(connection: Connection) -> Visit:
    return Visit(connection, SETUP, MORNING, cast("object", None), dict)  # type: ignore[arg-type] # no face is needed


CHANGES = (
    "INSERT INTO ledger_head (id, seq, hash) VALUES (1, 7, 'x')",
    "INSERT INTO source (name, generation, fence, state) VALUES ('s', 1, 0, 'ok')",
    "INSERT INTO hold (key_result, id, reason, proposal, since, rejected) VALUES ('k', 'h', 'r', 'p', 1, false)",
    "INSERT INTO forgotten (source, item) VALUES ('s', '1')",
    "INSERT INTO forgotten_name (digest) VALUES ('d')",
)


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_found_once_until_something_of_it_changes(database: Database, change: str) -> None:
    remembering, found = Remembering[int](), list[int]()

    def find() -> int:
        found.append(len(found))
        return found[-1]

    def look(changed: Callable[[Visit], Visit] = lambda each: each, about: str = "all") -> int:
        with database.read() as connection:
            return remembering.of(changed(visit(connection)), about, find)

    assert [look(), look(), look()] == [0, 0, 0]
    with database.write() as connection:
        connection.execute(text(change))
    assert [look(), look()] == [1, 1]
    assert look(about="one") == 2
    assert look(lambda each: replace(each, setup=OTHER)) == 3
    assert look() == 4
    assert look(lambda each: replace(each, now=each.now + timedelta(seconds=SECONDS))) == 5


def test_what_fails_is_not_kept(database: Database) -> None:
    remembering = Remembering[int]()
    with database.read() as connection:
        with pytest.raises(ZeroDivisionError):
            remembering.of(visit(connection), "all", lambda: 1 // 0)
        assert remembering.of(visit(connection), "all", lambda: 1) == 1


def test_not_everything_is_kept_for_ever(database: Database) -> None:
    remembering = Remembering[int]()
    with database.read() as connection:
        for number in range(1000):
            remembering.of(visit(connection), number, lambda: 0)
        assert remembering.of(visit(connection), 0, lambda: 1) == 1
        assert remembering.of(visit(connection), 999, lambda: 1) == 0
