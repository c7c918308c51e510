"""NOEX_KERNEL: which kernel is used, and that forcing a missing one is an error, never a fallback."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from noex import kernel

HAS_NATIVE = find_spec("noex.kernel._native") is not None


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


@pytest.mark.parametrize("choice", [None, ""], ids=["unset", "empty"])
@pytest.mark.skipif(HAS_NATIVE, reason="this installation has a native kernel")
def test_without_a_choice_and_a_native_kernel_it_is_pure_and_says_why(choice: str | None) -> None:
    done = python(SHOW, choice)
    assert done.returncode == 0, done.stderr
    name, reason, in_info = done.stdout.splitlines()
    assert (name, in_info) == ("pure", "pure")
    assert "no native kernel" in reason


@pytest.mark.skipif(HAS_NATIVE, reason="this installation has a native kernel")
def test_a_missing_native_kernel_is_never_replaced_by_another() -> None:
    done = python("import noex", "native")
    assert done.returncode == 1
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("noex.errors.KernelUnavailable: NOEX_KERNEL asks for the native kernel")
    assert "lacks" in last


@pytest.mark.skipif(HAS_NATIVE, reason="this installation has a native kernel")
def test_the_command_line_fails_too_where_the_kernel_is_missing() -> None:
    environment = os.environ | {"NOEX_KERNEL": "native"}
    command = [sys.executable, "-m", "noex", "info"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
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
