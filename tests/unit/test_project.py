"""The project itself: names of rooms, lock files, trackers' names, versions, the built package."""

import ast
import io
import re
import shutil
import subprocess
import sys
import tokenize
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from connectors.http import USER_AGENT
from tests.conftest import required

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

SHIPPED = ("config", "connectors", "mapping", "okrs", "sandbox", "store", "sync", "terminal", "usecases", "web")
ROOMS = ("headway", "service", *SHIPPED, "tests", "bench", "docs")

TRACKERS = re.compile("jira|asana|github", re.IGNORECASE)
SPOKEN = {
    "connectors/registry.py": "the table of connectors",
    "connectors/settings.py": "a description for people",
    "config/where.py": "descriptions for people",
    "terminal/commands.py": "help texts for people",
    "terminal/asking.py": "a help text for people",
    "terminal/serving.py": "an example in a help text",
    "terminal/starting.py": "an example in a help text",
}
"""Modules outside of the connectors that may name trackers, in text alone: never as a name of the code."""

BROUGHT = {"pydantic_core": ("pydantic",), "starlette": ("fastapi",), "markupsafe": ("Jinja2",)}
"""What is imported without being declared: it comes with these libraries, and its types are part of their surface."""


def modules(*rooms: str) -> list[Path]:
    found = [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]
    return [ROOT / "headway.py", ROOT / "service.py", *found]


def home(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_installed_package_owns_the_name_of_a_room() -> None:
    owners = packages_distributions()
    for room in ROOMS:
        assert set(owners.get(room, ["headway"])) <= {"headway"}, f"{room} belongs to another package too"


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def names_of_trackers(path: Path) -> Iterator[tuple[int, str]]:
    """Lines on which code, strings or names speak of a tracker; comments and docstrings may tell whose habit it is."""
    text = path.read_text(encoding="utf-8")
    statements = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt))
    documents = [(node.lineno, node.end_lineno) for node in statements if _is_text(node)]
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        inside = any(first <= token.start[0] <= (last or first) for first, last in documents)
        if token.type in (tokenize.NAME, tokenize.STRING) and TRACKERS.search(token.string) and not inside:
            yield token.start[0], token.string


def _outside_of_connectors() -> list[Path]:
    rooms = ("config", "mapping", "okrs", "store", "sync", "terminal", "usecases", "web")
    return [*modules(*rooms), *sorted((ROOT / "connectors").glob("*.py"))]


@pytest.mark.parametrize("path", _outside_of_connectors(), ids=home)
def test_no_tracker_is_named_outside_of_its_connector(path: Path) -> None:
    found = list(names_of_trackers(path))
    if home(path) not in SPOKEN:
        assert found == []
        return
    assert found, f"{home(path)} names no tracker any more: take it off the list"
    assert [each for each in found if each[1].isidentifier()] == []


@pytest.mark.parametrize("name", ["jira", "asana", "github"])
def test_a_connector_knows_no_other_tracker(name: str) -> None:
    for path in sorted((ROOT / "connectors" / name).glob("*.py")):
        named = {word.lower() for _, text in names_of_trackers(path) for word in TRACKERS.findall(text)}
        assert named <= {name}, home(path)


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


ELSEWHERE = {
    "sync": "config.cases config.drafting config.json_schema config.lint mapping.cases mapping.lint rich.progress "
    "sandbox store.views.explain store.views.status sync.planning terminal.answers terminal.render alembic psycopg "
    "tenacity",
    "status": "config.cases config.drafting mapping.cases sandbox sync.planning usecases.explaining usecases.syncing",
}
"""What a command has no use for.  Loading is most of a short run's time."""


@pytest.mark.parametrize("command", ELSEWHERE)
def test_a_command_loads_nothing_that_only_others_need(command: str, tmp_path: Path) -> None:
    (tmp_path / "headway.yaml").write_text("version: 1\ndatabase: sqlite:///headway.db\n", encoding="utf-8")
    code = f"import sys, service; print(service.command([{command!r}], {{}})); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    code_of_exit, loaded = done.stdout.splitlines()[-2:]
    assert code_of_exit == "0", done.stderr
    assert set(ELSEWHERE[command].split()) & set(loaded.split()) == set()


