"""Every value follows from its tickets, and whoever changes the ledger by hand is found out."""

from decimal import Decimal
from typing import Any

import pytest

from sandbox.team import work
from tests.e2e.conftest import Headway
from tests.e2e.test_answers import KEY_RESULTS

MILLIONTH = Decimal("0.000001")


def exact(number: Any) -> Decimal:
    return Decimal(str(number))


def part_value(part: dict[str, Any]) -> Decimal:
    """Compute a part's value from its listed tickets alone, and hold its sums against them."""
    line = [*part["counted"], *(each for each in part["excluded"] if each["weight"] is not None)]
    numerator = sum((exact(each["amount"]) for each in part["counted"]), Decimal(0))
    assert exact(part["numerator"]) == numerator
    if part["measure"] in ("count", "sum"):
        assert part["denominator"] is None
        return numerator
    assert part["measure"] == "percent"
    denominator = sum((exact(each["weight"]) for each in line), Decimal(0))
    assert exact(part["denominator"]) == denominator > 0
    return (100 * numerator / denominator).quantize(MILLIONTH)


def value(document: dict[str, Any]) -> Decimal:
    """Compute a key result's value from an `explain --json` document."""
    values = [part_value(part) for part in document["parts"]]
    assert [exact(part["value"]) for part in document["parts"]] == values
    if document["combine"] is None:
        assert len(values) == 1
        total = values[0]
    else:
        assert document["combine"] == "weighted_mean"
        weights = [exact(part["weight"]) for part in document["parts"]]
        total = sum((a * b for a, b in zip(weights, values, strict=True)), Decimal(0)) / sum(weights)
    return (total + exact(document["add_start"] or 0)).quantize(MILLIONTH)


def test_every_value_is_recomputed_from_its_explanation(headway: Headway) -> None:
    told: list[dict[str, Any]] = []
    for _ in range(2):
        assert headway.run("sync").code == 0
        values = headway.values()
        told.append(values)
        for name in KEY_RESULTS:
            document = headway.run("explain", name, "--json").out
            assert value(document) == exact(document["value"]) == exact(values[name]), name
            assert any(part["counted"] for part in document["parts"]), name
        work(headway.sandbox.world, days=4, seed=11)
    assert sum(told[0][name] != told[1][name] for name in KEY_RESULTS) >= 8


def test_what_counts_in_explain_counts_in_which(settled: Headway) -> None:
    part = settled.run("explain", "one-click", "--json").out["parts"][0]
    for each in (part["counted"][0], part["excluded"][0]):
        which = settled.run("which", each["key"], "--json").out
        [mine] = [one for one in which if one["key_result"] == "one-click" and one["part"] == 0]
        assert mine["counted"] is (each in part["counted"])
        assert mine["amount"] == each.get("amount", 0 if each["weight"] is not None else None)
        assert mine["reason"] == each.get("reason")


def test_which_finds_tickets_as_people_write_them(settled: Headway) -> None:
    for source, key in settled.rows("SELECT source, min(key) FROM item WHERE kind = 'issue' GROUP BY source"):
        for spelling in (key, f" {key} ", key.upper() if source == "acme-github" else key):
            code, out, _ = settled.run("which", spelling, "--json")
            assert code == 0, spelling
            assert {each["part"] for each in out}


def test_verify_finds_a_ledger_whole(settled: Headway) -> None:
    code, out, _ = settled.run("verify", "--json")
    assert code == 0
    assert (out["ok"], out["first_bad"]) == (True, None)
    assert [(out["entries"], out["head"])] == settled.rows("SELECT seq, hash FROM ledger_head")
    assert out["entries"] == settled.rows("SELECT count(*) FROM ledger_entry")[0][0] > 12


TAMPERING = {
    "a value": ("ledger_entry", "new = new + 1", 5),
    "a sentence": ("ledger_entry", "why = 'because'", 7),
    "a time": ("ledger_entry", "at = at + 1", 1),
    "a cause's number": ("ledger_delta", "delta = delta + 1", 13),
    "a cause's ticket": ("ledger_delta", "item = item || '0'", 3),
    "a cause's name": ("ledger_delta", "cause = 'moved'", 2),
}


@pytest.mark.parametrize("name", TAMPERING)
def test_verify_names_the_entry_that_was_changed_by_hand(copy: Headway, name: str) -> None:
    table, change, seq = TAMPERING[name]
    place = "AND place = 0" if table == "ledger_delta" else ""
    with copy.plain() as connection:
        assert connection.execute(f"UPDATE {table} SET {change} WHERE seq = {seq} {place}").rowcount == 1
    code, out, err = copy.run("verify", "--json")
    assert (code, err) == (1, "")
    assert (out["ok"], out["first_bad"]) == (False, seq)
    code, text, _ = copy.run("verify")
    assert code == 1
    assert f"Entry {seq}" in text


def test_verify_finds_a_value_that_was_changed_beside_the_ledger(copy: Headway) -> None:
    with copy.plain() as connection:
        connection.execute("UPDATE key_result SET value = value + 1000000 WHERE id = 'p1-bugs'")
    [(seq,)] = copy.rows("SELECT max(seq) FROM ledger_entry WHERE key_result = 'p1-bugs'")
    code, out, _ = copy.run("verify", "--json")
    assert (code, out["ok"], out["first_bad"]) == (1, False, seq)
