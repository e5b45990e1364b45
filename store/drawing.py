"""Which of the items that a plain part selects are on its line, by SQL alone and without reading them.

That it is what `mapping.measure.lines_of` says of each item by itself is held by a property test.
"""

from datetime import datetime
from itertools import chain

from sqlalchemy import Connection

from mapping.rule import Missing, Rule
from store.database import gathered
from store.facets import Index
from store.sql import FALSE, TRUE, Sql, all_of
from store.tables import micros
from store.totals import drawn, numbered, pose

ON_LINE, GROWN, WEIGHTLESS = 1, 2, 4
"""What a selected item is to a part, as bits: on its line, created since the cycle began, and one that counts though it
weighs nothing."""


def draws(rule: Rule) -> bool:
    """Tell whether SQL can draw the lines of a rule while its cycle goes on."""
    return drawn(rule) and not any(part.missing is Missing.MEAN or part.partial for part in rule.parts)


def draw(connection: Connection, index: Index, rule: Rule, number: int, now: datetime) -> dict[str, int] | None:
    """Return what a part of a rule that SQL `draws` selects, by id, each with what it is to that.

    None where they do not tell.  Of items that are late they tell how these were.
    """
    part = rule.parts[number]
    posed = pose(connection, index, rule, part, now)
    if posed is None:
        return None
    found, policy = posed
    if found is FALSE:
        return {}
    weighed, tables = numbered(connection, index, part)
    estimated = TRUE if part.by is None or part.missing is not Missing.EXCLUDE else Sql(f"{weighed} IS NOT NULL")
    line = all_of((policy.line, estimated))
    weightless = FALSE if part.by is None else Sql(f"coalesce({weighed}, {int(part.missing is not Missing.ZERO)}) = 0")
    bits = {
        ON_LINE: line,
        GROWN: Sql("f.created >= ?", (micros(rule.period.start),)),
        WEIGHTLESS: all_of((line, policy.full, weightless)),
    }
    told = " + ".join(f"CASE WHEN {each.text} THEN {bit} ELSE 0 END" for bit, each in bits.items())
    values = tuple(chain(*(each.values for each in bits.values()), found.values))
    columns, rest = f"f.item, {told}", f"FROM {tables} WHERE {found.text}"
    return dict(gathered(connection, columns, rest, values)) if Sql(f"{columns} {rest}", values).fits else None
