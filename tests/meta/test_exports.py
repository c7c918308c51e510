"""What is public is listed, exists and is documented; and the tree of errors is drawn as it is."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from typing import Any

import pytest

import noex
from noex import errors

MODULES = sorted(
    ["noex"]
    + [
        module.name
        for module in pkgutil.walk_packages(noex.__path__, "noex.", onerror=lambda name: None)
        if not any(part.startswith("_") for part in module.name.split("."))
    ]
)
STARRED = ["noex", "noex.ets", "noex.otp"]
SUITES = ("noex.testing.conformance", "noex.testing.machines")


def _order(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions, as ruff sorts `__all__`."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


@pytest.mark.parametrize("module", MODULES)
def test_a_public_module_lists_what_it_offers_in_order(module: str) -> None:
    listed = importlib.import_module(module).__all__
    assert isinstance(listed, list)
    assert listed == sorted(set(listed), key=_order)


@pytest.mark.parametrize("module", MODULES)
def test_every_listed_name_exists(module: str) -> None:
    loaded = importlib.import_module(module)
    assert [name for name in loaded.__all__ if not hasattr(loaded, name)] == []


@pytest.mark.parametrize("module", STARRED)
def test_everything_comes_with_a_star(module: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"from {module} import *", namespace)
    assert set(importlib.import_module(module).__all__) == set(namespace) - {"__builtins__"}


@pytest.mark.parametrize("module", MODULES)
def test_a_public_module_has_a_docstring(module: str) -> None:
    assert inspect.getdoc(importlib.import_module(module))


def _undocumented(label: str, thing: Any) -> list[str]:
    """Return the functions, classes and methods without a docstring, at and below a public name."""
    if not inspect.isclass(thing):
        return [label] if inspect.isroutine(thing) and not inspect.getdoc(thing) else []
    missing = [] if thing.__doc__ else [label]
    for name in dir(thing):
        member = inspect.getattr_static(thing, name)
        if isinstance(member, staticmethod | classmethod):
            member = member.__func__
        if not name.startswith("_") and (isinstance(member, property) or inspect.isroutine(member)):
            # getdoc takes the docstring of the method that is overridden, as help() does
            documented = (
                inspect.getdoc(member) if isinstance(member, property) else inspect.getdoc(getattr(thing, name))
            )
            missing += [] if documented else [f"{label}.{name}"]
    return missing


@pytest.mark.parametrize("module", MODULES)
def test_everything_public_has_a_docstring(module: str) -> None:
    loaded = importlib.import_module(module)
    gaps = [gap for name in loaded.__all__ for gap in _undocumented(name, getattr(loaded, name))]
    if module.startswith(SUITES):
        gaps = [gap for gap in gaps if "." not in gap]  # the name of a test or of a rule says what it shows
    assert gaps == []


def _drawn_tree() -> dict[str, tuple[str, str | None]]:
    """Return parent and builtin base of each error in the drawing on top of noex.errors."""
    tree: dict[str, tuple[str, str | None]] = {}
    path = [(-1, "NoexError")]
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"([ │]*[├└]── )(\w+)(?: \((\w+)\))?", line)
        if found:
            depth = len(found[1])
            while path[-1][0] >= depth:
                path.pop()
            tree[found[2]] = (path[-1][1], found[3])
            path.append((depth, found[2]))
    return tree


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    actual: dict[str, tuple[str, str | None]] = {}
    for name, error in vars(errors).items():
        if inspect.isclass(error) and issubclass(error, Exception) and error is not errors.NoexError:
            parent, *builtin = error.__bases__
            actual[name] = (parent.__name__, builtin[0].__name__ if builtin else None)
            assert all(base.__module__ == "builtins" for base in builtin)
    assert _drawn_tree() == actual
    assert set(actual) | {"NoexError"} == set(errors.__all__)
