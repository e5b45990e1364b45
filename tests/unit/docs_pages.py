"""The documents as tests see them: pages, fenced blocks with what a comment says of them, whole configs made of parts.

A comment right before a block says what it is:

    <!-- sources -->            entries of `sources:`
    <!-- objectives -->         entries of `objectives:`
    <!-- key_results -->        key results of one objective
    <!-- mappings start=10 -->  entries of `mappings:`; words behind it are keys of the key results they feed
    <!-- mappings worked -->    the same; a table of tickets and the value they give follow
                                `before=3` is the value until then
    <!-- top -->                top-level keys
    <!-- team -->               a team's file of a folder
    <!-- cases -->             a file of cases; the config before it is the one they are tried on
    <!-- mistakes NAME= -->     a whole config whose problems are listed in the block after it; NAME is not set
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = tuple(sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]))

_COMMENT = re.compile(r"<!-- (.+) -->")
_FENCE = re.compile(r"```(\w*)")

_CYCLES = "cycles:\n  - {id: 2026-Q4, start: 2026-10-01, end: 2026-12-31}\n"
_SOURCES = """\
sources:
  pay-jira:
    connector: jira
    url: https://acme.atlassian.net
    email: headway@acme.example
    token: ${JIRA_TOKEN}
    projects: [PAY]
    fields: {story_points: customfield_10016}
  web-github: {connector: github, token: "${GITHUB_TOKEN}", repositories: [acme/web]}
  launch-asana: {connector: asana, token: "${ASANA_TOKEN}", projects: ["1204000000000001"]}
"""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    """Of the fence, 1-based."""
    language: str
    mark: str
    """What the comment before it says; empty without one."""
    text: str
    rest: str
    """The page behind the block."""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def word(self) -> str:
        return self.mark.split(" ")[0]

    @property
    def told(self) -> dict[str, str]:
        """What the comment says as `key=value`."""
        return dict(word.split("=", 1) for word in self.mark.split(" ")[1:] if "=" in word)


@cache
def blocks() -> tuple[Block, ...]:
    """Every fenced block of every page."""
    return tuple(block for page in PAGES for block in _blocks(page))


def yaml_blocks(*words: str) -> list[Block]:
    """The YAML blocks whose comment begins with one of the words; "" stands for whole configs."""
    return [block for block in blocks() if block.language == "yaml" and block.word in words]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def _blocks(page: Path) -> list[Block]:
    lines = page.read_text(encoding="utf-8").splitlines()
    found: list[Block] = []
    at = 0
    while at < len(lines):
        fence = _FENCE.fullmatch(lines[at])
        if fence is None:
            at += 1
            continue
        end = lines.index("```", at + 1)
        comment = _COMMENT.fullmatch(lines[at - 1]) if at else None
        text, rest = "\n".join(lines[at + 1 : end]) + "\n", "\n".join(lines[end + 1 :])
        found.append(Block(page, at + 1, fence[1], comment[1] if comment else "", text, rest))
        at = end + 1
    return found


def whole(block: Block) -> str:
    """Make a complete config of a block."""
    match block.word:
        case "" | "mistakes":
            return block.text
        case "sources":
            return _document("sources:\n" + _indented(block.text))
        case "objectives":
            return _document(_SOURCES, "objectives:\n" + _indented(block.text))
        case "key_results":
            return _document(_SOURCES, _objective(block.text))
        case "mappings":
            return _document(_SOURCES, _fed(block), "mappings:\n" + _indented(block.text))
        case "top":
            feeds = "key_result:" in block.text and "objectives:" not in block.text
            return _document(_SOURCES, _fed(block) if feeds else "", block.text)
        case "team":
            return _document(_SOURCES)
    raise ValueError(f"{block}: {block.word!r} is not a word for a block")


def _document(*sections: str) -> str:
    text = "".join(sections)
    head = "version: 1\n"
    head += "" if re.search("^database:", text, re.MULTILINE) else "database: sqlite:///headway.db\n"
    head += "" if re.search("^cycles:", text, re.MULTILINE) else _CYCLES
    return head + text


def _objective(key_results: str) -> str:
    return "objectives:\n  - id: example\n    cycle: 2026-Q4\n    title: An example\n    key_results:\n" + _indented(
        key_results, 6
    )


def _fed(block: Block) -> str:
    """Objectives with the key results that the block's mappings feed."""
    keys = {"start": "0", "target": "100"}
    keys |= {key: value for key, value in block.told.items() if key not in ("before", "now")}
    told = ", ".join(f"{key}: {value}" for key, value in keys.items())
    names = re.findall(r"key_result: ([\w.-]+)", block.text)
    return _objective("".join(f"- {{id: {name}, title: About {name}, {told}}}\n" for name in names))


def _indented(text: str, by: int = 2) -> str:
    return "".join(" " * by + line + "\n" for line in text.splitlines())
