"""Laws of a connector that reads a file: what is broken is told, and never read as an empty file."""

from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from connectors.conformance.author import Trial, resolved
from connectors.conformance.identities import IdentityLaws
from connectors.conformance.items import ItemLaws
from connectors.conformance.pages import PageLaws
from connectors.conformance.settings import SettingsLaws
from connectors.conformance.walking import read
from connectors.contract import ConnectorError, MalformedAnswer, Stop, Unreadable

_HTML = b"<!DOCTYPE html><html><body>Please log in.</body></html>"


class FileConformance(SettingsLaws, ItemLaws, PageLaws, IdentityLaws):
    """Inherit it, and say what `connectors.conformance.author.Author` asks, `contents` and `later`."""

    least_pages = 1
    contents: bytes
    """A good file."""
    later: bytes
    """The same file after an edit that deletes nothing."""
    edited: tuple[str, ...]
    """Keys of the items that the edit changed."""

    @contextmanager
    def trial(self) -> Iterator[Trial]:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            path.write_bytes(self.contents)

            def change() -> Collection[str]:
                path.write_bytes(self.later)
                return self.edited

            with closing(Trial(self, str(path), lambda: datetime.now(UTC), change)) as trial:
                yield trial

    def test_a_file_that_cannot_be_read_is_told(self) -> None:
        for sort in ("missing", "a folder"):
            with self.trial() as trial:
                path = Path(trial.where)
                path.unlink()
                if sort == "a folder":
                    path.mkdir()
                error = self._error(trial)
                assert isinstance(error, Stop), f"the file is {sort}, and that became {error!r}"

    def test_what_is_no_such_file_is_told(self) -> None:
        cut = self.contents.rstrip()
        for name, bad in {
            "a page for people": _HTML,
            "cut short": cut[: -max(2, len(cut) // 50)],
            "no text": b"\xff\xfe\x00" + self.contents,
            "another JSON": b"[]\n",
            "an object without its facts": b"{}\n",
        }.items():
            with self.trial() as trial:
                Path(trial.where).write_bytes(bad)
                error = self._error(trial)
                assert isinstance(error, MalformedAnswer), f"the file is {name}, and that became {error!r}"

    def test_errors_do_not_repeat_the_file(self) -> None:
        with self.trial() as trial:
            Path(trial.where).write_bytes(_HTML)
            error = self._error(trial)
            text = f"{error} {error!r}"
            assert "Please log in" not in text, f"the error repeats what stands in the file: {text}"

    def _error(self, trial: Trial) -> object:
        """Return the error of a complete read; what is read instead, when there is none."""
        try:
            connector = trial.open()
            found = connector.containers()
            if any(isinstance(one, Unreadable) for one in found):
                return Stop(str(found))
            return read(connector, resolved(connector)[0], trial.cursor(), self.demand).items
        except ConnectorError as error:
            return error
