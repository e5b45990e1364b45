"""Rounds of edits to a folder: what is in force is what was last right, and nothing retires that a file still holds."""

import random
import sys
import tempfile
from pathlib import Path

from config.lastgood import Broken
from store.views.quarantine import standing, sure
from tests.unit.test_config_quarantine import MAIN, Folder

BREAKS = {
    "unreadable": lambda t: t.replace("objectives:", "objectives: [", 1),
    "titel": lambda t: t.replace("title: T", "titel: T", 1),
    "measure": lambda t: t.replace("measure: count", "measure: cuont", 1),
    "mappings dict": lambda t: t.replace("mappings:\n", "mappings:\n  x: 1\nmoppings:\n", 1),
    "no id": lambda t: t.replace("{id: ", "{ident: ", 1),
    "misspelt section": lambda t: t.replace("mappings:", "mapings:", 1),
    "unknown source": lambda t: t.replace("source: pay", "source: pya", 1),
}


STALE = len(sys.argv) > 3


class Sim:
    def __init__(self, seed, path):
        self.d = random.Random(seed)
        self.files = {"a": {}, "b": {}, "c": {}}
        self.rev = 0
        self.broken = {}
        n = 0
        for f in self.files:
            for _ in range(2):
                n += 1
                self.files[f][f"k{n}"] = "l0"
        self.n = n
        self.folder = Folder(path, **{f: self.text(f) for f in self.files})
        self.folder.keep()
        self.right = {}
        self.log = []
        self.learn()

    def text(self, f):
        ks = self.files[f]
        inner = "".join(f"      - {{id: {k}, title: T, start: 0, target: 9}}\n" for k in ks)
        rules = "".join(f"  - {{key_result: {k}, from: [{{source: pay, where: {{label: {v}}}, measure: count}}]}}\n" for k, v in ks.items())
        t = f"objectives:\n  - id: o{f}\n    cycle: Q\n    title: T\n    key_results:\n{inner or '      []'+chr(10)}mappings:\n{rules or '  []'+chr(10)}"
        if self.broken.get(f):
            t = BREAKS[self.broken[f]](t)
        return t

    def learn(self):
        self.found = self.folder.load()
        for file in self.found.right:
            f = file.name.removesuffix(".yaml")
            if f in self.files:
                for k, v in self.files[f].items():
                    self.right[k] = (f, v)

    def step(self):
        d = self.d
        self.rev += 1
        for _ in range(d.choice([1, 1, 2, 3])):
            act = d.choice(["move", "move", "edit", "break", "break", "fix", "new", "leave"])
            f, g = d.sample(sorted(self.files), 2)
            if act == "move" and self.files[f]:
                k = d.choice(sorted(self.files[f]))
                v = self.files[f].pop(k)
                self.files[g][k] = d.choice([v, f"l{self.rev}"])
            elif act == "edit" and self.files[f]:
                self.files[f][d.choice(sorted(self.files[f]))] = f"l{self.rev}"
            elif act == "break":
                self.broken[f] = d.choice(sorted(BREAKS))
            elif act == "fix":
                self.broken.pop(f, None)
            elif act == "new":
                self.n += 1
                self.files[f][f"k{self.n}"] = "l0"
            elif act == "leave" and d.random() < .3 and self.files[f]:
                self.files[f].pop(d.choice(sorted(self.files[f])))
            self.log.append((act, f, g))
        self.log.append({f: (dict(ks), self.broken.get(f)) for f, ks in self.files.items()})
        if d.random() < 0.35:
            self.main = d.choice([
                MAIN, MAIN, MAIN + "nonsense: 1\n", MAIN.replace("cycles:", "cycles: ["), MAIN.replace("id: Q", "id: R"),
                MAIN.replace("  pay:", "  pai:"), MAIN.replace("version: 1\n", ""), MAIN + "workdays: [Mon]\n",
                MAIN + "objectives:\n  - {id: om, cycle: Q, title: T, key_results: [{id: k1, title: T, start: 0, target: 9}]}\n",
                MAIN + "mappings:\n  - {key_result: k2, from: [{source: pay, where: {label: main}, measure: count}]}\n",
            ])
            self.log.append(("main", self.main[-80:]))
            self.folder.write(headway=self.main)
        self.folder.write(**{f: self.text(f) for f in self.files})
        before = dict(self.right)
        self.learn()
        cfg = self.found.config
        wrong = {Path(q.file).stem for q in cfg.quarantine}
        for k, rule in cfg.rules.items():
            label = rule.parts[0].where.clauses[0].values[0] if hasattr(rule.parts[0].where, "clauses") else rule.parts[0].where.values[0]
            if k in self.right:
                assert label == self.right[k][1] or STALE, f"{k} runs by {label}, last right {self.right[k]} (wrong={wrong})"
        goals = {each.id for each in cfg.key_results if each.id in cfg.rules}
        still, certain = standing(cfg.quarantine), sure(cfg.quarantine)
        if certain:
            for k in before:
                if k not in goals and k not in still:
                    held = [f for f in self.files if k in self.files[f]]
                    assert not held, f"{k} retires though {held} hold it (wrong={wrong})"
        self.folder.keep()


if __name__ == "__main__":
    bad = 0
    for seed in range(int(sys.argv[1]), int(sys.argv[2])):
        with tempfile.TemporaryDirectory() as base:
            sim = Sim(seed, Path(base))
            try:
                for _ in range(8):
                    sim.step()
            except Broken as error:
                print(seed, "broken", error)
            except AssertionError as error:
                bad += 1
                print(seed, "FAILED", error)
                if bad < 4:
                    for each in sim.log: print("   ", each)
                    print("    kept", [(x.name, (x.document or "")[:400]) for x in sim.folder.kept if x.name != "headway.yaml"])
    print("bad", bad)
