"""Rounds of edits to a folder: what runs is what was last right, and nothing retires that a file still holds."""

from pathlib import Path
from random import Random

import pytest

from config.lastgood import Broken
from store.views.quarantine import standing, sure
from tests.unit.test_config_quarantine import MAIN, Folder, label_of

BREAKS = {
    "unreadable": ("objectives:", "objectives: ["),
    "titel": ("title: T", "titel: T"),
    "measure": ("measure: count", "measure: cuont"),
    "mappings dict": ("mappings:\n", "mappings:\n  x: 1\nmoppings:\n"),
    "no id": ("{id: ", "{ident: "),
    "misspelt section": ("mappings:", "mapings:"),
    "unknown source": ("source: pay", "source: pya"),
}
OWN = "{id: om, cycle: Q, title: T, key_results: [{id: k1, title: T, start: 0, target: 9}]}"
MAINS = (
    MAIN,
    MAIN,
    f"{MAIN}nonsense: 1\n",
    MAIN.replace("cycles:", "cycles: ["),
    MAIN.replace("id: Q", "id: R"),
    MAIN.replace("  pay:", "  pai:"),
    MAIN.replace("version: 1\n", ""),
    f"{MAIN}workdays: [Mon]\n",
    f"{MAIN}objectives:\n  - {OWN}\n",
    f"{MAIN}mappings:\n  - {{key_result: k2, from: [{{source: pay, where: {{label: main}}, measure: count}}]}}\n",
)
ACTS = ("move", "move", "edit", "break", "break", "fix", "new", "leave")


class Life:
    """Three teams whose key results move, change, break and are mended."""

    def __init__(self, seed: int, path: Path) -> None:
        self.dice = Random(seed)
        self.round = 0
        self.files: dict[str, dict[str, str]] = {
            "a": {"k1": "l0", "k2": "l0"},
            "b": {"k3": "l0", "k4": "l0"},
            "c": {"k5": "l0", "k6": "l0"},
        }
        """The key results of each file, with the labels by which they run."""
        self.broken: dict[str, str] = {}
        self.main = MAIN
        self.made = 6
        self.right: dict[str, str] = {}
        """The label of each key result in the file where it was last right."""
        self.folder = Folder(path, **{name: self.text(name) for name in self.files})
        self.folder.keep()
        self.learn()

    def text(self, name: str) -> str:
        held = self.files[name]
        inner = "".join(f"      - {{id: {each}, title: T, start: 0, target: 9}}\n" for each in held) or "      []\n"
        rules = "".join(
            f"  - {{key_result: {each}, from: [{{source: pay, where: {{label: {label}}}, measure: count}}]}}\n"
            for each, label in held.items()
        )
        text = f"objectives:\n  - id: o{name}\n    cycle: Q\n    title: T\n    key_results:\n{inner}"
        text += f"mappings:\n{rules or '  []' + chr(10)}"
        how = BREAKS.get(self.broken.get(name, ""))
        return text.replace(*how, 1) if how else text

    def learn(self) -> None:
        """Note what is right now; of the main file, a mapping that it took."""
        self.found = self.folder.load()
        for name in (file.name.removesuffix(".yaml") for file in self.found.right):
            self.right |= self.files.get(name, {})
            if name == "headway" and "label: main" in self.main:
                self.right["k2"] = "main"

    def act(self) -> None:
        dice = self.dice
        act = dice.choice(ACTS)
        one, other = dice.sample(sorted(self.files), 2)
        held = self.files[one]
        if act == "move" and held:
            name = dice.choice(sorted(held))
            self.files[other][name] = dice.choice([held.pop(name), f"l{self.round}"])
        elif act == "edit" and held:
            held[dice.choice(sorted(held))] = f"l{self.round}"
        elif act == "break":
            self.broken[one] = dice.choice(sorted(BREAKS))
        elif act == "fix":
            self.broken.pop(one, None)
        elif act == "new":
            self.made += 1
            held[f"k{self.made}"] = "l0"
        elif act == "leave" and dice.random() < 0.3 and held:
            held.pop(dice.choice(sorted(held)))

    def step(self) -> None:
        """Edit, look at what runs, and do as a run does."""
        self.round += 1
        for _ in range(self.dice.choice([1, 1, 2, 3])):
            self.act()
        if self.dice.random() < 0.35:
            self.main = self.dice.choice(MAINS)
        self.folder.write(headway=self.main, **{name: self.text(name) for name in self.files})
        before = set(self.right)
        self.learn()
        self.judge(before)
        self.folder.keep()

    def judge(self, before: set[str]) -> None:
        config = self.found.config
        running = {name: label_of(config, name) for name in config.rules}
        assert {name: label for name, label in running.items() if self.right.get(name, label) != label} == {}
        if sure(config.quarantine):
            shown = {each.id for each in config.key_results} & config.rules.keys()
            gone = before - shown - standing(config.quarantine)
            assert [name for name in gone if any(name in held for held in self.files.values())] == []


@pytest.mark.drill
@pytest.mark.parametrize("seed", [*range(24), 212, 347, 360, 389, 410])
def test_what_runs_was_last_right_and_nothing_retires_that_a_file_holds(tmp_path: Path, seed: int) -> None:
    life = Life(seed, tmp_path)
    try:
        for _ in range(8):
            life.step()
    except Broken:  # where the database is, or what else all need, cannot be read any more
        assert life.round
