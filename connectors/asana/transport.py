"""One request to Asana: it writes the request, `connectors.line.Line` sends it.

Requests are few and plain, so no library writes them: Asana's own client takes 60 ms to import, starts threads, hangs
handlers on loggers, and of all it does only an address and a header would be left (asana 5.4).
"""

from collections.abc import Collection, Mapping
from dataclasses import field
from urllib.parse import quote, urlencode

from connectors.asana.settings import Settings
from connectors.contract import CredentialsRefused, Stop
from connectors.http import error_for, parsed, sendable
from connectors.line import Line, Route
from okrs.immutable import immutable


@immutable
class Ask:
    """One question: the path with names in braces, what they stand for, the query; `what` names it for people."""

    what: str
    path: str
    ids: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)

    def below(self, root: str) -> str:
        """Return the whole address; what stands for a name stays one part of the path, whatever it holds."""
        address = root + self.path.format_map({name: quote(one, safe="") for name, one in self.ids.items()})
        return f"{address}?{urlencode(self.query)}" if self.query else address


class Transport:
    """Asks with one token at one address; used by one thread."""

    def __init__(self, settings: Settings, line: Line | None = None) -> None:
        """Raises CredentialsRefused when the token has signs that no HTTP header can carry, Stop as `Line` does."""
        token = settings.token.get_secret_value()
        if not sendable(token):
            raise CredentialsRefused("The Asana token is empty or holds spaces, line ends or other foreign signs.")
        self.line = line or Line(Route(settings.url, settings.proxy, settings.ca_bundle))
        self.status = 0
        """HTTP status of the last answer; 0 when none came."""
        self._root = settings.url
        self._headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}

    def get(self, ask: Ask, *also: int) -> object:
        """Return the parsed body of a 2xx answer, or of one whose status is in `also`.  Raises ConnectorError."""
        return self._asked("GET", ask, self._headers, None, also)

    def post(self, ask: Ask, body: bytes) -> object:
        """Send JSON where the route allows it; return the parsed body of a 2xx answer.  Raises ConnectorError."""
        return self._asked("POST", ask, {**self._headers, "Content-Type": "application/json"}, body, ())

    def _asked(
        self, method: str, ask: Ask, headers: Mapping[str, str], body: bytes | None, also: Collection[int]
    ) -> object:
        self.status = 0
        answer = self.line.ask(method, ask.below(self._root), ask.what, headers, body)
        self.status = answer.status
        if not 200 <= answer.status <= 299 and answer.status not in also:
            if answer.status == 402:
                raise Stop(f"Asana offers {ask.what} in its paid plans only (402).")
            raise error_for(answer.status, answer.headers, ask.what)
        return parsed(answer.body, ask.what)

    def close(self) -> None:
        self.line.close()
