"""Every room has one door, and the door lists what is behind it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from dataclasses import is_dataclass
from types import ModuleType

import pytest

import signoff


def _rooms() -> list[str]:
    found = pkgutil.walk_packages(signoff.__path__, "signoff.")
    return ["signoff", *(module.name for module in found if module.ispkg)]


ROOMS = _rooms()


@pytest.fixture(params=ROOMS)
def room(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(request.param)


_NOT_OURS = ("annotations", "TYPE_CHECKING")


def _door_order(name: str) -> tuple[int, str]:
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def test_the_door_lists_everything_public(room: ModuleType) -> None:
    for name in room.__all__:
        getattr(room, name)  # some are loaded when they are first used
    public = {
        name
        for name, value in vars(room).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name not in _NOT_OURS
    }
    assert public == set(room.__all__)


def test_the_door_is_in_order(room: ModuleType) -> None:
    assert list(room.__all__) == sorted(set(room.__all__), key=_door_order)


def test_the_room_says_what_it_owns(room: ModuleType) -> None:
    assert room.__doc__
    if room is not signoff:
        assert re.search(r"\bowns?\b", room.__doc__.split(".")[0])


def test_everything_public_has_a_docstring(room: ModuleType) -> None:
    for name in room.__all__:
        thing = getattr(room, name)
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        if not thing.__module__.startswith("signoff"):
            continue
        doc = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
        made_up = is_dataclass(thing) and (doc or "").startswith(f"{name}(")
        assert doc, f"{room.__name__}.{name} has no docstring"
        assert not made_up, f"{room.__name__}.{name} has no docstring"
