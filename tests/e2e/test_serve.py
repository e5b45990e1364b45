"""The service as people run it: it reads by itself, tells how it does, takes a changed config over, and ends well."""

import hmac
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.asana import AsanaApi
from sandbox.records import Project
from sandbox.world import World
from tests.e2e.conftest import LONGEST
from tests.e2e.office import ASANA, JIRA, Office, office
from tests.e2e.serving import Served, serving, until

RULE = "where: {type: Bug}, measure: count"
POLLS = 'headway_polls_total{outcome="ok",source="work"}'
VALUE = 'headway_key_result_value{key_result="result"}'


def bugs(world: World, project: Project) -> None:
    for number in range(4):
        world.create(project, f"Bug {number}", "Bug")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path, "jira", bugs, RULE, *JIRA, "every: 2s") as made:
        yield made


def test_a_closed_ticket_moves_the_number_by_itself_and_a_signal_ends_it_well(small: Office) -> None:
    with serving(small.headway) as served:
        until(lambda: served.number(VALUE) == 0)
        assert served.ask("/healthz") == (200, "ok\n")
        item = next(iter(small.world.items_of(small.project)))
        small.world.close(item)
        until(lambda: served.number(VALUE) == 1)
        assert (served.number('headway_poll_errors_total{source="work"}') or 0) == 0
        assert (served.number('headway_requests_total{source="work"}') or 0) > 0
        assert served.number('headway_items{source="work"}') == 4
        assert served.number('headway_source_up{source="work"}') == 1
        assert served.end() == 0
    assert [each["event"] for each in served.events()] == ["serving", "ended"]
    assert small.headway.values() == {"result": 1}
    [(holder,)] = small.headway.rows("SELECT lease_holder FROM source")
    assert holder is None
    assert small.headway.run("verify", "--json").out["ok"]


def test_the_config_is_taken_over_while_it_runs_and_a_broken_one_goes_on_as_it_was(small: Office) -> None:
    headway = small.headway
    with serving(headway) as served:
        until(lambda: served.number(VALUE) == 0)
        headway.edit("measure: count", "measure: count, counts: all")
        until(lambda: served.number(VALUE) == 4)
        good = headway.config.read_text(encoding="utf-8")
        headway.edit("measure: count", "measure: cuont")
        until(lambda: served.number("headway_config_broken_files") == 1)
        code, said = served.ask("/readyz")
        assert code == 200, "a typo stops nothing"
        assert "headway.yaml" in json.loads(said)["notes"]["config"]
        small.world.create(small.project, "One more", "Bug")
        until(lambda: served.number(VALUE) == 5)
        headway.config.write_text(good.replace("database: sqlite:///headway.db", "database: sqlite:///other.db"))
        until(lambda: "restart" in served.ask("/readyz")[1])
        headway.config.write_text(good, encoding="utf-8")
        until(lambda: json.loads(served.ask("/readyz")[1])["notes"] == {})
        assert served.end(signal.SIGINT) == 0
    assert len(served.told("config is broken")) == 1
    [mistake] = served.told("config error")
    assert "cuont" in mistake["message"]
    assert mistake["where"].startswith("headway.yaml:")
    assert not (headway.folder / "other.db").exists()


def test_a_failing_source_is_told_of_once_and_refused_credentials_wait_for_a_new_token(tmp_path: Path) -> None:
    with office(tmp_path, "jira", bugs, RULE, JIRA[0], "token: ${file:token}", "every: 2s") as small:
        headway, tokens = small.headway, small.headway.sandbox.tokens
        secret = tmp_path / "token"
        secret.write_text("wrong-token-0001", encoding="utf-8")
        with serving(headway) as served:
            until(lambda: served.told("polling stopped until the config changes"))
            assert served.number('headway_source_up{source="work"}') == 0
            assert served.number('headway_source_next_poll_timestamp_seconds{source="work"}') is None
            secret.write_text(tokens["jira"], encoding="utf-8")
            until(lambda: served.number(VALUE) == 0)
            headway.sandbox.faults.status(404, times=1000)
            until(lambda: (served.number('headway_source_failures{source="work"}') or 0) >= 2)
            headway.sandbox.faults.clear()
            until(lambda: served.number('headway_source_failures{source="work"}') == 0)
            assert served.end() == 0
        told = [each["event"] for each in served.events()]
    assert told == [
        "serving",
        "polling stopped until the config changes",
        "config reloaded",
        "recovered",
        "failing",
        "recovered",
        "ended",
    ]


