"""The part of the build that pyproject.toml cannot say: the native kernel, which is optional and never silently absent.

Where it cannot be built, the package is installed with the pure kernel alone. The build says so, and writes the reason
beside the kernel, from where `noex info` prints it. The environment variable `NOEX_REQUIRE_NATIVE`, if it is neither
empty nor 0, makes that an error.
"""

from __future__ import annotations

import os
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.errors import PlatformError
from setuptools_rust import Binding, RustExtension, build_rust

CRATE = Path("rust/Cargo.toml")
KERNEL = "noex.kernel"
REASON_FILE = "_native_missing.txt"  # read by noex/kernel/_choice.py


def oldest_rust() -> str:
    """Return the oldest version of Rust that will do, as the crate says."""
    if not CRATE.exists():
        return "0"  # a source tree without the crate: that is what the build will complain of
    return str(tomllib.loads(CRATE.read_text(encoding="utf-8"))["package"]["rust-version"])


NATIVE = RustExtension(
    f"{KERNEL}._native",
    path=str(CRATE),
    features=["python"],
    binding=Binding.PyO3,
    cargo_manifest_args=["--locked"],  # the crates that were tested, and no others
    rust_version=f">={oldest_rust()}",
    debug=False,  # editable installs get a release build too
    quiet=True,  # what cargo says of a failure then comes with the error
)


def is_required() -> bool:
    """Whether a build without the native kernel is an error."""
    return os.environ.get("NOEX_REQUIRE_NATIVE", "") not in {"", "0"}


def in_short(error: Exception) -> str:
    """Return, in one line, why the native kernel could not be built."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if lines[0].startswith("can't find Rust compiler"):
        return f"there was no Rust compiler (noex needs {oldest_rust()} or newer, https://rustup.rs)"
    told = [line for line in lines if line.startswith(("error:", "error["))]
    errors = [line for line in told if not line.startswith("error: could not compile")]
    causes = [after for line, after in pairwise(lines) if line == "Caused by:"]
    return ", because: ".join([*(errors or told or lines)[-1:], *causes[-1:]])


class BuildNative(build_rust):
    """Build the native kernel, or say why not."""

    left_out = False

    def run(self) -> None:
        """Put the shared object where it belongs; or, unless it is required, the reason why there is none."""
        try:
            super().run()
        except Exception as error:  # whatever it is, the pure kernel does not need it
            if is_required():
                raise PlatformError(
                    f"{error}\n\nThe native kernel of noex cannot be built: {in_short(error)}.\n"
                    "NOEX_REQUIRE_NATIVE asks for it. To do without it, unset that: with make, "
                    "`make NOEX_REQUIRE_NATIVE= ...`."
                ) from error
            self.leave_out(error)
        else:
            self.shared_object().with_name(REASON_FILE).unlink(missing_ok=True)

    def leave_out(self, error: Exception) -> None:
        """Write down why there is no native kernel, and take away one of an earlier build."""
        BuildNative.left_out = True
        reason = in_short(error)
        print(f"{error}\n\n==> noex gets no native kernel, its pure one is used: {reason}", file=sys.stderr)
        shared_object = self.shared_object()
        shared_object.unlink(missing_ok=True)
        shared_object.parent.mkdir(parents=True, exist_ok=True)
        shared_object.with_name(REASON_FILE).write_text(f"{reason}\n", encoding="utf-8")

    def shared_object(self) -> Path:
        """Return where the native kernel goes: into the wheel, or into the source tree of an editable install."""
        build_ext = self.get_finalized_command("build_ext")
        build_ext.inplace = self.inplace
        return Path(build_ext.get_ext_fullpath(NATIVE.name))


class Wheel(bdist_wheel):
    """A wheel that is named after what is in it: without the native kernel it is for every Python and platform."""

    def get_tag(self) -> tuple[str, str, str]:
        """Return the tags of Python, ABI and platform."""
        return ("py3", "none", "any") if BuildNative.left_out else super().get_tag()


setup(rust_extensions=[NATIVE], cmdclass={"build_rust": BuildNative, "bdist_wheel": Wheel})
