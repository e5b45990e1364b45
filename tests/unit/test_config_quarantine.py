"""Which files of a broken config are taken, and what stands in for the others."""

import re
from collections.abc import Mapping
from datetime import timedelta
from os import mkfifo
from pathlib import Path
from threading import Thread

import pytest

from config.lastgood import MISFIT, NO_DATABASE, NOTHING_KEPT, Broken, Taken, taken
from config.loader import Terms
from config.model import Config
from config.problems import Problems
from mapping.rule import Match
from okrs.immutable import replace
from store.configs import Kept
from store.views.quarantine import Quarantined, message_for, standing, sure
from tests.builders import at
from usecases.noticing import files_of

MAIN = """\
version: 1
database: sqlite:///headway.db
cycles: [{id: Q, start: 2026-10-01, end: 2026-12-31}]
sources:
  pay: {connector: jira, url: "https://acme.example", token: "${TOKEN}", projects: [PAY]}
templates:
  bugs:
    params: [label]
    mapping:
      from: [{source: pay, where: {type: Bug, label: "{label}"}, measure: count}]
"""
ENVIRON = {"TOKEN": "marked-token"}
SINCE = at("2026-11-01T12:00")


def team(name: str, *key_results: str, more: str = "") -> str:
    """A team's file with one objective, and a rule for each key result."""
    inner = "".join(f"      - {{id: {each}, title: T, start: 0, target: 9}}\n" for each in key_results)
    rules = "".join(
        f"  - {{key_result: {each}, from: [{{source: pay, where: {{label: {each}}}, measure: count}}]}}\n"
        for each in key_results
    )
    return f"objectives:\n  - id: {name}\n    cycle: Q\n    title: T\n{more}    key_results:\n{inner}mappings:\n{rules}"


