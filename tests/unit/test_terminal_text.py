"""What a terminal is given: no escape sequences, no marks that reorder what is read."""

import json

import pytest

from terminal.text import harmless, harmless_json

HOSTILE = "\x1b[31m red \x9b2J \x7f \u202e reversed \u2028 \U000e0041 tail"


def test_a_title_keeps_its_words_and_nothing_that_acts() -> None:
    shown = harmless(HOSTILE)
    assert all(char.isprintable() for char in shown)
    assert "red" in shown
    assert "tail" in shown


@pytest.mark.parametrize("indent", [None, 2])
def test_json_stays_the_same_and_shows_nothing_that_acts(indent: int | None) -> None:
    document = {"title": HOSTILE, "fine": "Grüße ▓ 🎉"}
    text = harmless_json(json.dumps(document, ensure_ascii=False, indent=indent))
    assert json.loads(text) == document
    assert all(char.isprintable() or char == "\n" for char in text)
    assert "Grüße ▓ 🎉" in text
