"""Both kernels in one process: the public classes of tables, once over each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import CellType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any
from unittest import mock

import pytest

from noex import Cache, ets
from noex.ets import _store, _transactions
from noex.kernel import _pure

__all__ = ["KINDS", "Kernel", "both_kernels", "native_kernel", "over", "pure_kernel"]

KINDS = ("set", "ordered_set", "bag", "duplicate_bag")

_PUBLIC: dict[str, type] = {
    "set": ets.SetTable,
    "ordered_set": ets.OrderedSetTable,
    "bag": ets.BagTable,
    "duplicate_bag": ets.DuplicateBagTable,
    "cache": Cache,
}


@dataclass(frozen=True)
class Kernel:
    """A kernel, and the public classes over it by kind."""

    name: str
    module: ModuleType
    classes: Mapping[str, Callable[..., Any]]

    def new(self, kind: str, **options: Any) -> Any:
        """Return a new table of a kind; skip the test if the kernel has none such."""
        if kind not in self.classes:
            pytest.skip(f"the {self.name} kernel has no {kind} table")
        return self.classes[kind](**options)

    def __repr__(self) -> str:
        return self.name


def pure_kernel() -> Kernel:
    """Return the pure kernel."""
    return _kernel("pure", _pure)


def native_kernel() -> Kernel:
    """Return the native kernel; skip the test where it is not built."""
    return _kernel("native", pytest.importorskip("noex.kernel._native", reason="the native kernel is not built here"))


def both_kernels() -> tuple[Kernel, Kernel]:
    """Return the pure and the native kernel."""
    return pure_kernel(), native_kernel()


def _kernel(name: str, module: ModuleType) -> Kernel:
    classes = {
        kind: _over(public, getattr(module, public.__mro__[1].__name__), module)
        for kind, public in _PUBLIC.items()
        if hasattr(module, public.__mro__[1].__name__)
    }
    return Kernel(name, module, classes)


def _over(public: Any, base: Any, module: ModuleType) -> Any:
    """Return a class as the public one is, over a base of that kernel; the public one itself if it stands there."""
    if public.__mro__[1] is base:
        return public
    others = public.__bases__[1:]
    taken = {"__dict__", "__weakref__", "__orig_bases__", "__parameters__", "__annotations__"}
    namespace = {
        name: value
        for name, value in vars(public).items()
        if name not in taken and not isinstance(value, MemberDescriptorType) and type(value).__name__ not in _METHODS
    }
    itself = CellType()
    namespace = {name: _moved(value, itself) for name, value in namespace.items()}
    made = itself.cell_contents = type(public.__name__, (base, *others), namespace)
    install = getattr(module, "install", None)
    if install is not None:
        install(made, getattr(_pure, base.__name__))
    return made


def _moved(value: Any, itself: CellType) -> Any:
    """Return a function as one of another class, which is what `super()` in it asks for."""
    if not isinstance(value, FunctionType) or "__class__" not in value.__code__.co_freevars:
        return value
    names = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
    closure = tuple(itself if name == "__class__" else cell for name, cell in names)
    moved = FunctionType(value.__code__, value.__globals__, value.__name__, value.__defaults__, closure)
    moved.__kwdefaults__ = value.__kwdefaults__
    return moved


_METHODS = frozenset({"method_descriptor", "wrapper_descriptor", "getset_descriptor"})
"""What a native kernel has put into a public class for itself, by the types' names."""


@contextmanager
def over(kernel: Kernel) -> Iterator[None]:
    """Let stores make, load and transact tables of a kernel."""
    views = {_transactions._VIEWS[place][0].kind: _transactions._VIEWS[place][1] for place in range(len(KINDS))}
    mine = tuple((kernel.classes[kind], view) for kind, view in views.items() if kind in kernel.classes)
    with (
        mock.patch.object(_transactions, "_VIEWS", (*mine, *_transactions._VIEWS)),
        mock.patch.dict(_store.KINDS, {kind: kernel.classes[kind] for kind in KINDS if kind in kernel.classes}),
    ):
        yield