class Folder:
    """A folder of files, and what was last good of it."""

    def __init__(self, path: Path, **teams: str) -> None:
        self.path = path
        self.kept: list[Kept] = []
        self.write(headway=MAIN, **teams)

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.path / f"{name}.yaml").write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.path / f"{name}.yaml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def keep(self) -> None:
        """Do as a run does."""
        found = self.load()
        old = {each.name: each for each in self.kept}
        never = Kept("", main=False, document=None)
        less = found.less()

        def older(name: str) -> str | None:
            document = old.get(name, never).document
            return document and less(name, document)

        right = {
            each.name: Kept(each.name, each.main, each.document or older(each.name)) for each in found.good(Problems())
        }
        wrong = {name: replace(old.get(name, never), name=name, document=older(name)) for name in found.wrong}
        self.kept = list({**wrong, **right}.values())

    def load(self, environ: Mapping[str, str] = ENVIRON) -> Taken:
        return taken(self.path, Terms(environ, connect=True), lambda _: self.kept)

    def wrong(self) -> dict[str, Quarantined]:
        return {Path(each.file).stem: each for each in self.load().config.quarantine}

    def rules(self) -> set[str]:
        return set(self.load().config.rules)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Two teams, loaded well once."""
    made = Folder(tmp_path, pay=team("pay", "p1", "p2"), web=team("web", "w1"))
    made.keep()
    assert made.wrong() == {}
    return made


MISTAKES = {
    "an unknown key": ("title: T", "titel: T"),
    "a bad rule": ("measure: count", "measure: cuont"),
    "an unknown source": ("source: pay", "source: pya"),
    "an unknown cycle": ("cycle: Q", "cycle: P"),
    "no YAML": ("objectives:", "objectives: ["),
    "a key given twice": ("cycle: Q", "cycle: Q\n    cycle: Q"),
    "a key of the main file": ("objectives:", "timezone: UTC\nobjectives:"),
    "an id of another team": ("id: p1", "id: w1"),
    "an id of another team that was read before": ("id: pay", "id: web"),
    "a key result of nobody": ("key_result: p1", "key_result: nobody"),
    "an alias of nothing": ("title: T", "title: *nothing"),
    "no parameter": ("- {key_result: p1, from:", "- {key_result: p1, use: bugs, with: {lable: x}, from:"),
    "a template of nobody": ("- {key_result: p1, from:", "- {key_result: p1, use: nothing, from:"),
    "a bad parameter": ("- {key_result: p1, from:", "- {key_result: p1, use: bugs, with: {label: [x]}, from:"),
    "a loop": ("    title: T\n", "    title: T\n    supports: [pay]\n"),
    "an empty file": (team("pay", "p1", "p2"), "# nothing"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_of_a_team_s_file_is_its_own(folder: Folder, name: str) -> None:
    old, new = MISTAKES[name]
    folder.edit("pay", old, new)
    before = {each.name: each.document for each in folder.kept}
    found = folder.load()
    assert found.wrong == ["pay.yaml"]
    assert set(found.config.rules) == {"p1", "p2", "w1"}
    (wrong,) = found.config.quarantine
    assert (wrong.runs, wrong.still, wrong.main) == (True, (), False)
    assert set(wrong.key_results) == {"p1", "p2"}
    assert "pay.yaml:" in wrong.problem
    assert {each.name for each in found.good(Problems())} == {"headway.yaml", "web.yaml"}
    folder.keep()
    assert {each.name: each.document for each in folder.kept} == before


@pytest.mark.parametrize("name", MISTAKES)
def test_a_new_file_with_a_mistake_stands_still_alone(tmp_path: Path, name: str) -> None:
    folder = Folder(tmp_path, web=team("web", "w1"))
    folder.keep()
    folder.write(pay=team("pay", "p1", "p2"))
    folder.edit("pay", *MISTAKES[name])
    found = folder.load()
    assert found.wrong == ["pay.yaml"]
    assert set(found.config.rules) == {"w1"}
    (wrong,) = found.config.quarantine
    assert not wrong.runs
    assert "w1" not in wrong.key_results
    assert message_for(found.config.quarantine, "w1") is None


def test_key_results_without_a_good_version_are_shown_and_stand_still(tmp_path: Path) -> None:
    folder = Folder(tmp_path, web=team("web", "w1"))
    folder.keep()
    folder.write(pay=team("pay", "p1", "p2"))
    folder.edit("pay", "measure: count", "measure: cuont")
    config = folder.load().config
    assert [each.id for each in config.key_results] == ["w1", "p1", "p2"]
    assert standing(config.quarantine) == {"p1", "p2"}
    assert sure(config.quarantine)
    told = message_for(config.quarantine, "p1") or ""
    assert "the key result stands still at its last value: " in told
    assert "pay.yaml:" in told


UNREAD = {
    "no YAML": ("objectives:", "objectives: ["),
    "no list": (team("pay", "p1", "p2"), "objectives: 5"),
    "misspelt objectives": ("objectives:", "objectivs:"),
    "misspelt mappings": ("mappings:", "mapings:"),
    "misspelt key results": ("key_results:", "key_result:"),
    "an id that is none": ("id: p1,", "id: p 1,"),
    "a misspelt id": ("{id: p1,", "{di: p1,"),
    "a mapping of nothing": ("{key_result: p1,", "{key_reslut: p1,"),
    "a section given twice": ("objectives:", "objectives: 5\nobjectives:"),
}


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("name", UNREAD)
def test_where_names_cannot_be_read_nobody_knows_what_left(folder: Folder, name: str, keeps: bool) -> None:
    folder.edit("pay", *UNREAD[name])
    folder.kept = [each for each in folder.kept if keeps or each.name != "pay.yaml"]
    assert set(folder.wrong()) == {"pay"}
    assert not sure(folder.load().config.quarantine)


READ = {
    "an unknown key": ("    title: T", "    titel: T"),
    "an unknown key beside all sections": ("objectives:", "goals: 1\nobjectives:"),
    "a bad rule": ("measure: count", "measure: cuont"),
    "no key results": (team("pay", "p1", "p2"), "objectives: [{id: pay, cycle: P, title: T}]"),
}


@pytest.mark.parametrize("name", READ)
def test_where_names_can_be_read_it_is_known_what_left(folder: Folder, name: str) -> None:
    folder.edit("pay", *READ[name])
    assert set(folder.wrong()) == {"pay"}
    assert sure(folder.load().config.quarantine)


def test_a_broken_main_file_gives_way_to_the_last_good_one(folder: Folder) -> None:
    folder.edit("headway", "cycles: [{id: Q,", "cycles: [{id: Q, ende: 1,")
    folder.write(web=team("web", "w1", "w2"))
    found = folder.load()
    assert found.wrong == ["headway.yaml"]
    assert set(found.config.rules) == {"p1", "p2", "w1", "w2"}, "the other files are taken as they are"
    (wrong,) = found.config.quarantine
    assert (wrong.main, wrong.runs) == (True, True)
    assert {each.name for each in found.good(Problems())} == {"pay.yaml", "web.yaml"}


def test_a_broken_main_file_and_a_broken_team_are_told_apart(folder: Folder) -> None:
    folder.edit("headway", "cycles:", "cycels:")
    folder.edit("pay", "measure: count", "measure: cuont")
    wrong = folder.wrong()
    assert set(wrong) == {"headway", "pay"}
    assert all(each.runs for each in wrong.values())
    assert folder.rules() == {"p1", "p2", "w1"}


@pytest.mark.parametrize(
    "end", ["nonsense: [", "  \tx", "? [", "*nothing", "'"], ids=["a list", "a tab", "a key", "an alias", "a quote"]
)
def test_a_main_file_that_is_no_yaml_still_tells_where_the_database_is(folder: Folder, end: str) -> None:
    folder.write(headway=MAIN + end)
    assert folder.load().wrong == ["headway.yaml"]
    assert folder.rules() == {"p1", "p2", "w1"}


def test_one_file_alone_is_the_main_file(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    path = tmp_path / "headway.yaml"
    path.write_text(MAIN + team("pay", "p1"), encoding="utf-8")
    terms = Terms(ENVIRON, connect=True)
    kept = [Kept(each.name, each.main, each.document) for each in taken(path, terms).good(Problems())]
    assert [(each.name, each.main) for each in kept] == [("headway.yaml", True)]
    folder.edit("headway", "measure: count", "measure: cuont")
    found = taken(path, terms, lambda _: kept)
    assert set(found.config.rules) == {"p1"}
    assert found.config.quarantine[0].key_results == ("p1",)


@pytest.mark.parametrize("what", ["a folder", "a pipe", "a link to nothing"])
def test_what_is_no_file_is_a_mistake_of_its_own(folder: Folder, what: str) -> None:
    """Nobody may ever write into the pipe, so it is not opened."""
    odd = folder.path / "odd.yaml"
    match what:
        case "a folder":
            odd.mkdir()
        case "a pipe":
            mkfifo(odd)
        case _:
            odd.symlink_to(folder.path / "nowhere.yaml")
    told: list[dict[str, Quarantined]] = []
    waiting = Thread(target=lambda: told.append(folder.wrong()), daemon=True)
    waiting.start()
    waiting.join(30)
    assert [set(each) for each in told] == [{"odd"}]
    assert re.search(r"odd\.yaml:1:1 ← this is .* out of the folder$", told[0]["odd"].problem)
    assert "odd.yaml" in str(files_of(folder.path))


STRAY = MAIN.replace("sqlite:///headway.db", "sqlite:///stray.db") + team("stray", "s1")


@pytest.mark.parametrize("broken", [("T", "T"), ("id: Q", "id: Q Q"), ("templates:", "templates: [")])
@pytest.mark.parametrize("name", ["aaa", "zzz"])
def test_a_whole_config_among_the_teams_files_is_one_mistake_more(
    folder: Folder, name: str, broken: tuple[str, str]
) -> None:
    """It is neither what everybody runs by, nor says where what was last good is kept."""
    folder.write(**{name: STRAY})
    folder.edit("headway", *broken)
    asked: list[str] = []

    def recall(url: str) -> list[Kept]:
        asked.append(url)
        return folder.kept

    found = taken(folder.path, Terms(ENVIRON, connect=True), recall)
    assert asked == [f"sqlite:///{folder.path}/headway.db"]
    wrong = {Path(each.file).stem for each in found.config.quarantine}
    assert wrong == {name} | ({"headway"} if broken != ("T", "T") else set())
    assert {"p1", "p2", "w1"} <= set(found.config.rules)


NOWHERE = {
    "the database is not known": ("database: sqlite", "databas: sqlite", NO_DATABASE),
    "the database's variable is not set": ("sqlite:///headway.db", "${NOT_SET}", NO_DATABASE),
    "nothing is read before the mistake": ("version: 1", "[version: 1", NO_DATABASE),
}


@pytest.mark.parametrize("name", NOWHERE)
def test_without_its_database_nothing_can_run(folder: Folder, name: str) -> None:
    old, new, why = NOWHERE[name]
    folder.edit("headway", old, new)
    with pytest.raises(Broken, match="nothing can run") as caught:
        folder.load()
    assert str(caught.value) == why
    assert caught.value.problems


def test_where_nothing_is_kept_nothing_can_run(folder: Folder) -> None:
    folder.edit("headway", "cycles:", "cycels:")
    folder.kept = []
    with pytest.raises(Broken) as caught:
        folder.load()
    assert str(caught.value) == NOTHING_KEPT


def test_variables_are_those_of_today(folder: Folder) -> None:
    folder.edit("headway", "cycles:", "cycels:")
    settings = folder.load({"TOKEN": "the-next-one"}).config.sources["pay"]
    assert settings.model_dump()["token"].get_secret_value() == "the-next-one"
    with pytest.raises(Broken) as caught:
        folder.load({})
    assert str(caught.value) == MISFIT


def test_who_had_an_id_first_keeps_it(folder: Folder) -> None:
    """`pay` stands before `web`, and yet it is the newcomer that made the mistake, wherever it stands."""
    folder.edit("pay", "id: p1,", "id: w1,")
    assert set(folder.wrong()) == {"pay"}
    folder.write(pay=team("pay", "p1", "p2"), web=team("web", "w1", "p2"))
    assert set(folder.wrong()) == {"web"}


@pytest.mark.parametrize("name", ["aaa", "web", "zzz"])
@pytest.mark.parametrize(
    "how", [("T", "T"), ("title: T", "title: U"), ("count", "cuont"), ("objectives:", "objectives: [")]
)
def test_who_takes_an_id_that_is_not_given_away_made_the_mistake(
    folder: Folder, name: str, how: tuple[str, str]
) -> None:
    """Whatever happened to the file that has it, and whoever stands first."""
    before = folder.load().config.rules["p1"]
    folder.edit("pay", *how)
    folder.write(**{name: team(name, "p1", "n1").replace("label: p1", "label: other")})
    wrong = folder.wrong()
    assert set(wrong) == {name} | ({"pay"} if how[1] in ("cuont", "objectives: [") else set())
    assert re.search(r"pay\.yaml(:\d+:\d+)?, which has not given it away", wrong[name].problem)
    assert "p1" not in wrong[name].key_results
    config = folder.load().config
    assert config.rules["p1"] == before
    assert {each.id: each.objective for each in config.key_results}["p1"] == "pay"
    told = message_for(config.quarantine, "p1")
    assert (told is None) == ("pay" not in wrong)
    assert wrong[name].problem in map(str, folder.load().problems)


@pytest.mark.parametrize("name", ["alpha", "zeta"])
def test_a_name_that_is_taken_is_told_once_and_only_of_who_took_it(folder: Folder, name: str) -> None:
    """Also where the files alone would say that the other one has it twice."""
    folder.write(**{name: team(name, "p1", "n1")})
    told = [each for each in folder.load().problems if each.severity == "error"]
    assert {Path(each.file).name for each in told} == {f"{name}.yaml"}
    assert [each.path for each in told] == ["objectives[0].key_results[0].id", "mappings[0].key_result"]
    first = f"{folder.path}/pay.yaml:6:14, which has not given it away"
    assert first in told[0].message


def test_who_maps_or_names_what_is_not_given_away_made_the_mistake(shared: Folder) -> None:
    shared.edit("pay", "objectives:", "templates: {own: {params: [], mapping: {from: []}}}\nobjectives: [")
    shared.edit("web", "mappings:\n", "mappings:\n  - {key_result: p1, from: [{source: pay, measure: count}]}\n")
    wrong = shared.wrong()
    assert set(wrong) == {"pay", "web"}
    assert 'the mapping of "p1" belongs to' in wrong["web"].problem
    assert (wrong["pay"].key_results, wrong["pay"].still) == (("p1",), ())
    shared.edit("web", "  - {key_result: p1, from: [{source: pay, measure: count}]}\n", "")
    shared.edit("headway", "measure: count}]\n", "measure: count}]\nlink_by: [")
    shared.edit(
        "web", "objectives:", "templates:\n  bugs: {mapping: {from: [{source: pay, measure: count}]}}\nobjectives:"
    )
    wrong = shared.wrong()
    assert set(wrong) == {"headway", "pay", "web"}
    assert 'the template "bugs" belongs to' in wrong["web"].problem


def test_two_that_stand_in_share_nothing(folder: Folder) -> None:
    """p2 moved while its old file was broken; what that defines of it is the new file's, also when that breaks."""
    folder.write(pay=team("pay", "p1") + "mappnigs: []\n", web=team("web", "w1", "p2").replace("label: p2", "label: q"))
    folder.keep()
    folder.edit("web", "measure: count", "measure: cuont")
    config = folder.load().config
    assert [(Path(each.file).name, each.runs) for each in config.quarantine] == [("pay.yaml", True), ("web.yaml", True)]
    assert {each.id: each.objective for each in config.key_results}["p2"] == "web"
    assert set(config.rules) == {"p1", "w1", "p2"}


