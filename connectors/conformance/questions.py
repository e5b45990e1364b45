"""Everything that may be asked of a connector, one question at a time, and what comes of a spoilt answer."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial

from connectors.conformance.author import Trial, resolved
from connectors.conformance.overhearing import overheard
from connectors.conformance.relay import Relay
from connectors.conformance.secrecy import leak
from connectors.conformance.troubles import Trouble
from connectors.conformance.walking import P, Reading, news, read, walked
from connectors.contract import Connector, ConnectorError, Container, Cursor, IdPage, Page
from okrs.demand import Family
from okrs.immutable import immutable, replace
from okrs.work import Ref


@immutable
class Question:
    """One call; `fresh` ones are the first of a new connection, the others come after `containers`."""

    name: str
    ask: Callable[[Connector], object]
    fresh: bool = False


@immutable
class Outcome:
    """What came of a question, one of whose answers was spoilt."""

    question: str
    trouble: Trouble
    request: str
    """The one that was not truly answered, as `GET /projects/1`."""
    true: object
    """What the question is answered when nothing is spoilt."""
    answer: object
    error: BaseException | None
    leak: str
    """Where the token or the tracker's words stand, that must stand nowhere; "" when they do not."""
    strayed: int
    """How many requests went to the stranger."""
    said: str = ""
    """What was printed, or logged with the token in it."""

    def __str__(self) -> str:
        came = f"{type(self.error).__name__}({self.error})" if self.error else f"the answer {self.answer!r}"
        return f"{self.question}: {self.trouble.name} for {self.request} became {came[:400]}"


@immutable
class Asking:
    """A connection that knows its containers; every question is asked by a twin of it, or by a new connection."""

    trial: Trial
    relay: Relay
    base: Connector
    boxes: Sequence[Container]

    @classmethod
    def of(cls, trial: Trial) -> "Asking":
        assert trial.web is not None
        base = trial.open()
        return cls(trial, trial.web, base, resolved(base))

    def questions(self) -> Sequence[Question]:
        """Return the questions: every page of every walk is one, so that trouble meets each of them once."""
        trial, demand = self.trial, self.trial.author.demand
        before = trial.now()
        held = [read(trial.twin(self.base), box, trial.cursor(), demand) for box in self.boxes]
        trial.change()
        some = [Ref(item.id, item.key) for item in (held[0].items[0], held[0].items[-1])]
        asked = [
            Question("containers", lambda one: one.containers(), fresh=True),
            Question("check", lambda one: one.check(), fresh=True),
            Question("discover", lambda one: one.discover(), fresh=True),
            Question("look_up", lambda one: one.look_up(self.boxes[0], some, demand)),
        ]
        for box, mirror in zip(self.boxes, held, strict=True):
            asked += self._of_container(box, mirror, before)
        if query := trial.author.query:
            asked += self._pages("what a query finds", lambda one, resume: one.matching(query, resume))
        if above := trial.author.above:
            asked += self._pages("what lies outside", lambda one, resume: one.outside(Family(above, deep=True), resume))
        return asked

    def _of_container(self, box: Container, mirror: Reading, before: datetime) -> Iterator[Question]:
        demand, whole = self.trial.author.demand, self.trial.cursor()

        def listed(since: Cursor, one: Connector, resume: str | None) -> Page:
            return one.changed(box, replace(since, resume=resume), demand)

        def counted(one: Connector, resume: str | None) -> IdPage:
            return one.census(box, demand, resume)

        yield from self._pages(f"a read of {box.name}", partial(listed, whole))
        yield from self._pages(
            f"what changed in {box.name}", partial(listed, replace(news(mirror, whole), since=before))
        )
        yield from self._pages(f"a census of {box.name}", counted)

    def _pages(self, name: str, ask: Callable[[Connector, str | None], P]) -> Iterator[Question]:
        """Walk once, and yield the question for each page that there is."""
        for number, resume in enumerate(walked(partial(ask, self.trial.twin(self.base))), 1):
            yield Question(f"page {number} of {name}", partial(_of_page, ask, resume))

    def connection(self, question: Question) -> Connector:
        return self.trial.open() if question.fresh else self.trial.twin(self.base)

    def outcomes(self, question: Question, troubles: Sequence[Trouble]) -> Iterator[Outcome]:
        """Ask once truly, then once for each request of it and each trouble."""
        begin = len(self.relay.asked)
        true = question.ask(self.connection(question))
        requests = [f"{one.method} {one.target}" for one in self.relay.asked[begin:]]
        for position, request in enumerate(requests):
            for trouble in troubles:
                outcome = self._spoilt(question, position, trouble, request, true)
                if not self.relay.spoiling:
                    yield outcome
                self.relay.calm()

    def _spoilt(self, question: Question, position: int, trouble: Trouble, request: str, true: object) -> Outcome:
        connector, strangers = self.connection(question), len(self.relay.stranger.asked)
        self.relay.spoil(position, trouble)
        answer, error = None, None
        with overheard() as heard:
            try:
                answer = question.ask(connector)
            except Exception as raised:
                error = raised
        secrets = {self.trial.author.token, *(one.authorization for one in self.relay.asked)} - {""}
        secrets |= {secret.partition(" ")[2] for secret in secrets} - {""}
        strayed = len(self.relay.stranger.asked) - strangers
        where = leak(answer, error, secrets)
        if error is not None:
            _forget_frames(error)
        return Outcome(question.name, trouble, request, true, answer, error, where, strayed, heard.of(secrets))


def _of_page(ask: Callable[[Connector, str | None], P], resume: str | None, connector: Connector) -> P:
    return ask(connector, resume)


def _forget_frames(error: BaseException) -> None:
    """Let go of the connections that a traceback holds open."""
    known: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is not None and id(one) not in known:
            known.add(id(one))
            one.__traceback__ = None
            todo += [one.__cause__, one.__context__]


def is_typed(outcome: Outcome) -> bool:
    """Tell whether a question ended in one of the errors that its trouble asks for."""
    error, trouble = outcome.error, outcome.trouble
    if not isinstance(error, ConnectorError) or not isinstance(error, trouble.wanted):
        return False
    return not isinstance(error, trouble.never)
