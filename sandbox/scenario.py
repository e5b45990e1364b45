"""The OKRs of the fictional company: a config of Headway whose twelve key results follow its work."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sandbox.server import JIRA_EMAIL
from sandbox.streams import (
    ASANA_PROJECTS,
    CHECKLIST_GID,
    EPIC_KEY,
    LAUNCH_MILESTONE,
    ONE_CLICK_WEB,
    RELEASE,
    STOREFRONT,
)

CYCLE_WEEKS = 13
WEEKS_BEFORE = 7
"""How long before `now` the cycle began, counted from the Monday of that week."""

_CONFIG = """\
version: 1
database: sqlite:///headway.db
timezone: Europe/Berlin
cycles:
  - {{id: sandbox, start: {start}, end: {end}}}

sources:
  acme-jira:
    connector: jira
    url: {jira}
    email: {email}
    token: ${{HEADWAY_SANDBOX_JIRA_TOKEN}}
    projects: [PAY, PLAT]
    fields: {{story_points: customfield_10016}}
    every: 1d
  acme-github:
    connector: github
    url: {github}
    token: ${{HEADWAY_SANDBOX_GITHUB_TOKEN}}
    repositories: [acme/web, acme/api]
    every: 1d
  acme-asana:
    connector: asana
    url: {asana}
    token: ${{HEADWAY_SANDBOX_ASANA_TOKEN}}
    projects: ["{launch}", "{research}"]
    every: 1d

objectives:
  - id: reliable-checkout
    cycle: sandbox
    title: Checkout never lets a customer down
    owner: mira@acme.example
    team: payments
    key_results:
      - {{id: p1-bugs, title: Fix 25 P1 checkout bugs, unit: bugs, start: 0, target: 25}}
      - {{id: open-bugs, title: No more than 30 open bugs, unit: bugs, start: 65, target: 30}}
      - {{id: platform-flow, title: Keep the platform move flowing, unit: points, keep: {{min: 10, max: 40}}}}
  - id: one-click-buying
    cycle: sandbox
    title: Buying takes one click
    owner: mira@acme.example
    team: payments
    key_results:
      - {{id: one-click, title: Ship one-click checkout, unit: "%", start: 0, target: 100, weight: 2}}
      - {{id: checkout-release, title: Everything planned for Checkout 3.2 is done, unit: "%", start: 0, target: 100}}
  - id: instant-shop
    cycle: sandbox
    title: The shop feels instant
    owner: priya@acme.example
    team: storefront
    key_results:
      - {{id: performance, title: Merge 40 performance changes, unit: pull requests, start: 0, target: 40}}
  - id: shop-for-everyone
    cycle: sandbox
    title: Everyone can use the new shop
    owner: priya@acme.example
    team: storefront
    key_results:
      - {{id: accessibility, title: Remove 25 accessibility barriers, unit: issues, start: 0, target: 25}}
      - {{id: storefront, title: Finish Storefront 2.0, unit: "%", start: 0, target: 100, ambition: aspirational}}
  - id: five-countries
    cycle: sandbox
    title: Customers in five new countries buy from us
    owner: marco@acme.example
    team: launch
    key_results:
      - {{id: go-live, title: Nothing blocks the launch, unit: "%", start: 0, target: 100}}
      - {{id: launch-day, title: The launch day is rehearsed, unit: "%", start: 0, target: 100}}
  - id: no-surprises
    cycle: sandbox
    title: The new countries hold no surprises
    owner: marco@acme.example
    team: launch
    key_results:
      - {{id: interviews, title: Talk to 26 customers, unit: interviews, start: 6, target: 26}}
      - {{id: legal-terms, title: Legal approved the terms everywhere, kind: binary}}

mappings:
  - key_result: p1-bugs
    from:
      - {{source: acme-jira, where: {{project: PAY, type: Bug, label: p1, not: {{label: test-only}}}}, measure: count}}
  - key_result: open-bugs
    from:
      - {{source: acme-jira, where: {{project: PAY, type: Bug}}, measure: count, counts: open}}
  - key_result: platform-flow
    from:
      - {{source: acme-jira, where: {{project: PLAT, state: doing}}, measure: sum, by: story_points, counts: open}}
  - key_result: one-click
    combine: weighted_mean
    from:
      - {{source: acme-jira, where: {{epic: {epic}}}, measure: percent, by: story_points, weight: 2}}
      - {{source: acme-github, where: {{milestone: {oneclick}}}, measure: percent}}
  - key_result: checkout-release
    from:
      - {{source: acme-jira, where: {{milestone: {release}}}, measure: percent, done_when: {{status: [Done]}}}}
  - key_result: performance
    from:
      - {{source: acme-github, where: {{kind: pull_request, label: performance}}, measure: count, window: cycle}}
  - key_result: accessibility
    from:
      - {{source: acme-github, where: {{project: acme/web, label: [accessibility, a11y]}}, measure: count}}
  - key_result: storefront
    from:
      - {{source: acme-github, where: {{milestone: {storefront}}}, measure: percent}}
  - key_result: go-live
    from:
      - {{source: acme-asana, where: {{milestone: {golive}}}, measure: percent}}
  - key_result: launch-day
    from:
      - {{source: acme-asana, where: {{kind: subtask, parent: "{checklist}"}}, measure: percent}}
  - key_result: interviews
    add_start: true
    from:
      - source: acme-asana
        where: {{any: [{{section: Interviews}}, {{label: interview}}]}}
        measure: count
  - key_result: legal-terms
    from:
      - source: acme-asana
        where: {{all: [{{type: approval}}, {{label: legal}}]}}
        measure: percent
        cancelled: open
"""


def environment(tokens: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that the config reads, by tracker tokens."""
    return {f"HEADWAY_SANDBOX_{tracker.upper()}_TOKEN": token for tracker, token in tokens.items()}


def config_text(urls: Mapping[str, str], now: datetime) -> str:
    """Return the text of `headway.yaml` for the company that `build(seed, now)` makes, whatever the seed."""
    monday = now.date() - timedelta(weeks=WEEKS_BEFORE, days=now.weekday())
    return _CONFIG.format(
        start=monday.isoformat(),
        end=(monday + timedelta(weeks=CYCLE_WEEKS, days=-1)).isoformat(),
        email=JIRA_EMAIL,
        launch=ASANA_PROJECTS[0],
        research=ASANA_PROJECTS[1],
        epic=EPIC_KEY,
        checklist=CHECKLIST_GID,
        golive=LAUNCH_MILESTONE,
        oneclick=ONE_CLICK_WEB,
        release=RELEASE,
        storefront=STOREFRONT,
        **urls,
    )
