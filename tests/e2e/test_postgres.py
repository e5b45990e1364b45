"""The same commands on a real PostgreSQL."""

from sqlalchemy import create_engine, text

from sandbox.team import work
from tests.e2e import shapes
from tests.e2e.conftest import Headway


def test_the_way_from_validate_to_verify_on_postgresql(headway: Headway, postgres_url: str) -> None:
    headway.edit("sqlite:///headway.db", "${HEADWAY_TEST_DATABASE}")
    here = {"HEADWAY_TEST_DATABASE": postgres_url}
    assert headway.run("validate", **here).code == 0
    before = headway.run("status", "--json", **here)
    assert {each["value"] for each in before.out["key_results"]} == {None}
    assert headway.run("db", "upgrade", **here).code == 0

    first = headway.run("sync", "--json", **here)
    assert first.code == 0
    assert list(shapes.complaints(first.out, shapes.SYNC)) == []
    assert len(first.out["updates"]) == 12
    assert headway.run("sync", "--json", **here).out["updates"] == []
    work(headway.sandbox.world, days=3, seed=2)
    dry = headway.run("sync", "--dry-run", "--json", **here)
    assert headway.run("sync", "--json", **here).out["updates"] == dry.out["updates"] != []

    status = headway.run("status", "--json", **here).out
    assert list(shapes.complaints(status, shapes.STATUS)) == []
    for name in ("one-click", "interviews"):
        explain = headway.run("explain", name, "--json", **here).out
        assert list(shapes.complaints(explain, shapes.EXPLAIN)) == []
        assert explain["value"] == next(each["value"] for each in status["key_results"] if each["id"] == name)
    history = headway.run("history", "p1-bugs", "--json", **here).out
    assert list(shapes.complaints(history, shapes.HISTORY)) == []
    key = history[-1]["causes"][0]["key"]
    which = headway.run("which", key, "--json", **here).out
    assert "p1-bugs" in {each["key_result"] for each in which}

    assert headway.run("verify", "--json", **here).out["ok"] is True
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE ledger_entry SET new = new + 1 WHERE seq = 4"))
    engine.dispose()
    broken = headway.run("verify", "--json", **here)
    assert (broken.code, broken.out["first_bad"]) == (1, 4)
    assert sorted(path.name for path in headway.folder.iterdir()) == ["headway.yaml"]
