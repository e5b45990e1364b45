"""The work of a fictional company as its three trackers keep it: plain data, and the edits that people make."""

from sandbox.planning import Planning
from sandbox.working import Working


class World(Working, Planning):
    """Everything the three trackers hold (`sandbox.holdings`), and the edits of items and of what they are in."""
