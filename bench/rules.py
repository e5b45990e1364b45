"""1,000 rules over a million mirrored items, against the same questions by hand.  `python -m bench.rules [--postgres]`

Both ask in turn, in one process, on one machine; medians are compared, and the values must be the same.
"""

import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping

from sqlalchemy import create_engine, make_url, text

from bench import byhand, company
from bench.measuring import on_a_database, timed
from mapping.facets import asked_by
from mapping.rule import Rule
from mapping.totals import value_of
from store import facets
from store.database import Database, open_database
from store.totals import totals_of

MOST_TIMES_BY_HAND = 2.0
ROUNDS = 7


def compare(url: str, items: int) -> float:
    """Print the figures and return how many times slower than by hand the product is."""
    database = open_database(url, create=True)
    questions = company.questions()
    rules = [company.rule_of(each) for each in questions]
    timed("mirror filled", lambda: company.build(database, items))
    asked = asked_by(part for rule in rules for part in rule.parts)
    timed("facets built by the product", lambda: facets.follow(database, company.SOURCE, asked, large=0))
    timed("tables by hand", lambda: byhand.build(database, items))
    if not database.sqlite:
        vacuum(url)
    joined, special = [byhand.joined(each) for each in questions], [byhand.special(each) for each in questions]
    seconds = alternating(
        {
            "first": lambda: first(database, rules),
            "ours": product(database, rules),
            "joined": lambda: hand(database, joined),
            "special": lambda: hand(database, special),
        }
    )
    for name, told in TOLD.items():
        print(f"{told:64} {seconds[name] * 1000:7.0f} ms")
    ratio = seconds["first"] / seconds["joined"]  # the harder one: a process that was just started
    print(f"{items} items, {len(rules)} rules: ours : by hand = {ratio:.2f}, at most {MOST_TIMES_BY_HAND}")
    database.close()
    return ratio


TOLD = {
    "first": "ours, translating every rule",
    "ours": "ours, every rule translated before",
    "joined": "by hand, a table of facets joined with itself",
    "special": "by hand, a table made for these rules alone",
}


def first(database: Database, rules: list[Rule]) -> list[float]:
    """All values, with nothing known before."""
    return product(database, rules)()


def product(database: Database, rules: list[Rule]) -> Callable[[], list[float]]:
    """Return the full evaluation by the product; what rules were translated to stays from one to the next."""
    with database.read() as connection:
        index = facets.index_of(connection, company.SOURCE)
    if index is None:
        raise SystemExit("there are no facets")
    indexes = {company.SOURCE: index}

    def values() -> list[float]:
        found = []
        with database.read() as connection:
            for rule in rules:
                totals = totals_of(connection, indexes, rule, company.NOW)
                if totals is None:
                    raise SystemExit(f"SQL does not tell: {rule}")
                found.append(float(value_of(rule, totals, company.NOW) or 0))
        return found

    return values


def hand(database: Database, asked: list[byhand.Asked]) -> list[float]:
    """All values by hand."""
    some = asked if database.sqlite else [(text.replace("?", "%s"), values) for text, values in asked]
    with database.read() as connection:
        return byhand.answers(connection, some)


def alternating(sides: Mapping[str, Callable[[], list[float]]]) -> dict[str, float]:
    """Run the sides in turn and return the median seconds of each; all must find the same values."""
    mine, *others = [run() for run in sides.values()]
    for theirs in others:  # by hand nobody rounds to millionths
        if not all(math.isclose(one, other, abs_tol=1e-6) for one, other in zip(mine, theirs, strict=True)):
            raise SystemExit("the sides do not find the same values")
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, run in sides.items():
            begun = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - begun)
    return {name: statistics.median(each) for name, each in seconds.items()}


def vacuum(url: str) -> None:
    """Let PostgreSQL know the tables, as it would by itself after a while."""
    address = make_url(url).set(drivername="postgresql+psycopg")
    admin = create_engine(address, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("VACUUM ANALYZE"))
    admin.dispose()


if __name__ == "__main__":
    sys.exit(on_a_database(__doc__, compare, MOST_TIMES_BY_HAND))