def test_what_a_broken_file_gave_away_is_taken_by_the_other(folder: Folder) -> None:
    """p2 moved from one team to the other, who wrote it right; of the broken file the rest goes on."""
    folder.write(pay=team("pay", "p1") + "mappnigs: []\n", web=team("web", "w1", "p2"))
    config = folder.load().config
    assert [Path(each.file).name for each in config.quarantine] == ["pay.yaml"]
    assert set(config.rules) == {"p1", "p2", "w1"}
    assert config.quarantine[0].key_results == ("p1",)
    assert {each.id: each.objective for each in config.key_results}["p2"] == "web"


def test_what_moved_into_a_broken_file_stands_still(folder: Folder) -> None:
    folder.write(pay=team("pay", "p1", "p2", "w1") + "mappnigs: []\n", web=team("web", "w2"))
    config = folder.load().config
    assert set(config.rules) == {"p1", "p2", "w2"}
    assert standing(config.quarantine) == {"w1"}


def given_away(made: Folder) -> None:
    """A broken but readable file gives p2 to another one, where it gets a new rule and runs."""
    made.write(pay=team("pay", "p1").replace("title: T", "titel: T"))
    made.write(web=team("web", "w1", "p2").replace("{label: p2}", "{label: new}"))
    made.keep()
    assert made.wrong().keys() == {"pay"}
    assert runs_by(made, "p2") == "new"


