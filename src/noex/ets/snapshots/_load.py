"""Making a table from a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar, overload

from noex.errors import SnapshotError
from noex.ets._names import Names, names_of
from noex.ets._store import KINDS, AnyTable
from noex.ets.snapshots._dump import read_wall
from noex.ets.snapshots._file import SnapshotReader
from noex.ets.snapshots._fill import fill_bag, fill_set
from noex.ets.snapshots._info import SnapshotInfo, info_of
from noex.ets.snapshots._replacement import path_of
from noex.ets.snapshots._rows import blocks_of, converter
from noex.typing import Clock

__all__ = ["load"]

V = TypeVar("V")


@overload
def load(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    store: Names | None = None,
    key: Callable[[Any], Any] | None = None,
    clock: Clock | None = None,
    value_type: type[V],
    wall: Clock | None = None,
) -> AnyTable[Any, V]: ...
@overload
def load(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    store: Names | None = None,
    key: Callable[[Any], Any] | None = None,
    clock: Clock | None = None,
    value_type: Any = None,
    wall: Clock | None = None,
) -> AnyTable[Any, Any]: ...
def load(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    store: Names | None = None,
    key: Callable[[Any], Any] | None = None,
    clock: Clock | None = None,
    value_type: Any = None,
    wall: Clock | None = None,
) -> AnyTable[Any, Any]:
    """Make the table that was dumped into a file: kind, name, default lifetime, entries.

    O(n). The whole file is read and checked before the table can be seen in the store; where anything fails, there is
    none. `name` gives it another name. Functions are not in the file: a table that had a `key=` needs it again, a
    `clock=` may be given, indexes are added again. Entries live as long as they still had at the dump, less what the
    time of day, which `wall` tells (`time.time`), has moved since; those whose time is over are left out. `value_type`
    makes every value one of that type, for which it takes what `msgspec.convert` takes: a dataclass, a Struct,
    `list[User]` and so on.

    Raises:
        SnapshotError: the file is no snapshot, or is damaged, or holds what no table can, or needs a `key=`, or is
            given one that it does not need or that merges keys; or a value is not of `value_type`; or it is a pipe.
        TableExists: the name is taken.
        OSError: the file cannot be read.
        TypeError, ValueError: an argument is of the wrong kind.

    >>> import tempfile, os
    >>> from dataclasses import dataclass
    >>> from noex import ets
    >>> @dataclass
    ... class User:
    ...     name: str
    >>> users = ets.SetTable[str, User]()
    >>> users.insert("u1", User("Ada"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "users.snapshot")
    ...     written = users.dump(path)
    ...     plain, again = ets.load(path), ets.load(path, value_type=User)
    >>> plain["u1"], again["u1"]
    ({'name': 'Ada'}, User(name='Ada'))
    """
    text = path_of(path)
    names = names_of(store)
    convert = converter(text, value_type)
    now = read_wall(wall)
    with open(text, "rb") as file:
        reader = SnapshotReader(file, text)
        info = info_of(reader)
        chosen = info.name if name is None else name
        _check_key(info, text, key)
        names._refuse_taken(chosen)
        options: dict[str, Any] = {"clock": clock}
        if info.kind in ("set", "ordered_set"):
            options["ttl"] = info.ttl
        if info.kind == "ordered_set":
            options["key"] = key
        identity, make = _class_of(info, text)._blueprint(chosen, **options)
        table: Any = make()
        blocks = blocks_of(reader, info, convert)
        if "ttl" in options:
            since = max(now, reader.fields["wall"])  # a clock that was set back gives nobody longer
            fill_set(table, blocks, text, since, key)
        else:
            fill_bag(table, blocks, text, converted=convert is not None)
    loaded: AnyTable[Any, Any] = names._register(chosen, identity, exist_ok=False, make=lambda: table)
    return loaded


def _class_of(info: SnapshotInfo, path: str) -> Any:
    if info.kind not in KINDS:
        raise SnapshotError(
            f"the snapshot {path!r} is of a table of kind {info.kind!r}, which this version of noex does not know; "
            "read it with the version that wrote it"
        )
    return KINDS[info.kind]


def _check_key(info: SnapshotInfo, path: str, key: object) -> None:
    if info.needs_key and key is None:
        raise SnapshotError(
            f"the snapshot {path!r} is of a table ordered by a key= function, and functions are not in the file; "
            "give load the same key="
        )
    if key is not None and not info.needs_key:
        raise SnapshotError(f"the snapshot {path!r} is of a table without a key= function; load it without key=")
