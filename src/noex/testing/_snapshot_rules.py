"""What state machines do about snapshots: dump a table, load it again, compare, and maybe go on with the new one."""

from __future__ import annotations

import os
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from noex import ets
from noex.testing._step_strategies import shelf
from noex.testing._store_machine import NUMBERS, StoreRules

__all__ = ["SnapshotRules"]


class SnapshotRules(StoreRules):
    """Snapshots of any kind of table."""

    @rule(number=NUMBERS, moving=st.booleans())
    def snapshot(self, number: int, moving: Any) -> None:
        """Dump and load; `moving`, go on with the table that was loaded, with its indexes added again."""
        subject = self.subjects[number]
        entries = subject.model.to_list()
        options: dict[str, Any] = {"clock": self.clock} if subject.has_indexes else {}
        if subject.keyed:
            options["key"] = shelf
        with TemporaryDirectory() as folder:
            path = os.path.join(folder, "table.snapshot")
            assert subject.table.dump(path, wall=self.clock) == len(entries)
            table: Any = ets.load(path, store=self.store, wall=self.clock, **options)
        assert type(table) is type(subject.table)
        subject.agree(table.to_list(), entries)
        table._check()
        for key, _ in entries if subject.has_indexes else ():
            assert repr(table.expires_in(key)) == repr(subject.table.expires_in(key))
        if moving:
            subject.move_to(table)
        else:
            table.close()