def test_it_answers_to_its_own_names_alone_and_changes_nothing_unless_told(small: Office) -> None:
    with serving(small.headway, "--allow-host", "okrs.acme.example") as served:
        for path in ("/healthz", "/readyz", "/metrics", "/"):
            assert served.ask(path, Host="evil.example")[0] == 421
            assert served.ask(path, Host="okrs.acme.example")[0] != 421
        assert served.ask("/api/sources/work/sync", "POST", X_Headway="1")[0] in (404, 405)


def test_people_of_this_machine_may_ask_for_a_read_at_once(small: Office) -> None:
    small.headway.edit("every: 2s", "every: 7d")
    with serving(small.headway, "--allow-local-edits") as served:
        until(lambda: served.number(VALUE) == 0)
        small.world.close(small.world.items_of(small.project)[0])
        assert served.ask("/api/sources/work/sync", "POST")[0] == 403
        assert served.ask("/api/sources/nope/sync", "POST", X_Headway="1")[0] == 404
        assert served.ask("/api/sources/work/sync", "POST", X_Headway="1")[0] == 202
        until(lambda: served.number(VALUE) == 1)


def test_an_end_waits_for_the_read_under_way(small: Office) -> None:
    small.headway.sandbox.faults.latency = 1.0
    with serving(small.headway) as served:
        until(lambda: held(served))
        assert served.end() == 0
        assert [each["unfinished"] for each in served.told("ended")] == [False]
    assert not held(served)
    states = small.headway.rows("SELECT state FROM run_source")
    assert states
    assert set(states) == {("ok",)}, "none was cut short"


def test_who_tells_it_twice_waits_for_nothing_and_no_lease_is_left(small: Office) -> None:
    small.headway.sandbox.faults.hang(LONGEST, times=1000)
    with serving(small.headway) as served:
        until(lambda: held(served))
        os.kill(served.process.pid, signal.SIGTERM)
        assert served.end() == 0
        assert [each["unfinished"] for each in served.told("ended")] == [True]
    assert not held(served)


def held(served: Served) -> bool:
    """Whether the source is read just now."""
    return [row for row in served.headway.rows("SELECT lease_holder FROM source") if row != (None,)] != []


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (("--host", "0.0.0.0", "--allow-local-edits"), "asks nobody who they are", 2),
        (("--host", "192.0.2.1"), "Name others with --host and --port", 1),
        (("--port", "70000"), "65535", 2),
    ],
)
def test_what_cannot_be_served_is_said(small: Office, arguments: tuple[str, ...], said: str, code: int) -> None:
    answer = small.headway.run("serve", *arguments)
    assert answer.code == code
    assert said in " ".join(answer.err.replace("│", " ").split())


def test_a_broken_config_that_was_never_good_serves_nothing(small: Office) -> None:
    small.headway.edit("measure: count", "measure: cuont")
    answer = small.headway.run("serve", "--port", "0")
    assert answer.code == 1
    assert "cuont" in answer.err


def test_others_on_the_network_are_told_of(small: Office) -> None:
    with serving(small.headway, "--host", "0.0.0.0") as served:
        served.url = served.url.replace("0.0.0.0", "127.0.0.1")


SECRET = "webhook-secret-77f1"