def test_everything_that_is_imported_is_declared() -> None:
    declared = {canonicalize_name(Requirement(word).name) for word in PROJECT["dependencies"]}
    owners = packages_distributions()
    for path in modules(*SHIPPED):
        for name in imported(path) - set(sys.stdlib_module_names) - set(ROOMS):
            packages = {canonicalize_name(each) for each in owners[name]}
            assert packages & declared or name in BROUGHT, f"{home(path)} imports {name}"


def test_what_is_brought_along_is_really_brought() -> None:
    for name, owners in BROUGHT.items():
        for owner in owners:
            needed = {canonicalize_name(Requirement(word).name) for word in requires(owner) or ()}
            assert canonicalize_name(name) in needed
            assert canonicalize_name(owner) in {
                canonicalize_name(Requirement(word).name) for word in PROJECT["dependencies"]
            }


LOCKS = {
    "requirements.lock": [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["build"]],
    "requirements-dev.lock": [
        *PROJECT["dependencies"],
        *PROJECT["optional-dependencies"]["build"],
        *PROJECT["optional-dependencies"]["dev"],
    ],
}
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)(?: ;[^\\]+)? \\$")
_HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def pins(name: str) -> dict[str, str]:
    """The pinned versions of a lock file; every line of it is a pin, one of its hashes, or a comment."""
    found: dict[str, str] = {}
    hashes = 1
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        pin = _PIN.match(line)
        if pin:
            assert hashes, f"no hash stands before {line}"
            found[canonicalize_name(pin[1])] = pin[2]
            hashes = 0
        elif _HASH.match(line):
            hashes += 1
        else:
            assert line.lstrip().startswith("#"), line
    assert hashes
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_pins_with_hashes_what_the_project_allows(name: str) -> None:
    pinned = pins(name)
    for word in LOCKS[name]:
        wanted = Requirement(word)
        assert wanted.specifier.contains(pinned[canonicalize_name(wanted.name)]), word


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_names_no_index(name: str) -> None:
    assert re.findall(r"https?://\S+|file:\S+|--(?:extra-)?index-url|--find-links", (ROOT / name).read_text()) == []


def test_both_lock_files_pin_the_same_versions() -> None:
    running, developing = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: developing.get(name) for name in running} == running


def test_versions_agree() -> None:
    own = PROJECT["version"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d[^\]]*)\]", changes, re.MULTILINE)
    coming = re.search(r"^## \[Unreleased\]\n+Will be released as ([\d.]+)\.$", changes, re.MULTILINE)
    assert released == sorted(released, key=Version, reverse=True)
    assert own == (coming[1] if coming else released[0])
    assert version("headway") == own
    assert own.startswith(USER_AGENT.removeprefix("headway/"))


def _setuptools() -> str:
    try:
        return distribution("setuptools").version
    except ModuleNotFoundError:
        return "0"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the wheel, built from a copy, so that nothing is left behind here."""
    if Version(_setuptools()) < Version("77"):
        why = f"building the package needs setuptools 77 or newer in the environment, here is {_setuptools()}"
        if required("wheel"):
            pytest.fail(f"wheel is required here (HEADWAY_REQUIRE), but {why}")
        pytest.skip(f"wheel: {why}")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    unwanted = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "build", "dist", "headway-demo", "*.db*")
    shutil.copytree(ROOT, source, ignore=unwanted)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*command, "--wheel-dir", str(folder), str(source)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_room(wheel: set[str]) -> None:
    files = [path for path in modules(*SHIPPED) if "__pycache__" not in path.parts]
    wanted = {home(path) for path in files}
    wanted |= {f"{room}/py.typed" for room in SHIPPED}
    wanted |= {home(path) for path in (ROOT / "config" / "examples").glob("*.yaml")}
    wanted |= {home(path) for path in (ROOT / "store" / "migrations").rglob("*.mako")}
    assert wanted - wheel == set()


def test_the_wheel_holds_nothing_else(wheel: set[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"headway.py", "service.py", *SHIPPED}
    assert [name for name in wheel if re.search(r"\.(db|log|lock)$|test_", name)] == []
