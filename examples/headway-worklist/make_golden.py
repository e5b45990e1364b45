"""Writes work.items.json anew: what the golden payload becomes.  Read the difference before you keep it."""

from pathlib import Path

import orjson
from test_worklist import items

from connectors.golden import golden

expected = golden(items(Path("work.jsonl").read_bytes()))
Path("work.items.json").write_bytes(orjson.dumps(expected, option=orjson.OPT_INDENT_2) + b"\n")
