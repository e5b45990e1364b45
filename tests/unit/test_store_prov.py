"""`history --prov`: PROV-JSON as another program reads it, whatever stands in ids and texts."""

import json
from decimal import Decimal
from typing import Any

from prov.constants import PROV, PROV_TYPE
from prov.model import (
    ProvActivity,
    ProvAgent,
    ProvAssociation,
    ProvDerivation,
    ProvDocument,
    ProvEntity,
    ProvGeneration,
    ProvUsage,
)

from okrs.ledger import CauseKind, Delta, Entry, EntryKind
from store.views.origins import Origin, Reading, Run
from store.views.prov import document
from tests.builders import an_item, at

AT = at("2026-11-20T09:00")
HOSTILE = ["=1+1\"'", "a:b/c?d#e", "\u202e\x1b[2J\n", "支払い.", "", "_:x", "%2F -"]


def a_row(item: str, version: str = "v1", source: str = "pay") -> Delta:
    one = Decimal(1)
    return Delta(0, source, item, version, None, None, one, one, CauseKind.CLOSED, one)


def an_entry(seq: int, *rows: Delta, **facts: Any) -> Entry:
    told: dict[str, Any] = {"kind": EntryKind.AUTO, "old": Decimal(seq - 1), "new": Decimal(seq), "run": "r1"} | facts
    return Entry(seq=seq, key_result="kr", at=AT, rule="ab" * 32, deltas=rows, **told).sealed()


ORIGIN = Origin("0.1.0", '{"parts":[]}', (Reading("pay", "jira", "0.1.0", "r1"), Reading("old")))
RUNS = {"r1": Run("0.1.0", AT, AT), "r0": Run("0.0.9", AT)}


def read(written: dict[str, Any]) -> ProvDocument:
    found = ProvDocument.deserialize(content=json.dumps(written), format="json")
    assert isinstance(found, ProvDocument)
    return found


def ends(found: ProvDocument, kind: type[Any]) -> list[tuple[str, ...]]:
    """The named ends of every relation of a kind."""
    return [
        tuple(str(end) for end in record.args if end is not None and not hasattr(end, "isoformat"))
        for record in found.get_records(kind)
    ]


def names(found: ProvDocument, kind: type[Any]) -> list[str]:
    return [str(record.identifier) for record in found.get_records(kind)]


def test_a_value_leads_to_its_tickets_its_run_and_its_rule() -> None:
    entries = [an_entry(3, a_row("1"), old=None, kind=EntryKind.BASELINE), an_entry(8, a_row("1", "v2"), a_row("2"))]
    found = read(document(entries, dict.fromkeys((3, 8), ORIGIN), RUNS, {("pay", "1"): an_item("PAY-1")}))
    one, changed, two = "headway:item/pay/1/v1", "headway:item/pay/1/v2", "headway:item/pay/2/v1"
    rule = f"headway:rule/{'ab' * 32}"
    assert sorted(names(found, ProvEntity)) == sorted(["headway:value/3", "headway:value/8", one, changed, two, rule])
    assert names(found, ProvActivity) == ["headway:run/r1"]
    assert names(found, ProvAgent) == ["headway:software/0.1.0", "headway:connector/jira/0.1.0"]
    run = "headway:run/r1"
    assert ends(found, ProvGeneration) == [("headway:value/3", run), ("headway:value/8", run)]
    assert ends(found, ProvUsage) == [(run, one), (run, changed), (run, two)]
    assert ends(found, ProvDerivation) == [
        ("headway:value/3", one),
        ("headway:value/8", "headway:value/3"),
        ("headway:value/8", changed),
        ("headway:value/8", two),
    ]
    assert ends(found, ProvAssociation) == [
        (run, "headway:software/0.1.0", rule),
        (run, "headway:connector/jira/0.1.0"),
    ]
    (plan,) = found.get_record(rule)
    assert plan.get_attribute(PROV_TYPE) == {PROV["Plan"]}
    assert plan.value == {'{"parts":[]}'}
    (value,) = found.get_record("headway:value/8")
    assert {str(each.value) for each in value.value} == {"8"}
    assert {str(each) for each in value.get_attribute("headway:hash")} == {entries[1].hash}


