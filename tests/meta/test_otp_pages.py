"""The reference pages of processes have a row for every public verb, with its signature as it is, and for no other."""

from __future__ import annotations

import builtins
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from noex import errors, otp

FOLDER = Path(__file__).parents[2] / "docs" / "reference" / "otp"

PAGES: dict[str, tuple[list[type[Any]], list[Callable[..., Any]]]] = {
    "gen-server.md": ([otp.GenServer, otp.From], []),
    "refs.md": ([otp.Ref], []),
    "registry.md": ([otp.Registry], [otp.Registry, otp.named, otp.whereis, otp.default_registry]),
    "timers.md": ([otp.Timer], []),
    "supervisors.md": (
        [otp.Supervisor, otp.SupervisorRef, otp.DynamicSupervisor, otp.DynamicSupervisorRef],
        [otp.Supervisor, otp.DynamicSupervisor, otp.Child, otp.Backoff, otp.run],
    ),
}
"""The classes whose verbs stand on a page, and the classes and functions that are called by themselves."""

HANDLERS = {"init", "handle_call", "handle_cast", "handle_info", "handle_continue", "terminate", "format_state"}
INTERNAL = {("Registry", "forget"), ("Supervisor", "check"), ("Timer", "lapse"), ("Timer", "open")}
"""What other modules of the package use, and nobody else."""

SHOWN = (bool, int, float, str, tuple, type(None))
HEAD = "| verb | returns | cost | raises |"


class _Dots:
    def __repr__(self) -> str:
        return "..."


def written(function: Callable[..., Any], *, bound: bool = True) -> str:
    """Return how a page writes it: `await stop(reason='normal', timeout=None)`."""
    parameters = [*inspect.signature(function).parameters.values()]
    plain = [
        parameter.replace(
            annotation=parameter.empty,
            default=parameter.default
            if parameter.default is parameter.empty or type(parameter.default) in SHOWN
            else _Dots(),
        )
        for parameter in (parameters if bound else parameters[1:])
    ]
    waits = "await " if inspect.iscoroutinefunction(function) else ""
    return f"{waits}{function.__name__}{inspect.Signature(plain)}"


def members(kind: type[Any]) -> dict[str, Any]:
    """Return what a class, or an internal base of it, defines in public, by name."""
    bases = [base for base in kind.__mro__ if base is kind or base.__name__ not in dir(otp)]
    names = {name for base in bases if base.__module__.startswith("noex.") for name in vars(base)}
    return {
        name: getattr(kind, name)
        for name in sorted(names)
        if not name.startswith("_") and (kind.__name__, name) not in INTERNAL
    }


def verbs(page: str) -> set[str]:
    """Return all that a page is to have."""
    kinds, functions = PAGES[page]
    found = {written(function) for function in functions}
    for kind in kinds:
        for name, member in members(kind).items():
            if callable(member) and not (kind is otp.GenServer and name in HANDLERS):
                found.add(written(member, bound=inspect.ismethod(member)))
    return found


def rows(page: str) -> list[tuple[str, list[str]]]:
    """Return the verbs of a page, and the other cells of their rows."""
    found: list[tuple[str, list[str]]] = []
    inside = False
    for line in (FOLDER / page).read_text(encoding="utf-8").splitlines():
        inside = line == HEAD or (inside and line.startswith("|"))
        if inside and line != HEAD and not line.startswith("|---"):
            verb, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            found.append((verb.strip("`"), cells))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_every_verb_with_its_signature_and_no_other(page: str) -> None:
    listed = {verb for verb, _ in rows(page)}
    assert {"missing": verbs(page) - listed, "unknown": listed - verbs(page)} == {"missing": set(), "unknown": set()}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_every_attribute_and_handler(page: str) -> None:
    text = (FOLDER / page).read_text(encoding="utf-8")
    missing = [
        name
        for kind in (*PAGES[page][0], *([otp.Child] if page == "supervisors.md" else ()))
        for name, member in members(kind).items()
        if (not callable(member) or name in HANDLERS) and not re.search(rf"`{name}[`(]", text)
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_what_a_row_says_to_be_raised_exists(page: str) -> None:
    for verb, cells in rows(page):
        for name in re.findall(r"`([A-Z]\w+)`", cells[-1]):
            error = getattr(errors, name, None) or getattr(builtins, name, None)
            assert isinstance(error, type), f"{verb} raises {name}, which is none"
            assert issubclass(error, Exception)


def test_every_error_of_processes_is_raised_somewhere() -> None:
    told = "".join(path.read_text(encoding="utf-8") for path in FOLDER.parent.rglob("*.md"))
    public = [
        name for name in otp.__all__ if isinstance(thing := getattr(otp, name), type) and issubclass(thing, Exception)
    ]
    assert public
    assert [name for name in public if f"`{name}" not in told] == []
