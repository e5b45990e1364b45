"""Immutable classes are frozen data classes to whoever uses them, made at less cost."""

import subprocess
import sys
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okrs.immutable import immutable


@immutable
class Place:
    name: str
    number: int = 0
    called: str = field(default="", compare=False)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Plain:
    name: str
    number: int = 0
    called: str = field(default="", compare=False)
    secret: str = field(default="", repr=False)


@immutable
class Nothing:
    pass


@immutable
class Alone:
    value: object


@immutable
class Other:
    value: object


@immutable
class Below(Alone):
    more: int = 0


@immutable
class Own:
    value: int

    def __repr__(self) -> str:
        return "own"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and self.value % 2 == other.value % 2

    def __hash__(self) -> int:
        return self.value % 2


@immutable
class Halves:  # noqa: PLW1641 - it is given one
    value: int
    aside: int = field(default=0, hash=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Halves) and self.value == other.value


Values = tuple[str, int, str, str]
values = st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.sampled_from("ab"), st.sampled_from("ab"))


@given(values, values)
def test_they_compare_and_hash_as_data_classes_do(
    one: tuple[str, int, str, str], two: tuple[str, int, str, str]
) -> None:
    assert (Place(*one) == Place(*two)) == (Plain(*one) == Plain(*two))
    assert (hash(Place(*one)) == hash(Place(*two))) == (hash(Plain(*one)) == hash(Plain(*two)))
    assert hash(Place(*one)) == hash(Plain(*one))
    assert repr(Place(*one)) == repr(Plain(*one)).replace("Plain", "Place")


def test_what_is_not_a_number_is_itself() -> None:
    never = float("nan")
    assert Alone(never) == Alone(never)
    assert Alone(never) != Alone(float("nan"))


def test_only_the_same_class_is_equal() -> None:
    alone: object = Alone(1)
    assert alone != Other(1)
    assert alone != Below(1)
    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(())
    assert Below(1, 2) == Below(1, 2) != Below(1, 3)


def test_own_methods_stay() -> None:
    assert Own(1) == Own(3) != Own(2)
    assert (repr(Own(1)), hash(Own(3))) == ("own", 1)


def test_who_compares_itself_has_a_hash_of_what_takes_part_in_it() -> None:
    assert hash(Halves(1, 2)) == hash(Halves(1, 3)) == hash((1,))


def test_the_standard_library_knows_them() -> None:
    place = Place("a", 1)
    assert is_dataclass(place)
    assert [each.name for each in fields(place)] == ["name", "number", "called", "secret"]
    assert asdict(replace(place, number=2)) == {"name": "a", "number": 2, "called": "", "secret": ""}
    assert not hasattr(place, "__dict__")
    match place:
        case Place(name, 1):
            assert name == "a"
        case _:
            pytest.fail("its fields have no places")


def test_nobody_assigns_to_a_field() -> None:
    place = Place("a")
    with pytest.raises(FrozenInstanceError):
        place.name = "b"  # type: ignore[misc] # that is the test
    with pytest.raises(FrozenInstanceError):
        del place.name


def test_the_command_leaves_that_to_types() -> None:
    """Where it is left to them, all else is the same, and every room loads."""
    code = """
import os, pkgutil, sys
from importlib import import_module
import headway
os._exit = lambda code: None
sys.argv = ["headway", "--version"]
headway.main()
assert os.environ["PYDANTIC_DISABLE_PLUGINS"] == "__all__"
from okrs.work import Ref
ref = Ref("1", "a")
ref.name = "b"
assert (ref, repr(ref), hash(ref)) == (Ref("1", "b"), "Ref(id='1', name='b')", hash(("1", "b")))
for room in ("okrs", "connectors", "mapping", "store", "config", "sync", "terminal", "web", "usecases"):
    for each in pkgutil.walk_packages(import_module(room).__path__, f"{room}."):
        if ".versions" not in each.name and not each.name.endswith(".env"):
            import_module(each.name)
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
