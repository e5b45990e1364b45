"""Jira Cloud, Asana and GitHub emulated over real HTTP on loopback, with a fictional company whose work moves.

    world = build(seed=1, now=now)
    with Sandbox(world) as sandbox:
        text = config_text(sandbox.urls, now)       # headway.yaml; environment(sandbox.tokens) holds its variables
        work(world, days=14, seed=2)                # the teams close, reopen, add …
        sandbox.faults.status(429, retry_after=2)   # trouble on demand

`since` of a poll is compared with the stamps of the world's clock: who reads while the team works shares that clock.
"""
