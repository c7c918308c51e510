"""The kinds with one value per key are mutable mappings."""

from __future__ import annotations

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, MutableMapping
from types import MappingProxyType

import pytest

from noex import errors, ets
from noex.testing.conformance._base import Conformance, Table


class _OwnMapping(Mapping[str, int]):
    """A mapping that is no dict."""

    def __getitem__(self, key: str) -> int:
        return {"a": 1, "b": 2}[key]

    def __iter__(self) -> Iterator[str]:
        return iter("ab")

    def __len__(self) -> int:
        return 2


class MappingBehaviour(Conformance):
    """Subscription, views, comparison, and the methods of `MutableMapping`."""

    def test_it_is_a_mutable_mapping(self, table: Table) -> None:
        assert isinstance(table, MutableMapping)

    def test_subscription_reads_writes_and_deletes(self, table: Table) -> None:
        table["k"] = 1
        assert table["k"] == 1
        table["k"] = None
        assert table["k"] is None
        del table["k"]
        assert "k" not in table

    def test_a_missing_key_raises_key_not_found(self) -> None:
        with ets.Store() as store:
            table = self.make(name="stock", store=store)
            calls: list[Callable[[], object]] = [
                lambda: table["apples"],
                lambda: table.__delitem__("apples"),
                lambda: table.pop("apples"),
            ]
            for call in calls:
                with pytest.raises(errors.KeyNotFound) as caught:
                    call()
                assert caught.value.key == "apples"
                assert "apples" in str(caught.value)
                assert "stock" in str(caught.value)
                assert isinstance(caught.value, KeyError)
                assert isinstance(caught.value, errors.TableError)

    def test_get_pop_and_setdefault(self, table: Table) -> None:
        table.insert("k", None)
        assert table.get("k", 1) is None
        assert table.get("missing") is None
        assert table.get("missing", 1) == 1
        assert table.setdefault("k", 1) is None
        assert table.setdefault("new", 2) == 2
        assert table.setdefault("newer") is None
        assert table.pop("k", 5) is None
        assert table.pop("k", 5) == 5
        assert table.pop("new") == 2
        assert self.content(table) == [("newer", None)]

    def test_popitem_takes_some_entry_out(self, table: Table) -> None:
        entries = {"a": 1, "b": 2, "c": 3}
        table.update(entries)
        taken = dict(table.popitem() for _ in range(3))
        assert taken == entries
        with pytest.raises(KeyError):
            table.popitem()

    def test_update_takes_what_dict_update_takes(self, table: Table) -> None:
        table.update({"a": 1}, b=2)
        table.update([("c", 3), ("a", 4)])
        table.update(d=5)
        table.update()
        assert table == {"a": 4, "b": 2, "c": 3, "d": 5}

    def test_update_is_all_or_nothing(self, table: Table) -> None:
        table.insert("a", 1)
        with pytest.raises(self.key_error):
            table.update([("a", 2), ([], 3)])
        with pytest.raises(self.key_error):
            table.update([("a", 2), ([], 3)], b=4)
        with pytest.raises(ValueError):
            table.update([("a", 2), (1, 2, 3)])
        assert table == {"a": 1}

    def test_it_compares_by_content_with_any_mapping(self, table: Table) -> None:
        table.update({"a": 1, "b": 2})
        equal = [
            {"b": 2, "a": 1},
            OrderedDict(b=2, a=1),
            MappingProxyType({"a": 1.0, "b": 2}),
            _OwnMapping(),
            self.fill({"a": 1, "b": 2}),
            table,
        ]
        for other in equal:
            assert table == other
            assert other == table
            assert not table != other  # noqa: SIM202 - both operators are tested
        for unequal in ({}, {"a": 1}, {"a": 1, "b": 3}, {"a": 1, "c": 2}, self.fill({"a": 1}), [("a", 1), ("b", 2)], 5):
            assert table != unequal
            assert not table == unequal  # noqa: SIM201 - both operators are tested

    def test_the_other_kind_with_equal_content_is_equal(self, table: Table) -> None:
        table.update({"a": 1, "b": 2})
        for other in (ets.SetTable[str, int](), ets.OrderedSetTable[str, int]()):
            other.update(a=1, b=2)
            assert table == other
            assert other == table

    def test_it_is_unhashable_and_false_when_empty(self, table: Table) -> None:
        assert not isinstance(table, Hashable)
        with pytest.raises(TypeError):
            hash(table)
        assert bool(table) is False
        table.insert("k", None)
        assert bool(table) is True

    def test_the_views_follow_the_table(self, table: Table) -> None:
        keys, values, items = table.keys(), table.values(), table.items()
        table.update({"a": 1, "b": 2})
        assert (sorted(keys), sorted(values), sorted(items)) == (["a", "b"], [1, 2], [("a", 1), ("b", 2)])
        table.clear()
        assert (len(keys), len(values), len(items)) == (0, 0, 0)

    def test_the_views_are_sets_as_far_as_those_of_a_dict_are(self, table: Table) -> None:
        table.update({"a": 1, "b": 2})
        assert table.keys() == {"a", "b"}
        assert table.keys() & {"b", "c"} == {"b"}
        assert table.keys() | {"c"} == {"a", "b", "c"}
        assert table.keys() - {"a"} == {"b"}
        assert table.items() == {("a", 1), ("b", 2)}
        assert table.items() & {("a", 1), ("b", 3)} == {("a", 1)}
        assert table.keys().isdisjoint({"c"})

    def test_it_becomes_a_dict(self, table: Table) -> None:
        table.update({"a": 1, "b": 2})
        assert dict(table) == {"a": 1, "b": 2}
        assert {**table} == {"a": 1, "b": 2}

    def test_it_can_be_matched(self, table: Table) -> None:
        table.update({"a": 1, "b": 2})
        match table:
            case {"a": found, "missing": _}:
                raise AssertionError(found)
            case {"a": found}:
                assert found == 1
            case _:
                raise AssertionError("a mapping pattern does not match")

    def test_a_value_that_was_given_a_default_is_not_called_missing(self, table: Table) -> None:
        table.insert("k", ets.MISSING)
        assert table["k"] is ets.MISSING
        assert table.lookup("k") is ets.MISSING
        assert table.pop("k") is ets.MISSING
