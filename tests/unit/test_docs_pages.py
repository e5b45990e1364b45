"""What the documents point at exists, and what exists is described: links, config keys, dependencies, the picture."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pydantic import BaseModel

from config import mappings, schema
from config.where import Where
from connectors import registry
from connectors.settings import SourceSettings
from okrs.ledger import WHOLE, CauseKind, EntryKind
from tests.unit.docs_pages import PAGES, ROOT, prose

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_ROW = re.compile(r"^\| ([\w.-]+) \|", re.MULTILINE)
DOCS = ROOT / "docs"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = prose(page)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_local_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_links_every_page() -> None:
    linked = {link.partition("#")[0] for link in _LINK.findall(prose(ROOT / "README.md"))}
    expected = {str(page.relative_to(ROOT)) for page in PAGES if page.name != "README.md"}
    assert expected <= linked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_path_of_a_machine_stands_in_a_page(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"/(?:home|root|work|Users)/\S+", text) == []
    assert re.findall(r"(?:127\.0\.0\.1|localhost):(?!8765\b)\d+", text) == [], (
        "an address of a test, not of the service"
    )


def sections() -> list[tuple[str, type[BaseModel]]]:
    """Headings of docs/config.md and the keys that their tables must describe."""
    fixed: list[tuple[str, type[BaseModel]]] = [
        ("## Top level", schema.Document),
        ("### guard", schema.GuardEntry),
        ("### pace", schema.PaceEntry),
        ("### anchor", schema.AnchorEntry),
        ("## cycles", schema.CycleEntry),
        ("## sources", SourceSettings),
        ("## objectives", schema.ObjectiveEntry),
        ("### key_results", schema.KeyResultEntry),
        ("## mappings", mappings.MappingEntry),
        ("## mappings", mappings.PartEntry),
        ("### where", Where),
        ("## link_by", mappings.LinkByEntry),
        ("## defaults", mappings.DefaultsEntry),
        ("## templates", mappings.TemplateEntry),
    ]
    return fixed + [(f"### connector: {name}", registry.find(name).settings) for name in registry.names()]


@pytest.mark.parametrize(("heading", "model"), sections(), ids=lambda each: getattr(each, "__name__", str(each)))
def test_every_key_of_the_config_is_described(heading: str, model: type[BaseModel]) -> None:
    page = (DOCS / "config.md").read_text(encoding="utf-8")
    level = heading.partition(" ")[0]
    section = page.partition(f"\n{heading}\n")[2]
    section = re.split(rf"^#{{2,{len(level)}}} ", section, maxsplit=1, flags=re.MULTILINE)[0]
    described = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.MULTILINE))
    common = set(SourceSettings.model_fields) if model is not SourceSettings else set()
    keys = {field.alias or name: field for name, field in model.model_fields.items()}
    keys = {key: field for key, field in keys.items() if not (issubclass(model, SourceSettings) and key in common)}
    assert set(keys) <= set(described)
    for spelled in getattr(model, "open_keys", ()):
        assert f"| `{spelled}` |" in section
    for key, field in keys.items():
        if field.is_required():
            assert described[key].startswith("required"), key
        elif isinstance(field.default, str) and field.default:
            assert described[key] == f"`{field.default}`", key


def test_no_key_is_described_that_does_not_exist() -> None:
    page = (DOCS / "config.md").read_text(encoding="utf-8")
    described = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    models = [model for _, model in sections()]
    assert described == {field.alias or name for model in models for name, field in model.model_fields.items()}


ENGINE = ("closing.py", "deciding.py", "recording.py", "rebuilding.py", "overriding.py")
"""Who writes entries."""


def test_entries_and_causes_that_are_written_are_described() -> None:
    page = (DOCS / "ledger.md").read_text(encoding="utf-8")
    engine = "".join((ROOT / "sync" / name).read_text(encoding="utf-8") for name in ENGINE)
    engine += "".join((ROOT / "mapping" / name).read_text(encoding="utf-8") for name in ("attribution.py", "causes.py"))
    for kind in EntryKind:
        assert (f"| `{kind.value}` |" in page) == (f"EntryKind.{kind.name}" in engine), kind
    told = set(re.findall(r"`(\w+)`", page.partition("## Causes")[2].partition("\n## ")[0]))
    for cause in CauseKind:
        written = f"CauseKind.{cause.name}" in engine or cause in {
            CauseKind.HIDDEN,
            *WHOLE.values(),
        }  # the mirror says so
        assert (cause.value in told) == written, cause


def dependencies(words: list[str]) -> set[str]:
    return {re.split(r"[\[<>=~! ;]", word)[0] for word in words}


@pytest.mark.parametrize("heading", ["To run", "To build", "To develop"])
def test_dependencies_are_those_of_the_project(heading: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = {"To run": project["dependencies"], "To build": extras["build"], "To develop": extras["dev"]}[heading]
    page = (DOCS / "dependencies.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert set(_ROW.findall(section)) - {"package"} == dependencies(declared)


def test_the_picture_shows_the_demo_and_asks_no_other_host(tmp_path: Path) -> None:
    fresh = tmp_path / "demo.svg"
    subprocess.run([sys.executable, "-m", "docs.screenshot", str(fresh)], cwd=ROOT, check=True, timeout=120)
    for picture in (fresh, DOCS / "images" / "demo.svg"):
        text = picture.read_text(encoding="utf-8")
        root = ElementTree.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert set(re.findall(r"https?://[^\s\"<]+", text)) == {"http://www.w3.org/2000/svg"}
        assert "@font-face" not in text
        shown = "".join(root.itertext()).replace("\N{NO-BREAK SPACE}", " ")
        for words in ("Fix 25 P1 checkout bugs", "What moved, and by which tickets", "acme-asana", "PAY-"):
            assert words in shown
        assert "/tmp" not in shown
