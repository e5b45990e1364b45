"""The two questions that only GraphQL answers, and what its answers mean: a 200 with `errors` is never emptiness.

https://docs.github.com/en/issues/planning-and-tracking-with-projects/automating-your-project/using-the-api-to-manage-projects
"""

from collections.abc import Mapping
from typing import Any

from connectors.contract import AccessDenied, ConnectorError, MalformedAnswer, RateLimited, Stop, TryLater
from connectors.github.answer import Answer
from connectors.http import error_for

BOARD = """query Board($owner: String!, $number: Int!, $first: Int!, $after: String) {
  repositoryOwner(login: $owner) {
    ... on ProjectV2Owner {
      projectV2(number: $number) {
        title
        fields(first: 100) { nodes { ... on ProjectV2FieldCommon { id name dataType } } }
        items(first: $first, after: $after) {
          pageInfo { hasNextPage endCursor }
          nodes {
            content {
              ... on Issue { number fullDatabaseId repository { databaseId } }
              ... on PullRequest { number repository { databaseId } }
            }
            fieldValues(first: 100) {
              nodes {
                ... on ProjectV2ItemFieldNumberValue { number field { ... on ProjectV2FieldCommon { id } } }
                ... on ProjectV2ItemFieldDateValue { date field { ... on ProjectV2FieldCommon { id } } }
                ... on ProjectV2ItemFieldTextValue { text field { ... on ProjectV2FieldCommon { id } } }
                ... on ProjectV2ItemFieldSingleSelectValue { name field { ... on ProjectV2FieldCommon { id } } }
                ... on ProjectV2ItemFieldIterationValue { title field { ... on ProjectV2FieldCommon { id } } }
              }
            }
          }
        }
      }
    }
  }
}"""
"""A board with one page of its items, without what was archived.  Organisations and users own boards alike.  A pull
request has another id here than among the issues of REST, so items are known by repository and number.
"""

BOARD_WITH_ARCHIVED = BOARD.replace("after: $after)", "after: $after, archivedStates: [ARCHIVED, NOT_ARCHIVED])")
"""The same with what was archived on the board, as GitHub does by itself with what was closed: done work is to keep its
points.  A server may be too old for it.  https://docs.github.com/en/graphql/reference/objects#projectv2
"""

PULLS = """query Pulls($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on PullRequest {
      id
      headRefName
      closingIssuesReferences(first: 5) { nodes { number repository { nameWithOwner } } }
    }
  }
}"""
"""The branches of pull requests, and the issues that each closes."""

_SCOPES = frozenset({"FORBIDDEN", "INSUFFICIENT_SCOPES"})
_LIMITS = frozenset({"RATE_LIMITED", "RATE_LIMIT"})
_TOO_MUCH = "RESOURCE_LIMITS_EXCEEDED"
"""One question may take only so much of GitHub: https://github.blog/changelog/2025-09-01-graphql-api-resource-limits"""
_PASSING = ("something went wrong", "timed out", "timeout", "timedout")
"""In the text of an error without a type: GitHub's own trouble."""


class TooMuch(TryLater):
    """GitHub would answer a smaller question."""


class ArgumentUnknown(Stop):
    """This server is older than an argument of the question."""


def data_of(answer: Answer, what: str, needs: str) -> dict[str, Any]:
    """Return the data of an answer.  Any error in it is raised, whatever came beside it.

    `needs` says which right the question takes, as in "the scope `read:project`".  Raises ArgumentUnknown,
    TooMuch, and any other ConnectorError.
    """
    told = answer.object(what)
    errors = told.get("errors")
    if errors:
        raise _error(errors, answer, what, needs)
    data = told.get("data")
    if not isinstance(data, dict):
        raise MalformedAnswer(f"The answer for {what} holds no data; nothing of it was used.")
    return data


def _error(errors: object, answer: Answer, what: str, needs: str) -> ConnectorError:
    """Return the error to raise: limits first, then what will pass, then what a person must do."""
    listed = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    kinds = {str(one.get("type", "")) for one in listed}
    if kinds & _LIMITS:
        limited = error_for(429, answer.headers, what)
        wait = limited.wait if isinstance(limited, RateLimited) else None
        return RateLimited(f"The tracker limits requests for {what}.", 60.0 if wait is None else wait)
    if kinds & _SCOPES:
        return AccessDenied(f"The token may not read {what}: give it {needs}.")
    if "NOT_FOUND" in kinds:
        return Stop(f"GitHub does not know {what}, or this token may not see it: check the spelling, and {needs}.")
    if _TOO_MUCH in kinds:
        return TooMuch(f"GitHub could not answer for {what} within its limits for one question: try again later.")
    words = " ".join([str(one.get("message", "")).casefold() for one in listed])
    if "SERVICE_UNAVAILABLE" in kinds or any(passing in words for passing in _PASSING):
        return TryLater(f"GitHub could not answer for {what}: try again later.")
    codes = {str(one["extensions"].get("code")) for one in listed if isinstance(one.get("extensions"), dict)}
    kind = ArgumentUnknown if "argumentNotAccepted" in codes else Stop
    return kind(f"GitHub did not understand the question for {what}: this server may be too old for it.")


def nodes(connection: object, what: str) -> list[dict[str, Any]]:
    """Return the nodes of a connection that are there; GitHub leaves null where a token may not look.

    Raises MalformedAnswer where there is no list.
    """
    found = connection.get("nodes") if isinstance(connection, Mapping) else None
    if not isinstance(found, list) or not all(one is None or isinstance(one, dict) for one in found):
        raise MalformedAnswer(f"The answer for {what} holds no list of nodes; nothing of it was used.")
    return [one for one in found if one]
