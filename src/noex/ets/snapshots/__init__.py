"""Snapshots: a table in a file, and a table from a file.

`table.dump(path)`, `ets.load(path)` and `ets.snapshot_info(path)` are what they are for. Layout, each file above those
it imports::

    _load.py         a table from a file
    _fill.py         entries into the new table
    _rows.py         the entries of a file, each one checked
    _dump.py         the verb `dump` of all tables
    _write.py        entries into a file
    _info.py         what a file tells about itself
    _file.py         the format: header, blocks, footer, checksums
    _replacement.py  a file replaced in one step
    _keys.py         keys as bytes and back
    _values.py       values as bytes
    _extensions.py   values from bytes

`_load` knows the kinds of table, and the kinds know `_dump`; so nothing is imported here. The kinds do not import the
rest, nor msgspec: `dump` does when it is called.
"""

from __future__ import annotations

__all__: list[str] = []
