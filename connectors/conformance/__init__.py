"""The laws that every connector keeps, as tests to inherit: the author says how to open it, the laws come for nothing.

A connector that speaks HTTP is put before any server its author has: an emulated tracker of fifty lines will do.  It
need not know how to fail, nor count: the laws place a relay before it, which hands requests on, remembers them, and
spoils one answer after the other.

    from connectors.conformance import Golden, HttpConformance

    class TestTracker(HttpConformance):
        connector = headway_tracker                  # the module with `Settings` and `connect`
        containers = ("SHOP", "BLOG")                # as a config names them; the first one has the most items
        unknown = "GONE"                             # a name that the tracker does not know
        absent = "999"                               # an id that no item has
        token = "a-token-of-this-test"

        @contextmanager
        def tracker(self):                           # a new one for every law
            with MyFakeTracker() as fake:
                yield fake                           # with `url`, `now()` and `change()`, see `Tracker`

        def keys(self, where, names):                # a source of the config; `where` is the address to ask
            return {"connector": "tracker", "url": where, "token": self.token, "projects": names}

        def goldens(self):                           # payloads beside the items they must become
            return [Golden(HERE / "tasks.json", HERE / "tasks.items.json", items_of)]

A connector that reads a file inherits `FileConformance`: no `tracker`, but `contents` of a good file and `later`, the
same file after an edit.  Everything else that can be said stands in `connectors.conformance.author`.  pytest runs the
tests; nothing here imports it.
"""

from connectors.conformance.author import Golden, Tracker
from connectors.conformance.files import FileConformance
from connectors.conformance.web import HttpConformance

__all__ = ["FileConformance", "Golden", "HttpConformance", "Tracker"]
