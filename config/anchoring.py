"""Where anchors go: to a file of their own, and never into the database that they are to vouch for."""

from pathlib import Path

from config.interpolation import has_placeholder
from config.problems import Problems
from config.tree import Spot
from store.database import place_of

LOG = "log"
"""What `to` says when no file is meant."""

_BESIDE = ("", "-wal", "-shm", "-journal")
"""What SQLite's own files are called behind the database's name."""


def check_anchor(root: Spot, folder: Path, database: str, problems: Problems) -> None:
    """Refuse the database's files and the folder itself as a file of anchors."""
    anchor = root.get("anchor")
    to = anchor.get("to") if anchor else None
    if to is None or to.text is None or to.text == LOG or not to.text.strip():
        return  # the usual file, no file, or the schema says so
    if complaint := _complaint(folder / to.text, database):
        problems.error(to, complaint)


def _complaint(path: Path, database: str) -> str:
    try:
        found, folder = path.resolve(), path.is_dir()
    except PermissionError:  # where those who write the config may not look: whoever keeps the anchors may
        return ""
    except (OSError, ValueError, RuntimeError):  # too long, a sign that no path holds, links in a circle
        return "this is not the path of a file: write one as anchors.jsonl"
    if folder:
        return "this is a folder: name a file in it, as anchors.jsonl"
    if database.startswith("sqlite") and not has_placeholder(database):
        place = place_of(database)
        if any(found == Path(f"{place}{end}").resolve() for end in _BESIDE):
            return "this is the database itself: anchors are kept outside of it, name another file"
    return ""
