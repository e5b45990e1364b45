"""What urllib3 raises, as one of our errors: one sentence, without its words, which may hold the token."""

from http.client import BadStatusLine, RemoteDisconnected

from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from connectors.contract import ConnectorError, MalformedAnswer, TryLater, Unreachable


def trouble(error: Exception, what: str, tracker: str, proxy: str | None = None) -> ConnectorError:
    """Return our error for a failed request; `what` names what was asked.

    `tracker` and `proxy` are where they live, as `place` says it: never whole addresses, which may hold a password.
    """
    again = "try again later"
    match error:
        case SSLError() if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return Unreachable(
                f"The tracker's certificate was not accepted for {what}: check `url`; where the network has a "
                "certificate authority of its own, name its file under `ca_bundle:`."
            )
        case ProxyError() if "407" in str(error):
            return proxy_login()
        case ProtocolError(args=(_, BadStatusLine() as inner)) if not isinstance(inner, RemoteDisconnected):
            return MalformedAnswer(f"What answered for {what} does not speak HTTP: check `url` and the proxy.")
        case SSLError():
            told = f"TLS with the tracker at {tracker} failed"
        case ProxyError(original_error=ConnectTimeoutError() as inner):
            told = f"There is no connection to the proxy at {proxy}"
            again = f"{_cause(inner)}; check `proxy` or the environment's, and the network"
        case ProxyError():
            told = f"The proxy at {proxy} did not let the request through to {tracker}"
        case ConnectTimeoutError():
            told = f"There is no connection to the tracker at {tracker}"
            again = f"{_cause(error)}; check `url` and the network"
        case ReadTimeoutError():
            told = f"The tracker at {tracker} did not answer in time"
        case ValueError():  # no URL, no header; HTTPError too, where it is one
            return Unreachable(f"The request for {what} cannot be written: check `url` and credentials of the source.")
        case _:
            told = f"The connection to the tracker at {tracker} broke"
    return TryLater(f"{told} when asked for {what}: {again}.")


def _cause(error: ConnectTimeoutError) -> str:
    """Say why there is no connection.  urllib3 tells an unknown name, and a refusal, as special kinds of a time-out."""
    if isinstance(error, NameResolutionError):
        return "this machine knows no host of that name"
    if isinstance(error, NewConnectionError):
        refused = isinstance(error.__cause__, ConnectionRefusedError)
        return "the connection was refused" if refused else "the network has no way there"
    return "it did not answer in time"


def proxy_login() -> Unreachable:
    """Return the error of a proxy that does not know us; the tracker never answers 407."""
    return Unreachable(
        "The proxy wants credentials (407): write them into its address, as http://user:password@host:3128."
    )
