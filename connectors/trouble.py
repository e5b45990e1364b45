"""What urllib3 raises, as one of our errors: one sentence, without its words, which may hold the token."""

from http.client import BadStatusLine, RemoteDisconnected

from urllib3.exceptions import (
    ConnectTimeoutError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from connectors.contract import ConnectorError, MalformedAnswer, TryLater, Unreachable


def trouble(error: Exception, what: str) -> ConnectorError:
    """Return our error for a failed request; `what` names what was asked."""
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
            told = "TLS failed"
        case ProxyError():
            told = "The proxy did not let the request through"
        case ConnectTimeoutError() | ReadTimeoutError() if not isinstance(error, NewConnectionError):
            told = "The tracker did not answer in time"
        case NewConnectionError():
            told = "There is no connection to the tracker"
        case ValueError():  # no URL, no header; HTTPError too, where it is one
            return Unreachable(f"The request for {what} cannot be written: check `url` and credentials of the source.")
        case _:
            told = "The connection to the tracker broke"
    return TryLater(f"{told} when asked for {what}; it is asked again later.")


def proxy_login() -> Unreachable:
    """Return the error of a proxy that does not know us; the tracker never answers 407."""
    return Unreachable(
        "The proxy wants credentials (407): write them into its address, as http://user:password@host:3128."
    )
