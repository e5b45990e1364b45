"""A smaller part of the drill of `test_crash_acts`, with the ledger on PostgreSQL."""

import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from tests.e2e.conftest import Headway
from tests.e2e.crashing import land, sweep
from tests.e2e.forking import LONGEST, Forks
from tests.e2e.moments import Bases, moments

LANDED = 4
IN_A_FILE = "sqlite:///headway.db"


@dataclass(frozen=True)
class OnServer(Headway):
    """The command with its database on a server; what stands there is looked at in a file that an export becomes."""

    forks: Forks
    server: str
    name: str

    @classmethod
    def of(cls, office: Headway, forks: Forks, server: str) -> "OnServer":
        """Give an office that has no database yet one on the server."""
        made = cls(office.sandbox, office.folder, forks, server, _a_name())
        made.asked(f"CREATE DATABASE {made.name}")
        made.edit(IN_A_FILE, made.url)
        return made

    @property
    def url(self) -> str:
        server = make_url(self.server).set(drivername="postgresql+psycopg", database=self.name)
        return f'"{server.render_as_string(hide_password=False)}"'

    def asked(self, statement: str) -> object:
        engine = create_engine(make_url(self.server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            answer = connection.execute(text(statement))
            found = answer.scalar() if answer.returns_rows else None
        engine.dispose()
        return found

    def beside(self, folder: Path) -> "OnServer":
        shutil.copytree(self.folder, folder)
        self._alone()
        there = OnServer(self.sandbox, folder, self.forks, self.server, _a_name())
        there.asked(f"CREATE DATABASE {there.name} TEMPLATE {self.name}")
        there.edit(self.url, there.url)
        return there

    @property
    def database(self) -> Path:
        """A file with what stands on the server now.  What no import would take is found here."""
        view = self.folder.parent / f"{self.folder.name}.view"
        if not (view / str(self.forks.runs[self.folder])).exists():
            self._alone()
            shutil.rmtree(view, ignore_errors=True)
            view.mkdir()
            config = self.config.read_text(encoding="utf-8").replace(self.url, IN_A_FILE)
            (view / "headway.yaml").write_text(config, encoding="utf-8")
            for folder, command in ((self.folder, "export"), (view, "import")):
                ran = self.forks.run(folder, command, str(view / "ledger.jsonl"))
                assert ran.code == 0, ran.err
            (view / str(self.forks.runs[self.folder])).touch()
        return view / "headway.db"

    def _alone(self) -> None:
        """Wait until the server knows that whoever was killed is gone; what they had sent may still be done."""
        others = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self.name}'"
        until = time.monotonic() + LONGEST
        while self.asked(others):
            assert time.monotonic() < until, "somebody holds on to the database"
            time.sleep(0.01)


def _a_name() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Bases]:
    """A company at several moments."""
    yield from moments(tmp_path_factory.mktemp("bases"), partial(OnServer.of, server=postgres_server))


@pytest.mark.drill
@pytest.mark.parametrize("name", ["sync", "approve", "reject", "set", "close", "forget", "backfill"])
def test_killed_at_any_instant_a_server_keeps_it_whole_or_not_at_all(bases: Bases, name: str, tmp_path: Path) -> None:
    land(bases.drill(name, tmp_path), LANDED)


@pytest.mark.drill
def test_a_mistake_on_a_server_is_found(bases: Bases, tmp_path: Path) -> None:
    drill = bases.drill("set", tmp_path, "entry before state")
    with pytest.raises(AssertionError, match=r"is kept of .* for speed differs"):
        sweep(drill, "COMMIT")
