"""Tokens appear nowhere: every command, in success and in every failure, with the logs turned up as far as they go."""

import base64
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from sandbox.clock import RealClock
from sandbox.company import build
from sandbox.faults import Faults
from sandbox.github import GitHubApi
from sandbox.github_apps import App
from sandbox.jira import CLOUD_ID, WITH_SCOPES
from sandbox.server import JIRA_EMAIL, Sandbox
from sandbox.streams import ASANA_PROJECTS
from tests.e2e.conftest import LONGEST, Answer, Headway, at_work, private_key
from tests.loopback import Wire, always, answer, own_authority
from tests.unit.test_docs_commands import all_commands

MANY = 1000
_MARK = "".join(("7c1e", "90bb"))
"""Put together here, so that a copy of these sources, as another test makes it, holds no marked secret."""

SECRETS = {
    "jira": f"marked+jira/{_MARK}=",
    "asana": f"2/marked:asana/{_MARK}",
    "github": f"github_marked_{_MARK}%5A",
}
PASSWORD = f"marked:p@ss/{_MARK}"
"""Of a proxy; as an address writes it, it has other signs."""

LOUD = (("-vv",), ("-vv", "--log-json"))
SOURCES = [f"acme-{tracker}" for tracker in SECRETS]
DISCOVER = [["discover", source] for source in SOURCES]

COMMANDS: dict[str, list[list[str]]] = {
    "validate": [["validate"], ["validate", "--json"]],
    "check": [["check"], ["check", "--json"]],
    "discover": [*DISCOVER, ["discover", "acme-jira", "--yaml"], ["discover", "acme-github", "--json"]],
    "sync": [["sync", "--full", "--json"], ["sync", "--dry-run"], ["sync"], ["sync", "--last-good"]],
    "status": [["status"], ["status", "--json"], ["status", "--at", "2026-01-01"]],
    "explain": [["explain", "one-click"], ["explain", "nope"], ["explain", "one-click", "--at", "2026-01-01"]],
    "backfill": [["backfill", "one-click"], ["backfill", "p1-bugs", "--json"]],
    "which": [["which", "PAY-5"]],
    "holds": [["holds"], ["holds", "--json"]],
    "approve": [["approve", "nope"]],
    "reject": [["reject", "nope"]],
    "set": [["set", "p1-bugs", "22", "--why", "counted by hand"], ["set", "nope", "1", "--why", "none", "--json"]],
    "resume": [["resume", "p1-bugs"], ["resume", "nope", "--json"]],
    "checkin": [["checkin", "p1-bugs", "--note", "it goes well", "--confidence", "0.7"]],
    "close": [["close", "sandbox"], ["close", "nope", "--yes", "--json"]],
    "roll": [["roll", "sandbox", "next"], ["roll", "nope", "next", "--out", "next.yaml"]],
    "history": [["history", "p1-bugs"], ["history", "p1-bugs", "--csv"], ["history", "p1-bugs", "--prov"]],
    "verify": [["verify"], ["verify", "--anchor"], ["verify", "--against", "headway.yaml"]],
    "plan": [["plan"], ["plan", "--json"], ["plan", "--markdown"]],
    "schema": [["schema"], ["schema", "--team"], ["schema", "--cases"]],
    "mapping test": [["mapping", "test"]],
    "init": [
        [
            "init",
            "--source",
            "github:url={github},token_env=HEADWAY_SANDBOX_GITHUB_TOKEN,repositories=acme/web",
            "--output",
            "new.yaml",
            "--yes",
        ]
    ],
    "export": [["export", "ledger.jsonl"], ["export", "-"]],
    "import": [["import", "ledger.jsonl"], ["import", "headway.yaml"]],
    "backup": [["backup", "copy.db"], ["backup", "headway.yaml"]],
    "prune": [["prune", "--older-than", "1d", "--json"], ["prune", "--dry-run"]],
    "forget": [["forget", "PAY-5"], ["forget", "--person", "nobody", "--yes"]],
    "db upgrade": [["db", "upgrade"]],
    "serve": [["serve", "--host", "192.0.2.1"]],  # ends at once; `tests.e2e.serving` searches what a running one says
    "webhooks": [["webhooks", "acme-asana", "--url", "http://127.0.0.1:1", "--secrets", "hooks"]],
    "demo": [["demo", "--once", "--folder", "demo"]],
}
"""How each command is run here.  A new command is not in it, and fails the first test until somebody adds it."""

