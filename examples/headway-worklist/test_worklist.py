"""The worklist keeps the laws of all connectors."""

from collections.abc import Sequence
from pathlib import Path

import headway_worklist

from connectors.conformance import FileConformance, Golden
from okrs.work import WorkItem

HERE = Path(__file__).parent


class TestWorklist(FileConformance):
    connector = headway_worklist
    containers = ("file",)
    absent = "999"
    contents = (HERE / "work.jsonl").read_bytes()
    later = contents.replace(b'"state": "doing"', b'"state": "done"')
    edited = ("2",)

    def keys(self, where: str, names: Sequence[str]) -> dict[str, str]:
        return {"connector": "worklist", "path": where}

    def goldens(self) -> Sequence[Golden]:
        return [Golden(HERE / "work.jsonl", HERE / "work.items.json", items)]


def items(payload: bytes) -> list[WorkItem]:
    return [headway_worklist.item_of(line, 1, "work.jsonl") for line in payload.splitlines()]
