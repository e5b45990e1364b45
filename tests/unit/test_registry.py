"""Connectors of other distributions: found by their entry points, imported when named, and broken alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from config.loader import load
from config.problems import Problem
from connectors import github, registry

GOOD = """
from connectors.plain import Plain
from connectors.settings import SourceSettings

class Settings(SourceSettings):
    @property
    def container_names(self):
        return ("all",)

def connect(settings):
    return Plain()
"""

HEAD = "class Settings(SourceSettings):\n"

CONFIG = """\
version: 1
database: sqlite:///x.db
cycles:
  - {{id: q, start: 2026-10-01, end: 2026-12-31}}
sources:
  one: {{connector: {name}}}
objectives: []
mappings: []
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path, as pip would fill it."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def install(folder: Path, distribution: str, name: str, module: str, text: str = GOOD) -> None:
    info = folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{name} = {module}\n", encoding="utf-8")
    (folder / f"{module}.py").write_text(text, encoding="utf-8")


def problems(folder: Path, name: str) -> list[Problem]:
    path = folder / "headway.yaml"
    path.write_text(CONFIG.format(name=name), encoding="utf-8")
    return [one for one in load(path, {}, connect=True).problems if one.path.startswith("sources")]


def test_an_installed_connector_is_known_by_name_and_imported_when_named(installed: Path, tmp_path: Path) -> None:
    install(installed, "acme-wiki", "wiki", "own_wiki_a")
    assert registry.names() == ("asana", "github", "jira", "wiki")
    assert "own_wiki_a" not in sys.modules
    assert problems(tmp_path, "wiki") == []
    assert sys.modules["own_wiki_a"].Settings is registry.find("wiki").settings


def test_a_built_in_name_cannot_be_taken(installed: Path) -> None:
    install(installed, "acme-evil", "github", "own_evil")
    assert registry.names() == ("asana", "github", "jira")
    assert registry.find("github").settings is github.Settings
    assert "own_evil" not in sys.modules


@pytest.mark.parametrize(
    ("module", "text", "said"),
    [
        ("own_b1", "import no_such_library", "cannot be loaded (ModuleNotFoundError: No module named"),
        ("own_b2", "def (", "cannot be loaded (SyntaxError"),
        ("own_b3", "raise RuntimeError('no\x1b[2J')", "cannot be loaded (RuntimeError"),
        ("own_b4", "def connect(settings): ...", "without a class Settings that extends SourceSettings"),
        ("own_b5", GOOD.replace("def connect", "def connected"), "without a function connect"),
        ("own_b6", GOOD.replace(HEAD, f"class Odd: ...\n{HEAD}    odd: Odd\n"), "(PydanticSchemaGenerationError"),
        ("own_b7", GOOD.replace(HEAD, f'{HEAD}    odd: "Nowhere"\n'), "(PydanticUndefinedAnnotation"),
    ],
)
def test_a_broken_one_is_a_problem_of_its_source_alone(
    installed: Path, tmp_path: Path, module: str, text: str, said: str
) -> None:
    install(installed, "acme-broken", "broken", module, text)
    install(installed, "acme-fine", "fine", f"{module}_fine")
    (problem,) = problems(tmp_path, "broken")
    assert (problem.path, problem.line) == ("sources.one.connector", 6)
    assert problem.message.startswith('the connector "broken" cannot be used: the distribution acme-broken 1.2 offers')
    assert said in problem.message
    assert problem.message.endswith("update or remove that distribution")
    assert "\x1b" not in problem.message
    assert problems(tmp_path, "fine") == []
    assert problems(tmp_path, "nothing")[0].message.endswith("known: asana, broken, fine, github, jira")


def test_two_distributions_with_one_name_are_told(installed: Path, tmp_path: Path) -> None:
    install(installed, "acme-wiki", "wiki", "own_wiki_b")
    install(installed, "other-wiki", "wiki", "own_wiki_c")
    (problem,) = problems(tmp_path, "wiki")
    assert "acme-wiki 1.2 and the distribution other-wiki 1.2 offer it more than once" in problem.message


def test_a_config_is_loaded_without_the_client_libraries_and_the_kit() -> None:
    code = (
        "import sys; from connectors import registry; [registry.find(name) for name in ('asana', 'github', 'jira')];"
        "import config.loader; print(sorted({'asana', 'github', 'jira', 'pytest', 'connectors.conformance'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_kit_imports_no_pytest() -> None:
    code = "import sys, connectors.conformance; sys.exit('pytest' in sys.modules or '_pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
