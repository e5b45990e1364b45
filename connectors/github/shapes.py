"""What is read of GitHub's listings; an issue tells ten times as much, most of it addresses.

https://docs.github.com/en/rest/issues/issues#list-repository-issues
"""

from typing import Any, Final, TypedDict

from connectors.shape import Named, Numbered, Shape


class _Person(TypedDict, total=False):
    login: Any


class _Pull(TypedDict, total=False):
    merged_at: Any


class _Issue(TypedDict, total=False):
    """An issue or a pull request, as `normalise.issue` and what is asked beside it read it."""

    id: Any
    node_id: Any
    number: Any
    title: Any
    html_url: Any
    state: Any
    state_reason: Any
    draft: Any
    created_at: Any
    updated_at: Any
    closed_at: Any
    parent_issue_url: Any
    type: Named | None
    pull_request: _Pull | None
    milestone: Numbered | None
    labels: list[Named | str]
    assignees: list[_Person]


ISSUES: Final[Shape[list[_Issue]]] = Shape(list[_Issue])
