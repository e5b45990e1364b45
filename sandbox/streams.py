"""The kinds of work of the fictional company: what the key results of `sandbox.scenario` follow, and the rest."""

from dataclasses import dataclass

LAUNCH_MILESTONE = "Go live in Europe"
LAUNCH_CHECKLIST = "Launch day checklist"
ONE_CLICK = "One-click checkout"
ONE_CLICK_WEB = "One-click v1"
RELEASE = "Checkout 3.2"
NEXT_RELEASE = "Checkout 3.3"
STOREFRONT = "Storefront 2.0"

# Ids count up from the same beginning in every company, so that what stands before any work has fixed ones.
EPIC_KEY = "PAY-1"
CHECKLIST_GID = "1204000000000010"
ASANA_PROJECTS = ("1204000000000001", "1204000000000006")


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of work: `count` items in eight weeks, of which the given shares are closed and begun by the end."""

    project: str
    """The name of the project."""
    count: int
    verb: str
    things: tuple[str, ...]
    closed: float = 0.5
    doing: float = 0.15
    type: str = ""
    labels: tuple[str, ...] = ()
    parent: str = ""
    """Title of the item above."""
    milestone: str = ""
    section: str = ""
    points: bool = False
    pull: bool = False
    blocks: str = ""
    """Title of the Asana milestone that waits for these tasks."""


_CHECKOUT = (
    "coupons",
    "the basket",
    "saved cards",
    "guest checkout",
    "VAT numbers",
    "gift cards",
    "the receipt mail",
    "3-D Secure",
)
_PAGES = (
    "the product page",
    "search",
    "the basket page",
    "the account page",
    "category lists",
    "the header",
    "image galleries",
)
_COUNTRIES = ("Austria", "Belgium", "Denmark", "Portugal", "Sweden")
_ASANA = "default_task"

STREAMS = (
    Stream("Payments", 34, "Fix a crash in", _CHECKOUT, 0.45, type="Bug", labels=("p1", "checkout")),
    Stream("Payments", 6, "Flaky test of", _CHECKOUT, 0.5, type="Bug", labels=("p1", "test-only")),
    Stream("Payments", 62, "Wrong amount shown in", _CHECKOUT, 0.5, type="Bug", labels=("p2",), milestone=NEXT_RELEASE),
    Stream("Payments", 30, "Buy with one click from", _CHECKOUT, 0.4, type="Story", parent=ONE_CLICK, points=True),
    Stream(
        "Payments",
        26,
        "Ship the new",
        _CHECKOUT,
        0.5,
        type="Story",
        milestone=RELEASE,
        parent="Fraud rules",
        points=True,
    ),
    Stream(
        "Payments",
        40,
        "Automate refunds for",
        _CHECKOUT,
        0.5,
        type="Story",
        parent="Refunds by themselves",
        points=True,
    ),
    Stream("Payments", 24, "Connect a bank to", _CHECKOUT, 0.5, type="Task", parent="New bank partners", points=True),
    Stream("Payments", 30, "Write tests for", _CHECKOUT, 0.5, type="Sub-task", parent="Buy with one click from"),
    Stream(
        "Platform",
        70,
        "Move to the new cluster:",
        _CHECKOUT,
        0.55,
        0.12,
        type="Task",
        labels=("platform",),
        points=True,
    ),
    Stream("web", 24, "One-click button on", _PAGES, 0.4, milestone=ONE_CLICK_WEB, labels=("checkout",)),
    Stream("web", 34, "Redesign", _PAGES, 0.45, milestone=STOREFRONT, type="Feature"),
    Stream("web", 34, "Screen readers stumble over", _PAGES, 0.4, labels=("accessibility",), type="Bug"),
    Stream("web", 36, "Load faster:", _PAGES, 0.5, labels=("performance",), pull=True),
    Stream("web", 26, "Redesign, part of", _PAGES, 0.6, milestone=STOREFRONT, pull=True),
    Stream("api", 16, "Cache answers for", _PAGES, 0.5, labels=("performance",), pull=True),
    Stream("api", 22, "Wrong status code for", _PAGES, 0.5, type="Bug"),
    Stream(
        "Launch Europe", 26, "Prepare", _COUNTRIES, 0.4, type=_ASANA, section="Preparation", blocks=LAUNCH_MILESTONE
    ),
    Stream("Launch Europe", 18, "Check on launch day:", _COUNTRIES, 0.35, type=_ASANA, parent=LAUNCH_CHECKLIST),
    Stream(
        "Launch Europe", 20, "Advertise in", _COUNTRIES, 0.5, type=_ASANA, section="Marketing", labels=("campaign",)
    ),
    Stream(
        "Launch Europe",
        12,
        "Approve the terms for",
        _COUNTRIES,
        0.4,
        type="approval",
        section="Legal",
        labels=("legal",),
    ),
    Stream(
        "Customer research",
        34,
        "Interview a customer in",
        _COUNTRIES,
        0.4,
        type=_ASANA,
        section="Interviews",
        labels=("interview",),
    ),
    Stream("Customer research", 14, "Sum up what we heard in", _COUNTRIES, 0.5, type=_ASANA, section="Reports"),
)
