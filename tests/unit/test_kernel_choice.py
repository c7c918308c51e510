"""Which kernel is used: NOEX_KERNEL, a native kernel that does not fit, and that forcing a missing one is an error."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from noex import kernel
from noex.errors import KernelUnavailable
from noex.kernel import _choice
from noex.kernel._choice import CONTRACT, MODULE, choose

NAMES = ("SetTable", "BagTable")


def python(code: str, choice: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "NOEX_KERNEL"}
    if choice is not None:
        environment["NOEX_KERNEL"] = choice
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


SHOW = "from noex import kernel, ets; print(kernel.KERNEL); print(kernel.REASON); print(ets.SetTable().info().kernel)"


def test_pure_can_be_asked_for() -> None:
    done = python(SHOW, "pure")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["pure", "NOEX_KERNEL asks for it", "pure"]


WITHOUT = f"import sys; sys.modules['{MODULE}'] = None; "  # as in an installation without the native kernel


@pytest.mark.parametrize("choice", [None, ""], ids=["unset", "empty"])
def test_without_a_choice_and_a_native_kernel_it_is_pure_and_says_why(choice: str | None) -> None:
    done = python(WITHOUT + SHOW, choice)
    assert done.returncode == 0, done.stderr
    name, reason, in_info = done.stdout.splitlines()
    assert (name, in_info) == ("pure", "pure")
    assert reason.startswith("no native kernel was built")


def test_a_missing_native_kernel_is_never_replaced_by_another() -> None:
    done = python(WITHOUT + "import noex", "native")
    assert done.returncode == 1
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith(
        "noex.errors.KernelUnavailable: NOEX_KERNEL asks for the native kernel, but no native kernel"
    )
    assert last.endswith("unset it to use the pure one")


def test_the_command_line_fails_too_where_the_kernel_is_missing() -> None:
    done = python(WITHOUT + "sys.argv = ['noex', 'info']; from noex.cli import main; main()", "native")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "NOEX_KERNEL asks for the native kernel" in done.stderr


@pytest.mark.parametrize("choice", ["nonsense", "PURE", "Native", " pure", "0"])
def test_any_other_choice_is_an_error_that_names_it_and_the_remedy(choice: str) -> None:
    done = python("import noex", choice)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("noex.errors.KernelUnavailable: NOEX_KERNEL must be 'native' or 'pure'")
    assert repr(choice) in last
    assert "unset it" in last


def test_the_error_can_be_caught_as_an_import_error() -> None:
    code = "try:\n    import noex\nexcept ImportError as error:\n    print(type(error).__name__)"
    done = python(code, "nonsense")
    assert (done.returncode, done.stdout.strip()) == (0, "KernelUnavailable")


def test_nothing_else_is_read_from_the_environment_or_started_by_importing() -> None:
    code = (
        "import os, threading\n"
        "class Environment(dict):\n"
        "    def get(self, name, default=None):\n"
        "        asked.append(name)\n"
        "        return super().get(name, default)\n"
        "    def __getitem__(self, name):\n"
        "        asked.append(name)\n"
        "        return super().__getitem__(name)\n"
        "asked = []\n"
        "os.environ = Environment(os.environ)\n"
        "import noex\n"
        "print(sorted({name for name in asked if name.startswith('NOEX')}), threading.active_count())\n"
    )
    done = python(code, "pure")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['NOEX_KERNEL'] 1"


def test_this_process_uses_a_kernel_that_exists() -> None:
    assert kernel.KERNEL in {"pure", "native"}
    assert kernel.REASON


def test_both_kernels_can_be_imported_side_by_side() -> None:
    assert importlib.import_module("noex.kernel._pure").SetTable.__module__.startswith("noex.kernel._pure")
    native = pytest.importorskip(MODULE, reason="this installation has no native kernel")
    assert native.CONTRACT == CONTRACT


@pytest.mark.skipif(kernel.KERNEL != "native", reason="this process uses the pure kernel")
def test_the_names_of_the_native_kernel_stand_in_the_place_of_the_pure_ones() -> None:
    native = importlib.import_module(MODULE)
    for name in kernel._NATIVE:
        assert name in kernel.__all__
        assert getattr(kernel, name) is getattr(native, name)


# What is chosen where: `choose` alone, with modules that are made on the spot.


def has(monkeypatch: pytest.MonkeyPatch, module: ModuleType | None) -> ModuleType | None:
    """Let `module` be the native kernel of this installation, or let there be none."""
    monkeypatch.setitem(sys.modules, MODULE, module)  # type: ignore[arg-type]
    return module


def native(contract: Any = CONTRACT, names: tuple[str, ...] = NAMES) -> ModuleType:
    module = ModuleType(MODULE)
    if contract is not None:
        vars(module)["CONTRACT"] = contract
    vars(module).update(dict.fromkeys(names, object()))
    return module


def test_a_native_kernel_that_fits_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    module = has(monkeypatch, native())
    assert choose("", NAMES) == ("native", "it was built with this installation", module)
    assert choose("native", NAMES) == ("native", "NOEX_KERNEL asks for it", module)
    assert choose("pure", NAMES) == ("pure", "NOEX_KERNEL asks for it", None)


@pytest.mark.parametrize(
    ("contract", "names", "reason"),
    [
        (CONTRACT + 1, NAMES, f"was built for contract {CONTRACT + 1}, this version of noex has {CONTRACT}; reinstall"),
        (CONTRACT - 1, NAMES, f"was built for contract {CONTRACT - 1}, this version of noex has {CONTRACT}; reinstall"),
        (None, NAMES, "was built for contract None"),
        (CONTRACT, ("SetTable",), "was built without BagTable; reinstall"),
        (CONTRACT, (), "was built without SetTable, BagTable; reinstall"),
    ],
    ids=["newer", "older", "no contract", "one name is missing", "all names are missing"],
)
def test_a_stale_native_kernel_counts_as_missing(
    contract: Any, names: tuple[str, ...], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    has(monkeypatch, native(contract, names))
    chosen = choose("", NAMES)
    assert (chosen.name, chosen.native) == ("pure", None)
    assert reason in chosen.reason
    with pytest.raises(KernelUnavailable) as caught:
        choose("native", NAMES)
    assert chosen.reason in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [ImportError("undefined symbol: Py_Nonsense"), ModuleNotFoundError("No module named 'other'", name="other")],
    ids=["the linker refuses it", "it lacks what it needs"],
)
def test_a_native_kernel_that_cannot_be_loaded_counts_as_missing(
    error: ImportError, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Finder:
        @staticmethod
        def find_spec(name: str, *_: Any) -> None:
            if name == MODULE:
                raise error

    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    chosen = choose("", NAMES)
    assert chosen == ("pure", f"the native kernel here cannot be loaded: {error}; reinstall noex", None)
    with pytest.raises(KernelUnavailable, match="cannot be loaded"):
        choose("native", NAMES)


def test_the_reason_is_what_the_build_has_written_down(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    has(monkeypatch, None)
    monkeypatch.setattr(_choice, "_REASON_FILE", tmp_path / "reason")
    assert choose("", NAMES).reason == (
        f"no native kernel was built for this Python ({sys.implementation.cache_tag}); reinstall noex"
    )
    (tmp_path / "reason").write_text("there was no Rust compiler\n", encoding="utf-8")
    assert choose("", NAMES).reason == "no native kernel was built: there was no Rust compiler"


def test_a_native_kernel_is_not_even_loaded_where_the_pure_one_is_asked_for() -> None:
    done = python(f"import sys, noex; print('{MODULE}' in sys.modules)", "pure")
    assert done.stdout.strip() == "False", done.stderr
