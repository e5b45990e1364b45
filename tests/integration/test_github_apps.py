"""A GitHub App signs in, its token is renewed in time, and `check` and `discover` tell what a config needs to know."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from connectors.contract import (
    Connector,
    Container,
    CredentialsRefused,
    Demand,
    Listed,
    MalformedAnswer,
    Stop,
    What,
)
from connectors.github.account import expiry
from sandbox.clock import SimulatedClock
from sandbox.github import GitHubApi
from sandbox.github_apps import App
from sandbox.server import Sandbox
from sandbox.world import World
from tests.integration.github_server import FIRST, GitHubServer, Reply, opened

START = datetime(2026, 10, 1, 9, tzinfo=UTC)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()
KEYS = {"id": "123", "installation": "77", "private_key": PEM}


@pytest.fixture
def world() -> World:
    world = World(SimulatedClock(START))
    world.add_user("Mira", "mira")
    for name in ("acme/web", "acme/api"):
        project = world.add_project("github", name.partition("/")[2], name)
        world.add_milestone(project, f"v1 of {name}")
        world.create(project, "One", "Bug", labels=("p1",))
    world.release(world.milestones[1])
    world.add_board("acme", "Roadmap", {"Points": "NUMBER", "Stage": "SINGLE_SELECT"})
    return world


@pytest.fixture
def sandbox(world: World) -> Iterator[Sandbox]:
    with Sandbox(world) as running:
        api_of(running).app = App("123", "77")
        yield running


def api_of(sandbox: Sandbox) -> GitHubApi:
    api = sandbox.apis["github"]
    assert isinstance(api, GitHubApi)
    return api


@pytest.fixture
def github(sandbox: Sandbox) -> Iterator[Connector]:
    connector = opened(sandbox.urls["github"], token=None, app=KEYS)
    yield connector
    connector.close()


def granted(sandbox: Sandbox) -> int:
    return sandbox.requests["github", "installation token"]


def test_an_app_reads_with_one_token_for_all_twins(sandbox: Sandbox, github: Connector) -> None:
    twins = [github.twin() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda twin: twin.containers(), twins))
    assert all(isinstance(box, Container) for boxes in found for box in boxes)
    assert granted(sandbox) == 1
    assert sum(twin.requests for twin in twins) == sandbox.total("github") == 7
    for twin in twins:
        twin.close()


def test_a_token_is_renewed_before_it_ends(sandbox: Sandbox, github: Connector, world: World) -> None:
    github.containers()
    world.clock.advance(timedelta(minutes=54))
    github.containers()
    github.containers()
    assert granted(sandbox) == 1
    world.clock.advance(timedelta(minutes=2))
    github.containers()  # its answer tells the time: less than five minutes are left
    github.containers()
    assert granted(sandbox) == 2


def test_a_refused_token_is_renewed_once(sandbox: Sandbox, github: Connector) -> None:
    github.containers()
    app = api_of(sandbox).app
    assert app is not None
    app.tokens.clear()
    assert isinstance(github.containers()[0], Container)
    assert granted(sandbox) == 2
    sandbox.faults.status(401, tracker="github", path="/repos", times=2)
    before = sandbox.total("github")
    with pytest.raises(CredentialsRefused, match="401"):
        github.containers()
    assert sandbox.total("github") - before == 3  # refused, renewed, refused again


def test_a_personal_token_that_is_refused_is_not_tried_again(sandbox: Sandbox) -> None:
    github = opened(sandbox.urls["github"], token="ghp_wrong")
    with pytest.raises(CredentialsRefused):
        github.containers()
    github.close()
    assert sandbox.total("github") == 1


def test_the_signature_is_the_apps_and_short_lived() -> None:
    with GitHubServer() as server:
        told = '{"token": "ghs_x", "expires_at": "2026-12-01T10:00:00Z", "permissions": {}}'
        server.always = lambda asked: Reply(201, told) if asked.method == "POST" else Reply(404, "{}")
        github = opened(server.url, token=None, app=KEYS)
        github.containers()
        github.close()
        grant, lookup = server.asked
    assert (grant.method, grant.path) == ("POST", "/app/installations/77/access_tokens")
    head, claims, signature = grant.headers["authorization"].removeprefix("Bearer ").split(".")
    KEY.public_key().verify(
        base64.urlsafe_b64decode(signature + "=="), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    facts = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert facts["iss"] == "123"
    assert 0 < facts["exp"] - facts["iat"] <= 600
    assert lookup.headers["authorization"] == "Bearer ghs_x"


@pytest.mark.parametrize(
    ("reply", "expected", "words"),
    [
        (Reply(401, "{}"), CredentialsRefused, "`private_key`"),
        (Reply(404, "{}"), CredentialsRefused, "no installation 77"),
        (Reply(403, "{}"), CredentialsRefused, "403"),
        (Reply(200, "{}"), CredentialsRefused, "did not accept"),
        (Reply(201, "{}"), MalformedAnswer, "no token"),
        (Reply(201, '{"token": "x"}'), MalformedAnswer, "expires_at"),
        (Reply(201, '{"token": "a\\nb", "expires_at": "2026-12-01T10:00:00Z"}'), MalformedAnswer, "no token"),
        (Reply(201, '{"token": "", "expires_at": "2026-12-01T10:00:00Z"}'), MalformedAnswer, "no token"),
        (Reply(201, '{"token": "a b", "expires_at": "2026-12-01T10:00:00Z"}'), MalformedAnswer, "no token"),
    ],
)
def test_trouble_with_the_token_is_told(reply: Reply, expected: type[Exception], words: str) -> None:
    with GitHubServer() as server:
        server.always = lambda asked: reply
        github = opened(server.url, token=None, app=KEYS)
        with pytest.raises(expected, match=words) as caught:
            github.containers()
        github.close()
    assert "PRIVATE KEY" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "nonsense", PEM[: len(PEM) // 2]])
def test_a_key_that_cannot_sign_is_refused_before_anything_is_sent(key: str) -> None:
    with pytest.raises(CredentialsRefused, match="cannot sign") as caught:
        opened("http://127.0.0.1:9", token=None, app=KEYS | {"private_key": key})
    assert caught.value.__cause__ is None
    assert not key or key not in str(caught.value)


def test_a_key_in_one_line_of_an_environment_file_signs() -> None:
    opened("http://127.0.0.1:9", token=None, app=KEYS | {"private_key": PEM.replace("\n", "\\n")}).close()


def test_check_names_the_app_and_what_it_may_not_read(sandbox: Sandbox, github: Connector) -> None:
    account = github.check()
    assert (account.who, account.sees, account.lacks) == (
        "the App headway-reader, installed at acme",
        ("acme/web",),
        (),
    )
    app = api_of(sandbox).app
    assert app is not None
    app.permissions = {"metadata": "read", "issues": "write"}
    app.tokens.clear()
    (lacking,) = github.check().lacks
    assert "may not read Pull requests" in lacking


def test_check_tells_scopes_and_the_end_of_a_classic_token(sandbox: Sandbox) -> None:
    api = api_of(sandbox)
    api.scopes, api.expires = "public_repo", "2026-12-24 10:00:00 UTC"
    github = opened(sandbox.urls["github"], "acme/web", "acme/gone", token=sandbox.tokens["github"], boards=["acme/1"])
    account = github.check()
    assert account.expires == datetime(2026, 12, 24, 10, tzinfo=UTC)
    assert len(account.lacks) == 2
    assert "scope `repo`" in account.lacks[0]
    assert "read:project" in account.lacks[1]
    api.scopes = "repo, read:project"
    assert github.check().lacks == ()
    api.scopes = None
    assert github.check().lacks == ()
    github.close()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-12-24 10:00:00 UTC", datetime(2026, 12, 24, 10, tzinfo=UTC)),
        ("2026-12-24 10:00:00 +0200", datetime(2026, 12, 24, 8, tzinfo=UTC)),
        ("2026-12-24 10:00:00 -0800", datetime(2026, 12, 24, 18, tzinfo=UTC)),
        ("2026-12-24 10:00:00", None),
        ("soon", None),
        ("", None),
    ],
)
def test_the_end_of_a_token_is_read_where_it_is_told(text: str, told: datetime | None) -> None:
    assert expiry(text) == told


def test_discover_lists_what_a_config_may_name(sandbox: Sandbox) -> None:
    github = opened(sandbox.urls["github"], token=sandbox.tokens["github"], boards=["acme/1"])
    listed = list(github.discover())
    github.close()
    assert listed == [
        Listed(What.PROJECT, "acme/web"),
        Listed(What.PROJECT, "acme/api", note="not in the config"),
        Listed(What.MILESTONE, "v1 of acme/web", container="acme/web", note="open"),
        Listed(What.LABEL, "p1", container="acme/web"),
        Listed(What.TYPE, "Bug"),
        Listed(What.TYPE, "Issue"),
        Listed(What.TYPE, "Pull request"),
        Listed(What.FIELD, "Points", note="number on the board acme/1"),
        Listed(What.FIELD, "Stage", note="single select on the board acme/1"),
    ]


def test_discover_tells_an_open_milestone_whose_work_is_all_done(sandbox: Sandbox, world: World) -> None:
    first = world.milestones[0]
    world.close(world.create(first.project, "Two", milestone=first))
    github = opened(sandbox.urls["github"], token=sandbox.tokens["github"])
    assert Listed(What.MILESTONE, first.title, container="acme/web", note="open, all done") in github.discover()
    github.close()


def test_discover_asks_an_app_for_its_installation(sandbox: Sandbox, github: Connector) -> None:
    sandbox.faults.page_caps["github"] = 1
    listed = list(github.discover())
    assert Listed(What.PROJECT, "acme/api", note="not in the config") in listed
    assert sandbox.requests["github", "installed repositories"] == 2


def test_discover_knows_issue_types_of_organisations() -> None:
    with GitHubServer() as server:
        types = '[{"id": 1, "name": "Bug", "is_enabled": true}, {"id": 2, "name": "Old", "is_enabled": false}]'
        answers = {"/orgs/acme/issue-types": types, "/user/repos": "[]", "/repos/acme/web/labels": "[]"}
        server.always = lambda asked: Reply(200, answers[asked.path]) if asked.path in answers else None
        github = opened(server.url)
        found = [one.value for one in github.discover() if one.what is What.TYPE]
        github.close()
    assert found == ["Bug", "Issue", "Pull request"]


def test_every_request_that_could_change_something_is_refused(github: Connector) -> None:
    """The allow-list lets two POSTs through, and no other."""
    wire = github._wire  # type: ignore[attr-defined]
    refused = [
        ("POST", "/repos/acme/web/issues"),
        ("DELETE", "/graphql"),
        ("POST", "/app/installations/78/access_tokens"),
    ]
    for method, path in refused:
        with pytest.raises(Stop, match="was not sent"):
            wire.line.ask(method, wire.url + path, "x", {}, b"{}")
    assert github.requests == 0


def test_an_enterprise_server_is_asked_for_graphql_beside_its_api() -> None:
    with GitHubServer("/api/v3") as server:
        github = opened(server.url, boards=["acme/1"])
        box = github.containers()[0]
        assert isinstance(box, Container)
        with pytest.raises(Stop):
            github.changed(box, FIRST, Demand(fields=frozenset({"x"})))
        github.close()
        assert [asked.path for asked in server.asked if asked.method == "POST"] == ["/api/graphql"]