def test_a_signed_webhook_has_its_source_read_at_once_and_nothing_else_does(tmp_path: Path) -> None:
    keys = ("every: 7d", "webhook_secret: ${HOOK_SECRET}")
    with (
        office(tmp_path, "jira", bugs, RULE, *JIRA, *keys) as small,
        serving(small.headway, "--webhook-port", "0", HOOK_SECRET=SECRET) as served,
    ):
        until(lambda: served.number(VALUE) == 0)
        url = served.hooks()
        small.world.close(small.world.items_of(small.project)[0])
        body = b'{"issue": {"fields": {"status": "closed a hundred times"}}}'
        signed = "sha256=" + hmac.new(SECRET.encode(), body, "sha256").hexdigest()

        def send(source: str, content: bytes, **headers: str) -> int:
            return served.ask(f"/hooks/{source}", "POST", content, url, **headers)[0]

        assert send("work", body) == 401
        assert send("work", body + b" ", X_Hub_Signature=signed) == 401
        assert send("work", body, X_Hub_Signature_256=signed) == 401
        assert send("nope", body, X_Hub_Signature=signed) == 404
        assert served.ask("/hooks/work", "POST", body, served.url, X_Hub_Signature=signed)[0] in (404, 405)
        assert served.ask("/metrics", "GET", b"", url)[0] == 404, "pages are not opened along with it"
        polls = served.number(POLLS)
        assert send("work", body, X_Hub_Signature=signed) == 202
        assert send("work", body, X_Hub_Signature=signed) == 409
        until(lambda: served.number(VALUE) == 1)
        assert served.number(POLLS) == (polls or 0) + 1
        assert served.end() == 0
    assert not any(SECRET in line for line in served.log)


ASANA_HOOKS = ("webhooks", "work", "--secrets", "work.hooks", "--url")


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path, "asana", tasks, "measure: count", *ASANA, "every: 7d") as made:
        yield made


def tasks(world: World, project: Project) -> None:
    for number in range(3):
        world.create(project, f"Task {number}", "default_task")


def asana_of(small: Office) -> AsanaApi:
    api = small.headway.sandbox.apis["asana"]
    assert isinstance(api, AsanaApi)
    return api


def test_a_tracker_that_makes_webhooks_by_its_api_alone_is_asked_once_and_then_believed(launch: Office) -> None:
    headway, webhooks = launch.headway, asana_of(launch).webhooks
    with serving(headway, "--webhook-port", "0") as served:
        until(lambda: served.number(VALUE) == 0)
        url = served.hooks().rstrip("/")
        done = headway.run(*ASANA_HOOKS, url)
        assert (done.code, done.err) == (0, "")
        assert "webhook_secret: ${file:work.hooks}" in done.out
        [hook], kept = webhooks.all, headway.folder / "work.hooks"
        assert kept.read_text() == f"{hook.secret}\n"
        assert kept.stat().st_mode & 0o777 == 0o600
        assert hook.secret not in done.out + done.err
        assert headway.rows("SELECT * FROM handshake") == []
        assert webhooks.deliver() == [404], "the config does not name the file yet"
        headway.edit("every: 7d", "every: 7d\n    webhook_secret: ${file:work.hooks}")
        until(lambda: served.told("config reloaded") or webhooks.deliver() == [200])
        until(lambda: webhooks.deliver() == [200])
        until(lambda: served.number(POLLS) == 2)  # a source whose settings changed is read at once
        assert webhooks.deliver() == [200], "a sign of life"
        launch.world.close(launch.world.items_of(launch.project)[0])
        assert served.number(POLLS) == 2
        assert webhooks.deliver() == [200]
        until(lambda: served.number(VALUE) == 1)
        again = headway.run(*ASANA_HOOKS, url)
        assert (again.code, kept.read_text().splitlines()) == (0, [each.secret for each in webhooks.all])
        until(lambda: webhooks.deliver() == [200, 200])
        assert served.end() == 0
    secrets = [each.secret for each in webhooks.all]
    assert not any(secret in line for secret in secrets for line in served.log)
    holding = [path for path in headway.folder.iterdir() if any(each.encode() in path.read_bytes() for each in secrets)]
    assert holding == [kept], "no database and no log holds one"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1", "it got no answer of this Headway at the address"),
        ("http://okrs.acme.example", "--url: only https keeps"),
        ("https://okrs.acme.example/?a=b", "--url: only scheme, host"),
    ],
)
def test_webhooks_that_cannot_be_set_up_leave_nothing(launch: Office, url: str, said: str) -> None:
    assert launch.headway.run("sync").code == 0
    answer = launch.headway.run(*ASANA_HOOKS, url)
    assert answer.code == 1
    assert said in " ".join(answer.err.split())
    assert not (launch.headway.folder / "work.hooks").exists()
    assert launch.headway.rows("SELECT * FROM handshake") == []
    assert asana_of(launch).webhooks.all == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--only", "1205"), "work does not read 1205"),
        (("--secrets", "away/work.hooks"), "Nothing was set up"),
    ],
)
def test_wishes_for_webhooks_that_make_no_sense_ask_nothing(
    launch: Office, options: tuple[str, ...], said: str
) -> None:
    assert launch.headway.run("sync").code == 0
    answer = launch.headway.run(*ASANA_HOOKS, "http://127.0.0.1:1", *options)
    assert answer.code == 1
    assert said in " ".join(answer.err.split())
    assert launch.headway.sandbox.requests["asana", "webhooks"] == 0


