"""Immutable classes are frozen data classes to whoever uses them, made by msgspec."""

import gc
import pickle
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from okrs.immutable import defaults, facts, immutable, replace

T = TypeVar("T")


class Made:
    """Something that is made for each."""


@immutable
class Place:
    """Somewhere."""

    kind: ClassVar[str] = "place"
    name: str
    number: int = 0
    inside: tuple[str, ...] = ()
    held: Mapping[str, int] = field(default_factory=dict)
    hosts: frozenset[str] = field(default=frozenset("a"))

    @property
    def spoken(self) -> str:
        return f"{self.name} {self.number}"


@dataclass(frozen=True, slots=True)
class Plain:
    name: str
    number: int = 0
    inside: tuple[str, ...] = ()


@immutable
class Short:
    name: str
    number: int = 0
    inside: tuple[str, ...] = ()


@immutable
class Nothing:
    pass


@immutable
class Alone(Generic[T]):
    value: T


@immutable
class Other:
    value: object


@immutable
class Below(Other):
    more: int = 0


class Spoken:
    """A mixin."""

    __slots__ = ()

    def aloud(self) -> str:
        return repr(self).upper()


@immutable
class Heard(Spoken):
    value: int


@immutable
class Remembering:
    value: int
    asked: list[int] = field(default_factory=list)

    @cached_property
    def double(self) -> int:
        self.asked.append(self.value)
        return 2 * self.value


@immutable
class Locked:
    lock: Made = field(default_factory=Made)


class Outer:
    @immutable
    class Inner:
        value: int


@immutable
class Own:
    value: int

    def __repr__(self) -> str:
        return "own"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and self.value % 2 == other.value % 2

    def __hash__(self) -> int:
        return self.value % 2


Values = tuple[str, int, tuple[str, ...]]
values = st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.lists(st.sampled_from("ab"), max_size=1).map(tuple))


@given(values, values)
def test_they_compare_hash_and_show_as_data_classes_do(one: Values, two: Values) -> None:
    assert (Short(*one) == Short(*two)) == (Plain(*one) == Plain(*two))
    if one == two:
        assert hash(Short(*one)) == hash(Short(*two))
    assert len({Short(*one), Short(*two)}) == len({Plain(*one), Plain(*two)})
    assert repr(Short(*one)) == repr(Plain(*one)).replace("Plain", "Short")


def test_what_is_not_a_number_is_itself() -> None:
    never = float("nan")
    assert Alone(never) == Alone(never)
    assert Alone(never) != Alone(float("nan"))


def test_only_the_same_class_is_equal() -> None:
    other: object = Other(1)
    assert other != Alone(1)
    assert other != Below(1)
    assert Nothing() == Nothing()
    assert Below(1, 2) == Below(1, 2) != Below(1, 3)
    assert isinstance(Below(1), Other)


def test_own_methods_stay() -> None:
    assert Own(1) == Own(3) != Own(2)
    assert (repr(Own(1)), hash(Own(3))) == ("own", 1)
    assert Place("a", 3).spoken == "a 3"


def test_the_class_is_what_it_was_written_as() -> None:
    assert (Place.__name__, Place.__module__, Outer.Inner.__qualname__) == ("Place", __name__, "Outer.Inner")
    assert (Place.__doc__, Place.kind) == ("Somewhere.", "place")
    assert not hasattr(Place("a"), "__dict__")
    assert Alone[int](3) == Alone(3)
    assert Heard(1).aloud() == "HEARD(VALUE=1)"
    assert pickle.loads(pickle.dumps(Outer.Inner(3))) == Outer.Inner(3)
    assert gc.is_tracked(Alone([]))
    with pytest.raises(TypeError):
        sorted([Other(1), Other(2)])  # type: ignore[type-var] # that is the test


def test_what_it_worked_out_is_its_own_and_no_part_of_what_it_is() -> None:
    one = Remembering(2)
    assert (one.double, one.double, one.asked) == (4, 4, [2])
    assert Remembering(2, [2]) == one
    assert facts(one) == {"value": 2, "asked": [2]}
    assert replace(one, value=3).double == 6
    with pytest.raises(AttributeError):
        one.other = "b"  # type: ignore[attr-defined] # that is the test


def test_values_are_had_by_name_and_by_place() -> None:
    place = Place("a", 1, inside=("b",))
    assert facts(place) == {"name": "a", "number": 1, "inside": ("b",), "held": {}, "hosts": frozenset("a")}
    assert list(facts(place)) == ["name", "number", "inside", "held", "hosts"]
    assert facts(replace(place, number=2)) == facts(place) | {"number": 2}
    assert facts(Alone(Alone(1))) == {"value": Alone(1)}
    assert orjson.loads(orjson.dumps(Alone(Alone(1)), default=facts)) == {"value": {"value": 1}}
    assert defaults(Nothing) == defaults(Other) == {}
    assert defaults(Below) == {"more": 0}
    assert defaults(Short) == {"number": 0, "inside": ()}
    match place:
        case Place(name, 1):
            assert name == "a"
        case _:
            pytest.fail("its fields have no places")


def test_what_is_made_for_each_is_not_shared() -> None:
    assert Place("a").held is not Place("a").held
    assert Locked().lock is not Locked().lock


def test_nobody_assigns_to_a_field() -> None:
    place = Place("a")
    with pytest.raises(AttributeError):
        place.name = "b"  # type: ignore[misc] # that is the test
    with pytest.raises(AttributeError):
        del place.name
    with pytest.raises(AttributeError):
        place.other = "b"  # type: ignore[attr-defined] # that is the test


@pytest.mark.parametrize("told", [{"default": 0}, {}])
@pytest.mark.parametrize(
    "more",
    [{"compare": False}, {"repr": False}, {"hash": False}, {"init": False}, {"kw_only": True}, {"metadata": {1: 2}}],
)
def test_a_field_that_is_to_be_left_out_somewhere_is_refused(told: dict[str, Any], more: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="as any other"):
        immutable(type("Secret", (), {"__annotations__": {"one": int}, "one": field(**(told | more))}))


def test_a_class_below_another_one_that_could_not_be_made_so_is_refused() -> None:
    told: dict[str, Any] = {"__annotations__": {"more": list}, "more": field(default_factory=list)}
    with pytest.raises(TypeError, match="plain defaults"):
        immutable(type("Hiding", (Other,), told))
    with pytest.raises(TypeError, match="no cached property"):
        immutable(type("Working", (Other,), {"double": Remembering.__dict__["double"]}))
    below: Any = immutable(type("Working", (Remembering,), {}))
    assert below(2).double == 4


def test_other_classes_are_none() -> None:
    for wrong in (lambda: facts(Plain("a")), lambda: defaults(Plain), lambda: replace(Plain("a"), number=1)):
        with pytest.raises(TypeError):
            wrong()


def test_every_room_loads_as_the_command_loads_it() -> None:
    code = """
import os, pkgutil, sys
from importlib import import_module
import headway
os._exit = lambda code: None
sys.argv = ["headway", "--version"]
headway.main()
assert os.environ["PYDANTIC_DISABLE_PLUGINS"] == "__all__"
for room in ("okrs", "connectors", "mapping", "store", "config", "sync", "terminal", "web", "usecases"):
    for each in pkgutil.walk_packages(import_module(room).__path__, f"{room}."):
        if ".versions" not in each.name and not each.name.endswith(".env"):
            import_module(each.name)
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