ASKING = [["sync", "--json"], ["check"], ["backfill", "one-click"], *DISCOVER]
"""The commands that carry a token."""


def forms(secret: str) -> set[bytes]:
    """How a secret may look: as it is, in parts, quoted for an address, and inside any base64."""
    plain = secret.encode()
    parts = [part for part in secret.replace("\n", " ").replace("\r", " ").split() if len(part) > 7]
    written = {plain, *(part.encode() for part in parts)}
    written |= {quote(secret).encode(), quote(secret, safe="").encode(), quote_plus(secret).encode()}
    for before in range(3):  # base64 looks different by how many bytes stand before: "Bearer ", "email:" …
        packed = base64.b64encode(b"x" * before + plain)
        written.add(packed[4 if before else 0 : -4])
    written.add(base64.b64encode(plain))
    written.add(base64.b64encode(f"{JIRA_EMAIL}:{secret}".encode()))
    return written | {base64.urlsafe_b64encode(plain)}


def leaks(content: bytes, secrets: Sequence[str]) -> list[bytes]:
    return [form for secret in secrets for form in forms(secret) if form in content]


def search(answers: Sequence[Answer], folder: Path, secrets: Sequence[str]) -> None:
    """Fail when a secret stands in what was printed or in any file below the folder."""
    for each in answers:
        assert leaks(f"{each.out!s}\n{each.err}".encode("utf-8", "surrogatepass"), secrets) == [], each.err
    searched = 0
    for path in folder.rglob("*"):
        if path.is_file():
            assert leaks(path.read_bytes(), secrets) == [], path
            searched += 1
    assert searched > 0


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headway]:
    """One company whose trackers want these tokens, read once."""
    for headway in at_work(tmp_path_factory.mktemp("office"), tokens=SECRETS):
        assert headway.run("sync", "--json").code == 0
        yield headway


@pytest.fixture
def calm(office: Headway) -> Iterator[Headway]:
    """The office without yesterday's faults, and with its config as it was."""
    text = office.config.read_text(encoding="utf-8")
    yield office
    office.sandbox.faults.clear()
    office.config.write_text(text, encoding="utf-8")


def all_at_once(office: Headway, commands: Sequence[Sequence[str]], **variables: str) -> list[Answer]:
    """Run several commands side by side, with everything logged."""
    words = [[word.replace("{github}", office.sandbox.urls["github"]) for word in each] for each in commands]
    running = [office.start(*_loud(at), *each, HEADWAY_DEBUG="1", **variables) for at, each in enumerate(words)]
    return [office.end(process) for process in running]


def _loud(at: int) -> tuple[str, ...]:
    return LOUD[at % len(LOUD)]


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    secret = SECRETS["jira"]
    for text in (
        secret,
        quote(secret),
        quote(secret, safe=""),
        base64.b64encode(f"{JIRA_EMAIL}:{secret}".encode()).decode(),
        base64.b64encode(f"somebody:{secret}".encode()).decode(),
        base64.b64encode(secret.encode()).decode(),
    ):
        assert leaks(f"before {text} after".encode(), [secret])
        (tmp_path / "log").write_text(f"before {text} after", encoding="utf-8")
        with pytest.raises(AssertionError):
            search([], tmp_path, [secret])
        (tmp_path / "log").unlink()
    assert leaks(b"marked-other-token", [secret]) == []
    assert leaks(f"second half, that follows a line end: halfof{_MARK}".encode(), [f"first\nhalfof{_MARK}"])