def label_of(config: Config, name: str) -> str | None:
    """The label by which a key result runs; None where it stands still."""
    leaves = config.rules[name].parts[0].leaves if name in config.rules else ()
    return next((each.values[0] for each in leaves if isinstance(each, Match)), None)


def runs_by(made: Folder, name: str) -> str | None:
    return label_of(made.load().config, name)


def test_what_was_given_away_does_not_come_back_when_both_files_are_broken(folder: Folder) -> None:
    given_away(folder)
    folder.edit("pay", "objectives:", "objectives: [")
    assert runs_by(folder, "p2") == "new"
    folder.edit("web", "title: T", "titel: T")
    assert runs_by(folder, "p2") == "new"


def test_what_comes_back_to_a_file_that_is_still_broken_does_not_run_by_what_it_was_long_ago(folder: Folder) -> None:
    given_away(folder)
    back = team("pay", "p1", "p2").replace("{label: p2}", "{label: new}").replace("title: T", "titel: T")
    folder.write(pay=back, web=team("web", "w1"))
    for _ in range(2):
        assert runs_by(folder, "p2") is None
        assert standing(folder.load().config.quarantine) == {"p2"}
        folder.keep()


def test_an_old_mapping_does_not_feed_the_key_result_of_another_broken_file(folder: Folder) -> None:
    given_away(folder)
    folder.write(web=team("web", "w1").replace("{id: w1", "{ident: w1"))  # whether it still holds p2 nobody can tell
    assert runs_by(folder, "p2") in (None, "new")