def test_what_a_person_did_is_an_act_of_theirs() -> None:
    entries = [an_entry(1, kind=EntryKind.OVERRIDE, run=None, by="p-17", why="the audit said so")]
    found = read(document(entries, {1: Origin()}, {}, {}))
    assert names(found, ProvActivity) == ["headway:act/1"]
    assert names(found, ProvAgent) == ["headway:person/p-17"]
    assert ends(found, ProvGeneration) == [("headway:value/1", "headway:act/1")]
    (value,) = found.get_record("headway:value/1")
    assert value.get_attribute("headway:why") == {"the audit said so"}


def test_a_value_revises_the_one_before_it_in_its_own_lane() -> None:
    by = {"run": "r1", "by": "p-17"}
    entries = [
        an_entry(1, kind=EntryKind.BASELINE, old=None),
        an_entry(2, kind=EntryKind.OVERRIDE, old=None, **by),
        an_entry(3),
        an_entry(4, kind=EntryKind.CHECKIN, why="it goes well", **by),
        an_entry(5, kind=EntryKind.OVERRIDE, **by),
        an_entry(6),
        an_entry(7, kind=EntryKind.RESUME, new=None),
    ]
    found = read(document(entries, dict.fromkeys(range(1, 8), ORIGIN), RUNS, {}))
    revised = [tuple(name.removeprefix("headway:value/") for name in pair) for pair in ends(found, ProvDerivation)]
    assert revised == [("3", "1"), ("4", "3"), ("5", "2"), ("6", "3"), ("7", "5")]
    acts = {f"headway:act/{seq}" for seq in (2, 4, 5)}
    assert {name for name in names(found, ProvActivity) if ":act/" in name} == acts
    made = {value: activity for value, activity, *_ in ends(found, ProvGeneration)}
    assert made["headway:value/7"] == "headway:run/r1", "what ran out was ended by nobody"


def test_a_read_of_an_earlier_run_is_told_of_that_run() -> None:
    origin = Origin("0.1.0", None, (Reading("pay", "jira", "0.0.9", "r0"),))
    written = document([an_entry(1, a_row("1"))], {1: origin}, RUNS, {})
    assert list(written["wasInformedBy"].values()) == [
        {"prov:informed": "headway:run/r1", "prov:informant": "headway:run/r0"}
    ]
    assert "prov:endTime" not in written["activity"]["headway:run/r0"]
    read(written)


def test_what_another_program_writes_of_it_is_the_same() -> None:
    rows = [
        a_row(f"{item}", version, source) for item in HOSTILE for version in ("v1", "v.") for source in ("a", "ä b")
    ]
    items = {(row.source, row.item): an_item(row.item or "x", url=row.item) for row in rows}
    readings = tuple(Reading(text, text or None, text, text or None) for text in HOSTILE)
    entries = [
        an_entry(seq, *rows, why=text, details=text, by=text if seq % 2 else None)
        for seq, text in enumerate(HOSTILE, start=1)
    ]
    written = document(entries, {each.seq: Origin("1", "t", readings) for each in entries}, RUNS, items)
    found = read(written)
    again = found.serialize(format="json")
    assert again is not None
    assert read(json.loads(again)) == found
    kept = json.loads(again)
    for kind in ("entity", "activity", "agent"):
        assert set(kept[kind]) == set(written[kind])
    for kind in ("used", "wasGeneratedBy", "wasDerivedFrom", "wasAssociatedWith", "wasInformedBy"):
        assert len(kept[kind]) == len(written[kind]) > 0
    assert len(written["entity"]) == len(HOSTILE) * 4 + len(HOSTILE) + 1
    notation = found.get_provn()
    assert "headway:value/7" in notation


def test_the_same_history_is_the_same_document() -> None:
    entries = [an_entry(1, a_row("1"), a_row("2")), an_entry(2, a_row("2", "v2"))]

    def written() -> str:
        return json.dumps(document(entries, dict.fromkeys((1, 2), ORIGIN), RUNS, {}))

    assert written() == written()


def test_no_history_is_an_empty_document() -> None:
    assert document([], {}, {}, {}) == {"prefix": {"headway": "urn:headway:"}}
