"""A running Erlang that answers calls of `ets`: made from `ets_port.erl`, ended with its input."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from ._terms import Atom, decode, encode, show

__all__ = ["Answer", "Call", "Erlang", "ErlangDied", "show_call", "why_not"]

Call: TypeAlias = tuple[str, list[Any]]
"""A function of `ets`, or one of `ets_port.erl`, and its arguments after the table."""

Answer: TypeAlias = tuple[str, Any]
"""`("ok", term)` or `("error", Atom(reason))`."""

PATIENCE: Final = 60.0
"""Seconds without an answer after which Erlang counts as stuck; it needs milliseconds."""


class ErlangDied(RuntimeError):
    """The Erlang program ended or fell silent; the message holds what it wrote last."""


def why_not() -> str | None:
    """Return the reason why there is no Erlang to compare with, or None where there is one."""
    missing = [program for program in ("erl", "erlc") if shutil.which(program) is None]
    if not missing:
        return None
    return f"no {' and no '.join(missing)} on the PATH: install Erlang (erlang-base or erlang) to compare with its ets"


class Erlang:
    """One Erlang with one table, or whatever else the module serves: a context manager that ends it."""

    def __init__(self, folder: Path, module: str = "ets_port") -> None:
        source = Path(__file__).with_name(f"{module}.erl")
        compiled = subprocess.run(
            ["erlc", "-o", str(folder), str(source)], capture_output=True, text=True, check=False, cwd=folder
        )
        if compiled.returncode != 0:
            raise ErlangDied(f"erlc does not compile {source}:\n{compiled.stdout}{compiled.stderr}")
        self._log = folder / "erlang.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["erl", "-noshell", "-noinput", "-pa", str(folder), "-s", module, "main"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=folder,
                env={**os.environ, "ERL_CRASH_DUMP_SECONDS": "0"},
                bufsize=0,
            )

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def ask(self, calls: Sequence[Call]) -> list[Answer]:
        """Make the calls in one round trip, and return their answers."""
        answers = self.exchange([(Atom(function), arguments) for function, arguments in calls])
        return [(outcome.name, term) for outcome, term in answers]

    def exchange(self, request: Any) -> Any:
        """Send one term and return the term that comes back."""
        data = encode(request)
        try:
            self._send(len(data).to_bytes(4, "big") + data)
            return decode(self._receive(int.from_bytes(self._receive(4), "big")))
        except OSError as error:
            raise self._died(f"took no calls ({error})") from error

    def call(self, function: str, *arguments: Any) -> Any:
        """Make one call and return its result.

        Raises:
            ValueError: Erlang answers with an error.
        """
        ((outcome, term),) = self.ask([(function, list(arguments))])
        if outcome != "ok":
            raise ValueError(f"{show_call((function, list(arguments)))} fails with {show(term)}")
        return term

    def _send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        left = memoryview(data)
        while left:
            left = left[self._process.stdin.write(left) :]

    def _receive(self, size: int) -> bytes:
        assert self._process.stdout is not None
        parts = bytearray()
        while len(parts) < size:
            ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
            if not ready:
                self._process.kill()
                raise self._died(f"gave no answer for {PATIENCE:.0f} seconds")
            part = os.read(self._process.stdout.fileno(), size - len(parts))
            if not part:
                raise self._died("ended")
            parts += part
        return bytes(parts)

    def _died(self, what: str) -> ErlangDied:
        self.close()
        log = self._log.read_text(errors="replace")
        return ErlangDied(f"Erlang {what}, exit status {self._process.returncode}; it wrote:\n{log or '(nothing)'}")

    def close(self) -> None:
        """End the program by ending its input, and by force if that does not help."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def show_call(call: Call) -> str:
    """Return a call as Erlang writes it."""
    function, arguments = call
    return f"ets:{function}({', '.join(['T', *map(show, arguments)])})"
