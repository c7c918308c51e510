"""After `close()`: every verb raises `TableClosed`, whichever way the table was closed."""

from __future__ import annotations

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from collections.abc import Callable

import pytest

from noex import errors, ets
from noex.testing.conformance._base import Conformance, Table
from noex.testing.conformance._verbs import every_verb


def _by_hand(table: Table, _store: ets.Store) -> None:
    table.close()


def _twice(table: Table, _store: ets.Store) -> None:
    table.close()
    table.close()


def _by_context(table: Table, _store: ets.Store) -> None:
    with table as entered:
        assert entered is table


def _by_store(_table: Table, store: ets.Store) -> None:
    store.close()


class Closing(Conformance):
    """A table of verbs and states."""

    @pytest.mark.parametrize("close", [_by_hand, _twice, _by_context, _by_store])
    @pytest.mark.parametrize("entries", [{}, {"k": 1, "other": 2}], ids=["empty", "filled"])
    def test_every_verb_of_a_closed_table_raises(
        self, close: Callable[[Table, ets.Store], None], entries: dict[str, int]
    ) -> None:
        with ets.Store() as store:
            table = self.fill(entries, name="stock", store=store)
            close(table, store)
            verbs = every_verb(self.kind)
            calls = {name: (lambda verb=verb: verb(table)) for name, verb in verbs.items()}
            assert self.that_do_not_raise(errors.TableClosed, calls) == {}
            assert self.that_do_not_raise(RuntimeError, calls) == {}

    def test_the_error_names_the_table(self) -> None:
        with ets.Store() as store:
            table = self.make(name="stock", store=store)
            table.close()
            with pytest.raises(errors.TableClosed, match="stock"):
                table.lookup("k")

    def test_a_closed_table_still_says_what_it_is(self) -> None:
        with ets.Store() as store:
            table = self.make(name="stock", store=store)
            states = [table.closed]
            table.close()
            assert [*states, table.closed] == [False, True]
            assert table.name == "stock"
            assert table.kind == self.kind
            assert "stock" in repr(table)

    def test_closing_frees_the_entries(self) -> None:
        class Value:
            deleted = 0

            def __del__(self) -> None:
                Value.deleted += 1

        table = self.make()
        table.insert("k", Value())
        table.close()
        assert Value.deleted == 1

    def test_an_error_inside_the_context_closes_the_table_and_passes(self) -> None:
        table = self.make()
        with pytest.raises(ZeroDivisionError), table:
            table.insert("k", 1 / len(table))
        assert table.closed
