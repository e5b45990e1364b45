"""The parts of GitHub's answers that are mostly addresses."""

import zlib
from urllib.parse import quote

from sandbox.records import Project, User

_USER_LINKS = {
    "followers": "/followers",
    "following": "/following{/other_user}",
    "gists": "/gists{/gist_id}",
    "starred": "/starred{/owner}{/repo}",
    "subscriptions": "/subscriptions",
    "organizations": "/orgs",
    "repos": "/repos",
    "events": "/events{/privacy}",
    "received_events": "/received_events",
}
_REPOSITORY_LINKS = (
    "archive assignees blobs branches collaborators comments commits compare contents contributors "
    "deployments downloads events forks git_commits git_refs git_tags hooks issue_comment "
    "issue_events issues keys labels languages merges milestones notifications pulls releases "
    "stargazers statuses subscribers subscription tags teams trees"
)
"""Names, with a space between them, of what a repository has an address for."""

_COUNTS = (
    "forks",
    "forks_count",
    "stargazers_count",
    "watchers",
    "watchers_count",
    "network_count",
    "subscribers_count",
    "size",
)
_FLAGS = ("private", "fork", "archived", "disabled", "has_pages", "has_discussions", "has_wiki", "has_projects")


def user_record(base: str, user: User) -> dict[str, object]:
    """Return a user as GitHub shows one inside other records."""
    url = f"{base}/users/{user.login}"
    record: dict[str, object] = {"login": user.login, "id": 9000 + user.id, "node_id": f"U_{user.id}", "type": "User"}
    record |= {"avatar_url": f"https://avatars.githubusercontent.com/u/{9000 + user.id}", "gravatar_id": ""}
    record |= {"url": url, "html_url": f"https://github.com/{user.login}", "site_admin": False}
    return record | {f"{name}_url": url + path for name, path in _USER_LINKS.items()}


def label_record(base: str, project: Project, name: str) -> dict[str, object]:
    """Return a label as GitHub shows it on an issue."""
    url = f"{base}/repos/{project.key}/labels/{quote(name)}"
    number = zlib.crc32(name.encode())
    return {"id": number, "node_id": f"LA_{number}", "url": url, "name": name, "color": "d73a4a", "default": False} | {
        "description": None
    }


def repository_record(base: str, project: Project, open_entries: int) -> dict[str, object]:
    """Return a repository with everything GitHub promises of one."""
    owner, _, name = project.key.partition("/")
    url = f"{base}/repos/{project.key}"
    page = f"https://github.com/{project.key}"
    record: dict[str, object] = {f"{link}_url": f"{url}/{link}" for link in _REPOSITORY_LINKS.split()}
    record |= dict.fromkeys(_COUNTS, 0) | dict.fromkeys(_FLAGS, False)
    record |= dict.fromkeys(("description", "homepage", "language", "mirror_url", "license"))
    record |= {"id": project.id, "node_id": f"R_{project.id}", "name": name, "full_name": project.key, "url": url}
    record |= {"html_url": page, "clone_url": page + ".git", "git_url": page + ".git", "svn_url": page}
    record |= {"ssh_url": f"git@github.com:{project.key}.git", "default_branch": "main", "has_issues": True}
    record |= {"has_downloads": True}
    record |= {"open_issues": open_entries, "open_issues_count": open_entries}
    created = project.created.strftime("%Y-%m-%dT%H:%M:%SZ")
    record |= {"created_at": created, "updated_at": created, "pushed_at": created}
    return record | {"owner": user_record(base, User(0, owner, owner, ""))}