def test_webhooks_that_people_set_up_themselves_are_theirs(small: Office) -> None:
    answer = small.headway.run(*ASANA_HOOKS, "https://okrs.acme.example")
    assert answer.code == 1
    assert "webhooks of jira are not set up from here: give it the address" in " ".join(answer.err.split())


def test_it_is_not_ready_while_the_database_is_of_another_version(small: Office) -> None:
    with serving(small.headway) as served:
        until(lambda: served.number(VALUE) == 0)
        with small.headway.plain() as connection:
            [(right,)] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            connection.execute("UPDATE alembic_version SET version_num = '0000'")
        code, said = served.ask("/readyz")
        assert code == 503
        assert "headway db upgrade" in json.loads(said)["checks"]["database"]
        assert served.ask("/healthz")[0] == 200
        with small.headway.plain() as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (right,))
        until(lambda: served.ask("/readyz")[0] == 200)


def test_no_thread_and_no_file_is_left_by_a_poll(small: Office) -> None:
    with serving(small.headway) as served:
        until(lambda: (served.number(POLLS) or 0) >= 2)
        files = served.number("process_open_fds") or 0
        threads = len(list(Path(f"/proc/{served.process.pid}/task").iterdir()))
        until(lambda: (served.number(POLLS) or 0) >= 10)
        # Pools may still grow by one or two; a leak of one by each poll would show.
        assert (served.number("process_open_fds") or 0) <= files + 4
        assert len(list(Path(f"/proc/{served.process.pid}/task").iterdir())) <= threads + 4


def test_a_ticket_closed_shows_on_the_page_that_listens_soon_after_its_webhook(tmp_path: Path) -> None:
    """Within five seconds by design: two until the scheduler looks, one until the stream does.  Times are not held."""
    keys = ("every: 7d", "webhook_secret: ${HOOK_SECRET}")
    with (
        office(tmp_path, "jira", bugs, RULE, *JIRA, *keys) as small,
        serving(small.headway, "--webhook-port", "0", HOOK_SECRET=SECRET) as served,
    ):
        until(lambda: served.number(VALUE) == 0)
        url = served.hooks()
        with served.listen("/key-results/result") as stream:
            small.world.close(small.world.items_of(small.project)[0])
            body = b"{}"
            signed = "sha256=" + hmac.new(SECRET.encode(), body, "sha256").hexdigest()
            assert served.ask("/hooks/work", "POST", body, url, X_Hub_Signature=signed)[0] == 202
            until(lambda: stream.changed() and "1 of 100 things" in served.ask("/key-results/result")[1])
            assert served.end() == 0, "a listener keeps the service from ending"
            assert stream.ended()
        assert [each["unfinished"] for each in served.told("ended")] == [False]


def test_a_page_that_fails_is_logged_by_its_path_and_kind_alone(small: Office) -> None:
    with serving(small.headway) as served:
        until(lambda: served.number(VALUE) == 0)
        with small.headway.plain() as connection:
            connection.execute("ALTER TABLE hold RENAME TO gone")
        code, said = served.ask("/activity?key_result=a-secret")
        assert (code, "The database does not answer" in said) == (503, True)
        with small.headway.plain() as connection:
            connection.execute("ALTER TABLE gone RENAME TO hold")
        until(lambda: served.ask("/activity")[0] == 200)
        told = served.told("page failed")
        assert [(each["level"], each["path"], each["error"]) for each in told] == [
            ("error", "/activity", "OperationalError")
        ]
        assert "a-secret" not in str(told)
