"""Laws of what a config may say about a source."""

import re

from pydantic import SecretStr, ValidationError

from connectors.conformance.author import Author
from connectors.settings import SourceSettings

_HERE = "http://127.0.0.1:9/root"
_SOUNDS_SECRET = re.compile(r"(^|_)(token|secret|password|passphrase|private_key|api_key)$")


class SettingsLaws(Author):
    """Closed, described, and silent about secrets."""

    def test_settings_are_closed(self) -> None:
        kind = self.connector.Settings
        assert issubclass(kind, SourceSettings), "Settings extends connectors.settings.SourceSettings"
        keys = dict(self.keys(_HERE, self.containers))
        kind.model_validate(keys)
        try:
            kind.model_validate({**keys, "no_such_key": "1"})
        except ValidationError:
            return
        raise AssertionError("a key that nobody knows is accepted: a misspelt one would be lost in silence")

    def test_every_setting_is_described(self) -> None:
        silent = [name for name, field in self.connector.Settings.model_fields.items() if not field.description]
        assert not silent, f"without a description: {', '.join(silent)}"

    def test_settings_keep_their_secret(self) -> None:
        kind = self.connector.Settings
        fields = kind.model_fields
        plain = [name for name in fields if _SOUNDS_SECRET.search(name) and "SecretStr" not in _type(kind, name)]
        assert not plain, f"not a connectors.settings.Secret: {', '.join(plain)}"
        if not self.token:
            return
        settings = self.settings(_HERE, self.containers)
        secret = [name for name in fields if isinstance(getattr(settings, name), SecretStr)]
        assert secret, "there is a token, but no field is a connectors.settings.Secret"
        for shown in (str(settings), repr(settings), str(settings.model_dump()), settings.model_dump_json()):
            assert self.token not in shown, "settings show their token"
        try:
            kind.model_validate({**self.keys(_HERE, self.containers), "no_such_key": self.token})
        except ValidationError as error:
            assert self.token not in str(error), "the complaint about a wrong key shows what was written"


class AddressLaws(Author):
    """Of sources that are asked over the network."""

    def test_addresses_keep_the_token_secret(self) -> None:
        keys = dict(self.keys(_HERE, self.containers))
        addresses = [key for key, value in keys.items() if isinstance(value, str) and value.startswith(_HERE)]
        assert addresses, "no key of the source holds the address that `keys` was given"
        for key in addresses:
            for bad in ("http://tracker.example", "ftp://127.0.0.1", "https://user:word@tracker.example", "tracker"):
                try:
                    self.connector.Settings.model_validate({**keys, key: keys[key].replace(_HERE, bad)})
                except ValidationError:
                    continue
                raise AssertionError(f"{key} accepts {bad}; connectors.settings.tracker_root knows better")
            self.connector.Settings.model_validate({**keys, key: keys[key].replace(_HERE, "https://tracker.example")})


def _type(kind: type[SourceSettings], name: str) -> str:
    return str(kind.model_fields[name].annotation)
