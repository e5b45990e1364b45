"""Laws of a connector that speaks HTTP: what it sends, where to, how often, and what failures become."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager

from connectors.conformance.author import Mover, Tracker, Trial, resolved
from connectors.conformance.failures import FailureLaws, is_partial
from connectors.conformance.identities import IdentityLaws
from connectors.conformance.items import ItemLaws
from connectors.conformance.pages import PageLaws
from connectors.conformance.questions import Asking, Question, is_typed
from connectors.conformance.relay import Relay
from connectors.conformance.settings import AddressLaws, SettingsLaws
from connectors.conformance.walking import census, news, read
from connectors.contract import ConnectorError, MalformedAnswer
from okrs.immutable import replace

_QUIET = 3
"""Requests for each container in a run in which nothing changed."""


class HttpConformance(SettingsLaws, AddressLaws, ItemLaws, PageLaws, IdentityLaws, FailureLaws):
    """Inherit it, and say what `connectors.conformance.author.Author` asks, and `tracker`."""

    posts: frozenset[str] = frozenset()
    """Paths below the address of the tracker that are asked by POST and change nothing."""
    extra: int = 0
    """Requests of a quiet poll beyond three a container: walks of sub-tasks, boards whose sprints are demanded."""

    def tracker(self) -> AbstractContextManager[Tracker]:
        """Return a fresh tracker, always with the same items."""
        raise NotImplementedError

    @contextmanager
    def trial(self) -> Iterator[Trial]:
        with (
            self.tracker() as tracker,
            Relay(tracker.url) as relay,
            closing(Trial(self, relay.url, tracker.now, tracker.change, web=relay)) as trial,
        ):
            trial.move = tracker.move if isinstance(tracker, Mover) else None
            yield trial

    # what is sent

    def test_it_only_reads(self) -> None:
        with self.trial() as trial:
            asking = Asking.of(trial)
            for question in asking.questions():
                question.ask(asking.connection(question))
            asked = {(one.method, one.target.partition("?")[0]) for one in asking.relay.asked}
            root = asking.relay.url.removeprefix(asking.relay.origin)
            wrong = {
                (method, path)
                for method, path in asked
                if method != "GET" and (method != "POST" or path.removeprefix(root) not in self.posts)
            }
            assert not wrong, f"requests that could change something: {sorted(wrong)}"

    def test_requests_are_counted(self) -> None:
        with self.trial() as trial:
            asking = Asking.of(trial)
            for question in asking.questions():
                connector, begin = asking.connection(question), len(asking.relay.asked)
                counted = connector.requests
                question.ask(connector)
                sent = len(asking.relay.asked) - begin
                assert connector.requests - counted == sent, f"{question.name} took {sent} requests, told otherwise"

    def test_requests_say_who_asks(self) -> None:
        """GitHub refuses a request without a `User-Agent`, and administrators look for one in their logs."""
        with self.trial() as trial:
            asking = Asking.of(trial)
            for question in asking.questions():
                question.ask(asking.connection(question))
            agents = {one.agent for one in asking.relay.asked}
            assert all("headway/" in agent for agent in agents), f"`User-Agent` is {sorted(agents)}: leave it to Line"

    def test_a_twin_is_a_connection_of_its_own(self) -> None:
        """Two threads would speak through one socket otherwise, and count each other's requests."""
        with self.trial() as trial:
            asking = Asking.of(trial)
            twin, counted = trial.twin(asking.base), asking.base.requests
            assert twin is not asking.base, "`twin` is the connector itself, which another thread uses"
            read(twin, asking.boxes[0], trial.cursor(), self.demand)
            assert asking.base.requests == counted, "what a twin asks is counted by the connector that it came from"

    def test_a_twin_asks_nothing_anew(self) -> None:
        with self.trial() as trial:
            asking = Asking.of(trial)
            costs = []
            for connector in (asking.base, trial.twin(asking.base)):
                begin = len(asking.relay.asked)
                read(connector, asking.boxes[0], trial.cursor(), self.demand)
                costs.append(len(asking.relay.asked) - begin)
            assert costs[1] <= costs[0], f"reading took {costs[0]} requests, and {costs[1]} on a twin"

    def test_a_quiet_poll_is_cheap(self) -> None:
        with self.trial() as trial:
            first = trial.open()
            before = [read(first, box, trial.cursor(), self.demand) for box in resolved(first)]
            relay = trial.web
            assert relay is not None
            begin, later = len(relay.asked), trial.open()
            for held, box in zip(before, resolved(later), strict=True):
                read(later, box, replace(news(held, trial.cursor()), since=trial.now()), self.demand)
            sent = [f"{one.method} {one.target}" for one in relay.asked[begin:]]
            allowed = _QUIET * len(self.containers) + self.extra
            assert len(sent) <= allowed, f"nothing changed, and {len(sent)} requests were sent ({allowed}): {sent}"

    def test_closing_hangs_up(self) -> None:
        with self.trial() as trial:
            connector = trial.open()
            resolved(trial.twin(connector))
            resolved(connector)
            trial.close()
            assert trial.web is not None
            assert trial.web.alone(), "connections stay open after close()"

    def test_the_token_goes_nowhere_else(self) -> None:
        for outcome in self.outcomes(range(300, 400)):
            assert not outcome.strayed, f"{outcome}, and the redirect was followed"
            assert is_typed(outcome) or (outcome.error is None and is_partial(outcome)), str(outcome)
        with self.trial() as trial:
            asking = Asking.of(trial)
            questions = asking.questions()
            asking.relay.names_stranger = True  # from here on every address in an answer is another server's
            walks = [
                Question("a read", lambda one: read(one, asking.boxes[0], trial.cursor(), self.demand)),
                Question("a census", lambda one: census(one, asking.boxes[0], self.demand)),
            ]
            for question in [*questions, *walks]:
                try:
                    question.ask(asking.connection(question))
                except ConnectorError:
                    continue
            strayed = asking.relay.stranger.asked
            assert not strayed, f"an address out of an answer was asked, at another server: {strayed}"

    def test_a_listing_that_repeats_itself_is_given_up(self) -> None:
        with self.trial() as trial:
            connector = trial.open()
            box = resolved(connector)[0]
            assert trial.web is not None
            trial.web.repeats = True  # from here on every page is answered as the first
            try:
                read(connector, box, trial.cursor(), self.demand)
            except MalformedAnswer:
                return
