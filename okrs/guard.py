"""How much may be lost from sight before a person is asked (DESIGN 7.6)."""

from decimal import Decimal

from okrs.immutable import immutable


@immutable
class Guard:
    """What deleted and hidden tickets may do to a key result without being approved."""

    points: Decimal = Decimal(20)
    """Points of progress, in either direction."""
    share: Decimal = Decimal("0.2")
    """Of the tickets that a part is measured by, 0…1 …"""
    items: int = 5
    """… where they are at least so many."""
