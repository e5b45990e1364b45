"""Where requests go: the source's own scheme, host and port, through the right proxy, and nowhere else."""

import pytest

from connectors.line import proxy_for, same_origin


@pytest.mark.parametrize(
    ("base", "url", "same"),
    [
        ("https://api.github.com", "https://api.github.com/repos?page=2", True),
        ("https://api.github.com", "HTTPS://API.GitHub.com/repos", True),
        ("https://api.github.com", "https://api.github.com:443/repos", True),
        ("http://127.0.0.1:8080/api", "http://127.0.0.1:8080/other", True),
        ("http://[::1]:8080", "http://[::1]:8080/x", True),
        ("https://api.github.com", "http://api.github.com/repos", False),
        ("https://api.github.com", "https://api.github.com:8443/repos", False),
        ("https://api.github.com", "https://api.github.com.evil.example/repos", False),
        ("https://api.github.com", "https://api.github.com@evil.example/repos", False),
        ("https://api.github.com", "https://evil.example\\@api.github.com/repos", False),  # urllib3 would ask evil
        ("https://api.github.com", "https://evil.example/https://api.github.com", False),
        ("https://api.github.com", "//api.github.com/repos", False),
        ("https://api.github.com", "/repos?page=2", False),
        ("https://api.github.com", "", False),
        ("https://api.github.com", "https://api.github.com:99999/", False),
        ("https://api.github.com", "https://api.github.com:0/", False),
        ("https://api.github.com", "https://[api.github.com/", False),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8081/x", False),
        ("http://[::1]:8080", "http://127.0.0.1:8080/x", False),
        ("http://[broken", "http://[broken", False),
    ],
)
def test_a_url_of_the_same_origin(base: str, url: str, same: bool) -> None:
    assert same_origin(base, url) is same


@pytest.mark.parametrize("host", ["127.0.0.1:8900", "127.1.2.3", "localhost", "[::1]:80"])
def test_what_is_on_this_machine_is_never_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    assert proxy_for(f"http://{host}/jira") is None
    assert proxy_for("http://tracker.example/jira") == "http://proxy.example:3128"