def test_what_a_file_that_cannot_be_kept_gave_away_does_not_come_back(folder: Folder) -> None:
    """Its older version stays what was last good; p2 is another one's since."""
    pasted = team("pay", "p1").replace("title: T", "title: marked-token", 1)
    folder.write(pay=pasted, web=team("web", "w1", "p2").replace("{label: p2}", "{label: new}"))
    folder.keep()
    assert folder.wrong() == {}
    folder.edit("pay", "objectives:", "objectives: [")
    folder.edit("web", "title: T", "titel: T")
    assert runs_by(folder, "p2") == "new"
    assert runs_by(folder, "p1") == "p1"


@pytest.mark.parametrize("last_good", [True, False])
def test_a_team_s_file_under_a_name_that_nobody_reads_is_told(folder: Folder, last_good: bool) -> None:
    """With what was last good of it, it is a broken file: nothing of it retires."""
    (folder.path / "web.yaml").rename(folder.path / "web.yml")
    if not last_good:
        folder.kept = [each for each in folder.kept if each.name != "web.yaml"]
    found = folder.load()
    assert set(found.config.rules) == {"p1", "p2"} | ({"w1"} if last_good else set())
    (told,) = (each for each in found.problems if "is not read" in each.message)
    assert (Path(told.file).name, told.severity) == ("web.yml", "error" if last_good else "warning")
    assert found.unread == (() if last_good else (told,))
    assert found.wrong == (["web.yaml"] if last_good else [])
    assert sure(found.config.quarantine) is not last_good


