"""What stands for an update that waits for a person: a digest of its evidence, and the id that people name it by."""

import hashlib
from collections.abc import Iterable

from okrs.ledger import Delta, canonical_json
from okrs.numbers import plain_or_none


def digest_of(rows: Iterable[Delta]) -> str:
    """Return what stands for the evidence that an update would write: the same for the same rows."""
    last = {(row.part, row.source, row.item): row for row in rows if row.item}  # a week that ended is no evidence
    facts = [[*key, plain_or_none(row.new_weight), plain_or_none(row.new_amount)] for key, row in sorted(last.items())]
    return hashlib.sha256(canonical_json(facts).encode()).hexdigest()


def name_of(key_result: str, seq: int, proposal: str) -> str:
    """Return the id of a new hold, behind the last entry of its key result."""
    return hashlib.sha256(f"{key_result}\n{seq}\n{proposal}".encode()).hexdigest()[:8]
