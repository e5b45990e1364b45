"""What stands between a connector and its tracker: hands requests on, remembers them, and spoils one answer."""

from urllib.parse import urlsplit

import urllib3

from connectors.conformance.loopback import Handler, Loopback, Stranger
from connectors.conformance.troubles import Reply, Trouble

_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "content-length"))


class Relay(Loopback):
    """The tracker at `url`, as far as the connector can see; addresses in answers name the relay, too."""

    def __init__(self, tracker: str) -> None:
        parts = urlsplit(tracker)
        self._tracker = f"{parts.scheme}://{parts.netloc}"
        self._pool = urllib3.PoolManager(timeout=30)
        self._spoilt: tuple[int, Trouble] | None = None
        self._first: dict[str, Reply] = {}
        self.stranger = Stranger()
        self.names_stranger = False
        """Whether every address in an answer names the stranger instead of the tracker."""
        self.repeats = False
        """Whether a path is answered for ever as the first time, whatever the query says."""
        super().__init__()
        self.url = self.origin + parts.path

    def spoil(self, position: int, trouble: Trouble) -> None:
        """Spoil one answer: position 0 is the next request's."""
        self._spoilt = (len(self.asked) + position + 1, trouble)

    @property
    def spoiling(self) -> bool:
        """Whether the answer to be spoilt was not asked for yet, or could not be spoilt."""
        return self._spoilt is not None

    def calm(self) -> None:
        self._spoilt = None

    def close(self) -> None:
        super().close()
        self.stranger.close()
        self._pool.clear()

    def serve(self, handler: Handler, body: bytes) -> None:
        trouble = None
        if self._spoilt and self._spoilt[0] == len(self.asked):
            trouble = self._spoilt[1]
        asked = self.asked[-1]
        if trouble and trouble.drops:
            self.calm()
            handler.drop()
            return
        if trouble and not trouble.cuts:  # whatever the tracker says, this comes instead
            self.calm()
            self._send(handler, trouble.instead(asked.authorization, self.stranger.origin))
            return
        reply = self._kept(asked.target.partition("?")[0], self._true(handler, body))
        half = trouble.cut(reply) if trouble else None
        if half is not None:
            self.calm()
        self._send(handler, half or reply, torn=bool(half and trouble and trouble.tears))

    def _send(self, handler: Handler, reply: Reply, *, torn: bool = False) -> None:
        handler.answer(reply.status, reply.headers, reply.body, torn=torn)

    def _true(self, handler: Handler, body: bytes) -> Reply:
        """Return what the tracker answers; asking it uncompressed keeps addresses in it readable."""
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in _HOP | {"host"}}
        answer = self._pool.request(
            handler.command,
            self._tracker + handler.path,
            headers={**headers, "Accept-Encoding": "identity"},
            body=body or None,
            retries=False,
            redirect=False,
        )
        told = {name: self._here(value) for name, value in answer.headers.items() if name.lower() not in _HOP}
        return Reply(answer.status, told, self._here(answer.data.decode("latin-1")).encode("latin-1"))

    def _here(self, text: str) -> str:
        return text.replace(self._tracker, self.stranger.origin if self.names_stranger else self.origin)

    def _kept(self, path: str, reply: Reply) -> Reply:
        return self._first.setdefault(path, reply) if self.repeats else reply