def test_supporting_what_is_in_quarantine_is_no_mistake(folder: Folder) -> None:
    folder.write(web=team("web", "w1", more="    supports: [ship]\n"))
    folder.write(ship=team("ship", "s1") + "mappnigs: []\n")
    assert set(folder.wrong()) == {"ship"}
    folder.write(ship="objectives: [")
    assert set(folder.wrong()) == {"ship"}
    assert folder.rules() == {"p1", "p2", "w1"}


def test_a_rule_for_a_key_result_of_a_broken_file_waits(folder: Folder) -> None:
    rule = "  - {key_result: s1, from: [{source: pay, measure: count}]}\n"
    folder.write(web=team("web", "w1") + rule)
    folder.write(ship="objectives: [")
    assert set(folder.wrong()) == {"ship"}
    assert folder.rules() == {"p1", "p2", "w1"}


def test_a_key_result_whose_mapping_is_in_a_broken_file_stands_still(folder: Folder) -> None:
    split = team("pay", "p1").split("mappings:")
    folder.write(pay=split[0], rules="mappings:" + split[1].replace("count", "cuont"))
    folder.kept = [each for each in folder.kept if each.name == "headway.yaml"]
    config = folder.load().config
    assert set(config.rules) == {"w1"}
    assert standing(config.quarantine) == {"p1"}