def test_every_command_is_run_here() -> None:
    assert set(COMMANDS) == set(all_commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_shows_a_token_when_all_is_well(calm: Headway, name: str) -> None:
    answers = all_at_once(calm, COMMANDS[name])
    assert {each.code for each in answers} <= {0, 1, 3}  # of two syncs at once one waits for the next run
    search(answers, calm.folder, list(SECRETS.values()))


def test_every_request_is_logged_without_its_query(calm: Headway) -> None:
    quiet = calm.end(calm.start("-v", "check", "acme-github"))
    assert "asked" not in quiet.err
    loud = calm.end(calm.start("-vv", "--log-json", "check", "acme-github"))
    assert '"event": "asked"' in loud.err
    assert '"path": "/github/repos/acme/web"' in loud.err
    assert '"status": 200' in loud.err
    assert "?" not in loud.err
    assert "urllib3" not in loud.err


FAULTS: dict[str, Callable[[Faults], None]] = {
    "401": lambda faults: faults.status(401, times=MANY),
    "403": lambda faults: faults.status(403, times=MANY),
    "404": lambda faults: faults.status(404, times=MANY),
    "429": lambda faults: faults.status(429, retry_after=3600, times=MANY),
    "a login page": lambda faults: faults.html(times=MANY),
    "half an answer": lambda faults: faults.cut(times=MANY),
}
SLOW: dict[str, Callable[[Faults], None]] = {
    "500": lambda faults: faults.status(500, times=MANY),
    "a broken connection": lambda faults: faults.drop(times=MANY),
}
"""What passes is asked again after some seconds, so that not every command goes through it."""


@pytest.mark.parametrize("name", [*FAULTS, *[pytest.param(name, marks=pytest.mark.drill) for name in SLOW]])
def test_no_failure_of_a_tracker_shows_a_token(calm: Headway, name: str) -> None:
    (FAULTS | SLOW)[name](calm.sandbox.faults)
    answers = all_at_once(calm, ASKING if name in FAULTS else ASKING[:1] + ASKING[2:])
    assert answers[0].code == 3
    search(answers, calm.folder, list(SECRETS.values()))


def test_a_redirect_takes_no_token_elsewhere(calm: Headway) -> None:
    with Wire(always(answer())) as thief:
        elsewhere = {"Location": f"{thief.url}/{SECRETS['github']}"}  # what a tracker echoes is no news to log, too
        calm.sandbox.faults.status(302, headers=elsewhere, times=MANY)
        answers = all_at_once(calm, ASKING)
        assert thief.connections == 0
    assert [each.code for each in answers[:2]] == [3, 1]
    search(answers, calm.folder, list(SECRETS.values()))


WRONG = {
    "wrong": f"wrong-marked-{_MARK}",
    "with a line end": f"first-marked-{_MARK}\nX-Injected: second-marked-{_MARK}",
    "with a carriage return": f"first-marked-{_MARK}\r\n\r\nGET /other-marked-{_MARK} HTTP/1.1",
    "not ASCII": f"tökén-märked-{_MARK}-€-支払い",
    "with blanks": f" marked {_MARK}-blank ",
    "very long": f"marked-{_MARK}" * 4000,
}


@pytest.mark.parametrize("name", WRONG)
def test_no_wrong_token_is_shown(calm: Headway, name: str) -> None:
    token = WRONG[name]
    variables = {f"HEADWAY_SANDBOX_{tracker.upper()}_TOKEN": token for tracker in SECRETS}
    answers = all_at_once(calm, ASKING[:2], **variables)
    assert [each.code for each in answers] == [3, 1]
    search(answers, calm.folder, [token, *SECRETS.values()])


def test_no_failure_of_tls_shows_a_token(calm: Headway, tmp_path: Path) -> None:
    context, _ = own_authority(tmp_path)
    with Wire(always(answer()), context) as stranger:
        calm.edit(f"http://127.0.0.1:{calm.sandbox.port}", stranger.url)
        answers = all_at_once(calm, ASKING[:1])
        assert stranger.asked == []
    assert answers[0].code == 3
    search(answers, calm.folder, list(SECRETS.values()))


@pytest.mark.parametrize("scheme", [pytest.param("http", marks=pytest.mark.drill), "socks5", "http://broken["])
def test_no_proxy_shows_its_password(calm: Headway, scheme: str) -> None:
    proxy = f"{scheme}://headway:{quote(PASSWORD, safe='')}@127.0.0.1:1"
    calm.edit("    every: 1d", "    every: 1d\n    proxy: ${PROXY}")
    answers = all_at_once(calm, [["sync", "--json"], ["validate"]], PROXY=proxy)
    search(answers, calm.folder, [PASSWORD, *SECRETS.values()])
    calm.edit("${PROXY}", f'"{proxy}"')
    in_plain = all_at_once(calm, [["validate"]])
    assert leaks(f"{in_plain[0].out}{in_plain[0].err}".encode(), [PASSWORD]) == []


def test_no_address_shows_its_password(calm: Headway) -> None:
    calm.edit("http://127.0.0.1", f"http://headway:{quote(PASSWORD, safe='')}@127.0.0.1")
    [answer] = all_at_once(calm, [["validate"]])
    assert answer.code == 1
    assert leaks(f"{answer.out}{answer.err}".encode(), [PASSWORD]) == []


def test_what_is_kept_of_a_config_holds_no_secret(calm: Headway) -> None:
    """Wherever in the config it stands in plain: as a token, in a comment, in a title, in a proxy's address."""
    proxy = f"http://headway:{quote(PASSWORD, safe='')}@127.0.0.1:{calm.sandbox.port}"
    for tracker, secret in SECRETS.items():
        calm.edit(f"${{HEADWAY_SANDBOX_{tracker.upper()}_TOKEN}}", f'"{secret}"  # {secret}')
    calm.edit("    every: 1d", f'    every: 1d\n    proxy: "{proxy}"')
    calm.edit("title: Ship", f"title: With {SECRETS['jira']} Ship")
    synced = calm.end(calm.start("-vv", "sync", "--json"))
    assert synced.code == 0, synced
    files = [path for path in calm.folder.rglob("*") if path.is_file() and path != calm.config]
    assert calm.database in files
    for path in files:
        assert leaks(path.read_bytes(), [PASSWORD, *SECRETS.values()]) == [], path
    assert "this version is not kept as last good" in synced.err
    assert '"Ship one-click checkout"' in str(calm.rows("SELECT document FROM config_file")), "the version before stays"


def test_the_last_good_config_shows_no_token(calm: Headway) -> None:
    [good] = all_at_once(calm, [["sync", "--json"]])
    assert good.code == 0
    calm.edit("measure: percent", "measure: percnet")
    answers = all_at_once(calm, [["sync", "--last-good"], ["status"], ["explain", "p1-bugs"], ["validate"]])
    assert [each.code for each in answers] == [1, 1, 1, 1]
    search(answers, calm.folder, list(SECRETS.values()))


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_leaves_no_token(calm: Headway, ending: signal.Signals) -> None:
    calm.sandbox.requests.clear()
    calm.sandbox.faults.hang(LONGEST, tracker="jira", path="/search", times=MANY)
    process = calm.start("-vv", "sync", "--full", HEADWAY_DEBUG="1")
    while not calm.sandbox.requests["jira", "search"] and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(ending)
    ended = calm.end(process)
    assert ended.code == (130 if ending is signal.SIGINT else -signal.SIGKILL)
    search([ended], calm.folder, list(SECRETS.values()))


OTHERS = """\
version: 1
database: sqlite:///headway.db
sources:
  app:
    connector: github
    url: {cloud[github]}
    app: {{id: 123, installation: 77, private_key: "${{file:{key}}}"}}
    repositories: [acme/web]
  scoped:
    connector: jira
    url: {cloud[jira]}
    email: {email}
    token: ${{SCOPED}}
    cloud_id: {cloud_id}
    gateway: {cloud[jira]}
    projects: [PAY]
  center:
    connector: jira
    url: {center[jira]}
    token: ${{BEARER}}
    projects: [PAY]
  proxied:
    connector: asana
    url: {cloud[asana]}
    proxy: http://headway:${{PASSWORD}}@127.0.0.1:{port}
    token: ${{HEADWAY_SANDBOX_ASANA_TOKEN}}
    projects: ["{launch}"]
"""
OTHER_SOURCES = ("app", "scoped", "center", "proxied")
BEARER = f"marked+center/{_MARK}="
OTHER_VARIABLES = {"SCOPED": WITH_SCOPES, "BEARER": BEARER, "PASSWORD": quote(PASSWORD, safe="")}


@dataclass(frozen=True)
class Others:
    """An office with the other ways to sign in, and a proxy with a password: the server itself takes its requests."""

    headway: Headway
    center: Sandbox
    secrets: Sequence[str]

    @property
    def faults(self) -> tuple[Faults, Faults]:
        return self.headway.sandbox.faults, self.center.faults

    def run(self, *commands: Sequence[str]) -> list[Answer]:
        return all_at_once(self.headway, commands, **OTHER_VARIABLES)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Others]:
    pem, key = private_key(), tmp_path_factory.mktemp("keys") / "app.pem"
    now = datetime.now(UTC)
    world = build(1, now, RealClock())
    with (
        Sandbox(world, tokens=SECRETS) as cloud,
        Sandbox(world, tokens={"jira": BEARER}, jira_mode="data_center") as center,
    ):
        github = cloud.apis["github"]
        assert isinstance(github, GitHubApi)
        github.app = App("123", "77")
        key.write_bytes(pem)
        headway = Headway(cloud, tmp_path_factory.mktemp("others"))
        config = OTHERS.format(
            cloud=cloud.urls, center=center.urls, key=key, email=JIRA_EMAIL, cloud_id=CLOUD_ID, port=cloud.port,
            launch=ASANA_PROJECTS[0],
        )  # fmt: skip
        headway.config.write_text(config, encoding="utf-8")
        secrets = [*SECRETS.values(), pem.decode(), "ghs_sandbox", *OTHER_VARIABLES.values(), PASSWORD]
        yield Others(headway, center, secrets)
        key.unlink()


