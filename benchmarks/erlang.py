"""What do the verbs of tables cost, next to Erlang's own `ets` on the same machine?

Two processes take turns, this one and `erl` with a compiled module (`erlang_ets.erl`): one Erlang process, a public
table, binaries as keys; the keys here are the same as `str`. Each side goes through its keys in the quickest way it
has, a recursive function there and a `for` loop here, and that is part of the time on both sides.

`ets:next` returns the next key, `next` here its value too. A `SetTable` has no `next`: there it is the walk of the
whole table that is compared, key by key.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from _measure import Case, Child, Fresh, Timer, compare, each, environment, options, shuffled_keys

from noex import ets

MODULE = Path(__file__).resolve().parent / "erlang_ets.erl"
FASTER = 1.0

Table: TypeAlias = ets.SetTable[str, int] | ets.OrderedSetTable[str, int]


def cases(kind: str, make: type[Table], keys: list[str], erlang: Child) -> Iterator[Case]:
    """Yield the verbs of a kind."""
    rows, pairs = len(keys), [(key, 0) for key in keys]

    def filled() -> Table:
        table = make()
        table.insert_many(pairs)
        return table

    def against(verb: str) -> dict[str, Timer]:
        return {f"ets:{verb}": erlang.timer(f"{verb} {kind}")}

    t = filled()
    yield Case(f"{kind}: lookup", each("f(key)", keys, f=t.lookup), against("lookup"), rows, FASTER)
    yield Case(f"{kind}: member", each("f(key)", keys, f=t.member), against("member"), rows)
    yield Case(f"{kind}: insert", each("f(key, 1)", keys, f=t.insert), against("insert"), rows, FASTER)
    fill = each("f(key, 1)", keys, f=Fresh(lambda: make().insert))
    yield Case(f"{kind}: insert, from empty", fill, against("fill"), rows, FASTER)
    if isinstance(t, ets.OrderedSetTable):
        yield Case(f"{kind}: next", each("f(key)", keys, f=t.next), against("next"), rows, FASTER)
    yield Case(f"{kind}: for key in t", each("pass", t), against("walk"), rows, FASTER)
    count = each("f(key)", keys, f=t.update_counter)
    yield Case(f"{kind}: update_counter", count, against("update_counter"), rows, 1.6)
    remove = each("f(key)", keys, f=Fresh(lambda: filled().delete))
    yield Case(f"{kind}: delete", remove, against("delete"), rows)


def main() -> None:
    """Print one line per verb and kind."""
    chosen = options(rows=100_000, rounds=9)
    print(environment())
    erl, erlc = shutil.which("erl"), shutil.which("erlc")
    if erl is None or erlc is None:
        print("no erl on this machine: nothing to compare with")
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([erlc, "-o", folder, str(MODULE)], check=True)  # noqa: S603 - our own module
        quiet = ["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"]  # while it waits it leaves us the processor
        command = [erl, *quiet, "-noshell", "-pa", folder, "-s", "erlang_ets", "main", "-extra", str(chosen.rows)]
        erlang = Child(command)
        try:
            print(f"Erlang {erlang.ask('about')}; {chosen.rows:,} rows; `walk` goes by ets:next")
            keys = shuffled_keys(chosen.rows)
            kinds = cases("set", ets.SetTable, keys, erlang), cases("ordered_set", ets.OrderedSetTable, keys, erlang)
            compare(chain(*kinds), chosen.rounds)
        finally:
            erlang.close()


if __name__ == "__main__":
    main()
