"""What is built is what was asked for: the native kernel, or the reason why there is none, and never a silent lack."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("setuptools_rust", reason="the package is built with setuptools-rust")

ROOT = Path(__file__).parents[2]
OF_THE_PACKAGE = ["CHANGELOG.md", "LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "rust", "setup.py", "src"]
NOT_OF_IT = shutil.ignore_patterns("target", "*.so", "*.egg-info", "__pycache__", "_native_missing.txt")

SHARED_OBJECT = f"_native{sysconfig.get_config_var('EXT_SUFFIX')}"
REASON = "_native_missing.txt"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A source tree of its own, in which nothing has been built."""
    if not (ROOT / "setup.py").exists():
        pytest.skip("these are not the sources of the package")
    copy = tmp_path / "tree"
    copy.mkdir()
    for name in OF_THE_PACKAGE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=NOT_OF_IT)
        else:
            shutil.copy(ROOT / name, copy / name)
    return copy


def build(tree: Path, *arguments: str, required: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "NOEX_REQUIRE_NATIVE"} | more
    if required is not None:
        environment["NOEX_REQUIRE_NATIVE"] = required
    command = [sys.executable, "setup.py", "--quiet", *arguments]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture
def nowhere(tmp_path: Path) -> str:
    """A PATH on which there is no Rust."""
    folder = tmp_path / "no programs"
    folder.mkdir()
    return str(folder)


@pytest.mark.parametrize("required", [None, "", "0"], ids=["unset", "empty", "zero"])
def test_without_rust_the_build_goes_on_and_says_why(tree: Path, nowhere: str, required: str | None) -> None:
    done = build(tree, "build_rust", "--inplace", required=required, PATH=nowhere)
    assert done.returncode == 0, done.stderr
    assert "==> noex gets no native kernel, its pure one is used: there was no Rust compiler" in done.stderr
    written = (tree / "src/noex/kernel" / REASON).read_text(encoding="utf-8")
    assert written.startswith("there was no Rust compiler (noex needs 1.")


def test_a_shared_object_of_an_earlier_build_does_not_stay_as_if_it_were_of_this_one(tree: Path, nowhere: str) -> None:
    old = tree / "src/noex/kernel" / SHARED_OBJECT
    old.touch()
    assert build(tree, "build_rust", "--inplace", PATH=nowhere).returncode == 0
    assert not old.exists()


def test_where_the_native_kernel_is_required_its_lack_is_an_error(tree: Path, nowhere: str) -> None:
    done = build(tree, "build_rust", "--inplace", required="1", PATH=nowhere)
    assert done.returncode == 1
    assert "The native kernel of noex cannot be built: there was no Rust compiler" in done.stderr
    assert "make NOEX_REQUIRE_NATIVE=" in done.stderr
    assert not (tree / "src/noex/kernel" / REASON).exists()


def test_a_wheel_without_the_native_kernel_is_for_every_python_and_says_why(tree: Path, nowhere: str) -> None:
    done = build(tree, "bdist_wheel", "--dist-dir", "wheels", PATH=nowhere)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tree / "wheels").iterdir()
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as opened:
        assert f"noex/kernel/{REASON}" in opened.namelist()
        assert "noex/kernel/_native.pyi" in opened.namelist()


def test_the_crate_is_in_the_sdist_and_what_was_built_is_not(tree: Path) -> None:
    (tree / "src/noex/kernel" / SHARED_OBJECT).touch()
    (tree / "rust/target/release").mkdir(parents=True)
    (tree / "rust/target/release/anything").touch()
    done = build(tree, "sdist", "--formats", "zip", "--dist-dir", "archives")
    assert done.returncode == 0, done.stderr
    (archive,) = (tree / "archives").iterdir()
    with zipfile.ZipFile(archive) as opened:
        names = {name.partition("/")[2] for name in opened.namelist()}
    crate = {path.relative_to(tree).as_posix() for path in (tree / "rust").rglob("*") if path.is_file()}
    assert {"setup.py", "rust/Cargo.toml", "rust/Cargo.lock", "rust/src/lib.rs"} <= names
    assert {name for name in crate if "target" not in name} <= names
    assert [name for name in names if "target" in name or name.endswith((".so", REASON))] == []


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cargo") is None, reason="there is no cargo here")
def test_a_wheel_from_the_sdist_has_the_native_kernel(tree: Path, tmp_path: Path) -> None:
    assert build(tree, "sdist", "--formats", "zip", "--dist-dir", "archives").returncode == 0
    (archive,) = (tree / "archives").iterdir()
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path / "unpacked")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    done = build(unpacked, "bdist_wheel", "--dist-dir", "wheels", required="1", CARGO_TARGET_DIR=str(tmp_path / "rust"))
    assert done.returncode == 0, done.stderr
    (wheel,) = (unpacked / "wheels").iterdir()
    assert not wheel.name.endswith("-any.whl")
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(tmp_path / "installed")
    loaded = subprocess.run(
        [sys.executable, "-c", "import noex.kernel._native as native; print(native.__file__, native.CONTRACT)"],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "installed")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert loaded.stdout.startswith(str(tmp_path / "installed")), loaded.stderr
