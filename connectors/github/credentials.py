"""Who asks: a token of the config, or a GitHub App, whose installation's token lives an hour and in memory only."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Protocol

from connectors.contract import CredentialsRefused, MalformedAnswer, Stop
from connectors.github.answer import Answer
from connectors.github.payload import moment
from connectors.github.settings import App, Settings
from connectors.http import sendable

_SPARE = timedelta(minutes=5)
"""A token that ends sooner is renewed before it is used."""

AskAsApp = Callable[[str, str, str, str], Answer]
"""Send one request with the App's own signature: (signature, method, path, what)."""


class Credentials(Protocol):
    """What all connections of a source share to sign in."""

    identity: str
    """The same for the same rights; secret."""

    def token(self, told: datetime | None, ask: AskAsApp) -> str:
        """Return a token that is good at that time by GitHub's clock.  Raises ConnectorError."""

    def refused(self, token: str) -> bool:
        """Forget a token that GitHub refused (401); tell whether asking for another one may help."""


class PersonalToken:
    """The token that the config names."""

    def __init__(self, token: str) -> None:
        """Raises CredentialsRefused for text that no header could carry."""
        if not sendable(token):
            raise CredentialsRefused(
                "The GitHub token is empty or holds signs that no token has: set it anew in the environment."
            )
        self.identity = token

    def token(self, told: datetime | None, ask: AskAsApp) -> str:  # noqa: ARG002 - what an App needs
        return self.identity

    def refused(self, token: str) -> bool:  # noqa: ARG002 - there is only this one
        return False


class InstalledApp:
    """The token of an App's installation, renewed when it is about to end.  Threads wait for one another.

    https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
    """

    def __init__(self, app: App) -> None:
        """Raises CredentialsRefused for a private key that cannot sign."""
        key = app.private_key.get_secret_value()
        if "\n" not in key:  # environment files hold it in one line
            key = key.replace("\\n", "\n")
        self.installation = app.installation
        self._sign = _signer(app.id, key)
        if self._sign is None:
            raise CredentialsRefused(
                "The private key of the GitHub App cannot sign: write the whole PEM file, as ${file:PATH}."
            )
        self.identity = f"{app.id} {app.installation} {key}"
        self.permissions: Mapping[str, str] = {}
        """What the installation allows, as the last token came with it."""
        self._lock = Lock()
        self._token = ""
        self._expires: datetime | None = None

    def signature(self) -> str:
        """Return a new signature of the App, good for some minutes."""
        assert self._sign is not None  # noqa: S101 - the constructor raises without one
        return self._sign()

    def token(self, told: datetime | None, ask: AskAsApp) -> str:
        with self._lock:
            ending = told is not None and self._expires is not None and self._expires - told < _SPARE
            if not self._token or ending:
                self._renew(ask)
            return self._token

    def refused(self, token: str) -> bool:
        with self._lock:
            if self._token == token:
                self._token = ""
        return True

    def _renew(self, ask: AskAsApp) -> None:
        what = "a token of the GitHub App's installation"
        path = f"/app/installations/{self.installation}/access_tokens"
        answer = ask(self.signature(), "POST", path, what)
        if answer.status == 401:
            raise CredentialsRefused(
                "GitHub refused the App's signature (401): check `id` and `private_key` of `app:`."
            )
        if answer.status == 404:
            raise CredentialsRefused(
                f"The GitHub App has no installation {self.installation} (404): check `installation` of `app:`, "
                "and that the App is still installed."
            )
        if answer.status == 403 and not answer.limited(what):
            raise CredentialsRefused(
                "GitHub gives the App no token (403): see to it that its installation is not suspended."
            )
        if answer.status != 201 and isinstance(error := answer.error(what), Stop):
            raise CredentialsRefused(str(error))  # without a token nothing of the source can be read
        told = answer.object(what, status=201)
        token = told.get("token")
        if not isinstance(token, str) or not sendable(token):
            raise MalformedAnswer(f"The answer for {what} holds no token; nothing of it was used.")
        granted = told.get("permissions")
        self.permissions = granted if isinstance(granted, dict) else {}
        self._token, self._expires = token, moment(told, "expires_at")


def credentials_of(settings: Settings) -> PersonalToken | InstalledApp:
    """Return how a source signs in.  Raises CredentialsRefused for what cannot be a token or a key."""
    if settings.app is not None:
        return InstalledApp(settings.app)
    return PersonalToken(settings.token.get_secret_value() if settings.token else "")


def _signer(app: str, key: str) -> Callable[[], str] | None:
    """Return what signs for an App, None for a key that cannot.  The library is loaded for those who need it."""
    from github.Auth import AppAuth

    try:
        sign = AppAuth(app, key).create_jwt
        return sign if key and sign() else None
    except Exception:  # the libraries below raise what they like, and their words may hold the key
        return None