@pytest.fixture
def other(others: Others) -> Iterator[Others]:
    """The others without yesterday's faults."""
    yield others
    for faults in others.faults:
        faults.clear()


OTHER_COMMANDS = [["sync", "--json"], ["check", "--json"], *[["discover", name] for name in OTHER_SOURCES]]


def test_no_other_way_to_sign_in_shows_its_secret_when_all_is_well(other: Others) -> None:
    answers = other.run(*OTHER_COMMANDS)
    assert [each.code for each in answers] == [0] * len(OTHER_COMMANDS), answers
    assert other.headway.sandbox.requests["github", "installation token"] > 0
    search(answers, other.headway.folder, other.secrets)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in ("401", "half an answer") else pytest.mark.drill) for name in FAULTS],
)
def test_no_failure_shows_the_secret_of_another_way_to_sign_in(other: Others, name: str) -> None:
    for faults in other.faults:
        FAULTS[name](faults)
    answers = other.run(*OTHER_COMMANDS)
    assert [each.code for each in answers[:2]] == [3, 1]
    search(answers, other.headway.folder, other.secrets)


def test_after_all_that_no_file_of_any_test_holds_a_token(
    calm: Headway, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert calm.database.is_file()
    search([], tmp_path_factory.getbasetemp(), list(SECRETS.values()))