USES = "- {key_result: p1, use: bugs, with: {label: x}}"


@pytest.fixture
def shared(folder: Folder) -> Folder:
    """Both teams use the template of the main file."""
    for name, text in (("pay", team("pay", "p1")), ("web", team("web", "w1"))):
        head = text.split("mappings:")[0]
        folder.write(**{name: f"{head}mappings:\n  {USES.replace('p1', f'{name[0]}1')}\n"})
    folder.keep()
    assert folder.wrong() == {}
    return folder


def test_a_template_that_breaks_is_the_mistake_of_its_file(shared: Folder) -> None:
    shared.edit("headway", 'label: "{label}"', 'lable: "{label}"')
    assert set(shared.wrong()) == {"headway"}
    assert shared.rules() == {"p1", "w1"}


def test_a_bad_use_of_a_template_is_the_mistake_of_its_user(shared: Folder) -> None:
    shared.edit("headway", "measure: count}", 'measure: "{label}"}')
    shared.edit("headway", ', label: "{label}"', "")
    shared.edit("pay", "label: x", "label: count")
    shared.edit("web", "label: x", "label: percent")
    shared.keep()
    assert shared.wrong() == {}
    shared.edit("pay", "label: count", "label: cuont")
    assert set(shared.wrong()) == {"pay"}
    shared.edit("web", "label: percent", "label: cuont")
    assert set(shared.wrong()) == {"pay", "web"}, "what is told once is a mistake of both"


RENAMES = {
    "a source": [("headway", "  pay: {", "  buy: {"), ("headway", "source: pay", "source: buy")],
    "a cycle": [("headway", "id: Q", "id: Q4")],
}


@pytest.mark.parametrize("name", RENAMES)
def test_what_the_main_file_takes_away_from_files_that_did_not_change_is_its_mistake(folder: Folder, name: str) -> None:
    for edit in RENAMES[name]:
        folder.edit(*edit)
    found = folder.load()
    assert found.wrong == ["headway.yaml"]
    assert set(found.config.rules) == {"p1", "p2", "w1"}
    (wrong,) = found.config.quarantine
    assert "headway.yaml:1:1 ← this file changed, and 2 files do not fit it any more, first " in wrong.problem
    assert "pay.yaml:" in wrong.problem
    assert wrong.problem in map(str, found.problems)


@pytest.mark.parametrize("changed", [["web"], ["pay", "web"]])
@pytest.mark.parametrize("name", RENAMES)
def test_files_that_changed_meanwhile_are_taken_all_the_same(folder: Folder, name: str, changed: list[str]) -> None:
    for edit in RENAMES[name]:
        folder.edit(*edit)
    for each in changed:
        folder.edit(each, "title: T", "title: Changed")
    found = folder.load()
    assert found.wrong == ["headway.yaml"]
    assert set(found.config.rules) == {"p1", "p2", "w1"}
    titles = {each.id: each.title for each in found.config.objectives}
    assert [name for name, title in titles.items() if title == "Changed"] == changed


def test_a_file_that_changed_with_the_main_file_goes_back_with_it(folder: Folder) -> None:
    for edit in RENAMES["a source"]:
        folder.edit(*edit)
    folder.write(web=team("web", "w1", "w2").replace("source: pay", "source: buy"))
    assert set(folder.wrong()) == {"headway", "web"}
    assert folder.rules() == {"p1", "p2", "w1"}
    folder.edit("pay", "source: pay", "source: buy")
    assert folder.wrong() == {}


def test_what_another_file_takes_away_is_not_the_main_file_s_mistake(folder: Folder) -> None:
    folder.write(web=team("web", "w1", more="    supports: [p2]\n"))
    folder.keep()
    folder.edit("headway", "end: 2026-12-31", "end: 2026-12-30")
    folder.write(pay=team("pay", "p1"))
    assert set(folder.wrong()) == {"web"}


def test_a_main_file_whose_last_good_version_cannot_run_is_not_blamed(folder: Folder) -> None:
    """As one of which a variable is not set any more: then it is better that one team stands still."""
    for edit in RENAMES["a source"]:
        folder.edit(*edit)
    folder.edit("headway", "${TOKEN}", "${OTHER}")
    folder.write(web=team("web", "w1").replace("source: pay", "source: buy"))
    config = folder.load({"OTHER": "marked-token"}).config
    assert [(Path(each.file).name, each.runs) for each in config.quarantine] == [("pay.yaml", False)]
    assert "unknown source" in config.quarantine[0].misfit


def test_a_source_that_is_gone_stops_those_whose_file_is_broken_besides(folder: Folder) -> None:
    for edit in RENAMES["a source"]:
        folder.edit(*edit)
    folder.write(web=team("web", "w1").replace("source: pay", "source: buy"))
    folder.edit("pay", "measure: count", "measure: cuont")
    config = folder.load().config
    (wrong,) = config.quarantine
    assert (Path(wrong.file).name, wrong.runs) == ("pay.yaml", False)
    assert "unknown source" in wrong.misfit
    assert "does not fit the other files" in wrong.sentence
    assert standing(config.quarantine) == {"p1", "p2"}
    assert [each.id for each in config.key_results] == ["w1", "p1", "p2"], "they are shown all the same"


def test_a_file_that_was_deleted_is_gone(folder: Folder) -> None:
    (folder.path / "pay.yaml").unlink()
    folder.edit("web", "measure: count", "measure: cuont")
    found = folder.load()
    assert found.wrong == ["web.yaml"]
    assert [each.id for each in found.config.key_results] == ["w1"]


def test_one_of_two_hundred(tmp_path: Path) -> None:
    teams = {f"team{number:03}": team(f"team{number:03}", f"t{number:03}") for number in range(200)}
    folder = Folder(tmp_path, **teams)
    folder.keep()
    folder.edit("team077", "measure: count", "measure: cuont")
    folder.edit("team078", "t078", "changed")
    found = folder.load()
    assert found.wrong == ["team077.yaml"]
    assert len(found.config.rules) == 200
    assert "changed" in found.config.rules
    folder.kept = [each for each in folder.kept if each.name != "team077.yaml"]
    found = folder.load()
    assert found.wrong == ["team077.yaml"]
    assert len(found.config.rules) == 199


def test_the_sentence_says_since_when_and_what_to_do() -> None:
    wrong = Quarantined("pay.yaml", False, "pay.yaml:3:4 ← no", 0, True, ("p1", "p2"), since=SINCE)
    assert wrong.sentence == (
        "pay.yaml is in quarantine since 2026-11-01 12:00 UTC: its last good version runs on (p1, p2); all other files "
        "are taken. Correct it; `headway validate` lists every mistake."
    )
    many = Quarantined("pay.yaml", False, "x", 0, False, tuple("abcdefghij"), tuple("abcdefghij"), since=None)
    assert "pay.yaml is in quarantine: no good version of it is kept, so a, b, c, d, e, f, g, h and 2 more stand" in (
        many.sentence
    )
    later = Quarantined("headway.yaml", True, "x", 0, True, (), since=SINCE + timedelta(days=1))
    assert "since 2026-11-02 12:00 UTC: its last good version runs instead. Correct it" in later.sentence
