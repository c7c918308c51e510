"""The processes of a loop as a tree, to be printed: each below the one that started it by `start_link`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from noex.otp._loops import home_of
from noex.otp._mailbox import DEAD
from noex.otp._process import Process
from noex.otp._ref import Ref
from noex.otp._system import STATUS

__all__ = ["Node", "Tree", "status_of", "tree"]


@dataclass(frozen=True, slots=True)
class Node:
    """A process as it stood: `depth` is 0 for those that nobody here is the parent of.

    `waiting` counts the messages in its mailbox, `handled` those it has handled. `links` are processes that it is
    linked to, and that are neither its parent nor its children.
    """

    ref: Ref
    label: str
    names: tuple[object, ...]
    status: str
    waiting: int
    handled: int
    restarts: int
    depth: int
    links: tuple[str, ...]

    def __str__(self) -> str:
        more = [f"{self.waiting} waiting", f"{self.handled} handled"]
        more += [f"{self.restarts} restarts"] if self.restarts else []
        more += [f"named {', '.join(map(repr, self.names))}"] if len(self.names) > 1 else []
        more += [f"linked to {', '.join(self.links)}"] if self.links else []
        return f"{self.label}  {self.status}, {', '.join(more)}"


@final
class Tree:
    """The processes of a loop, each before its children, in the order of their starts; prints as a tree."""

    __slots__ = ("_nodes",)

    def __init__(self, nodes: list[Node]) -> None:
        self._nodes = nodes

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def __repr__(self) -> str:
        if not self._nodes:
            return "no processes"
        lines: list[str] = []
        bars: list[bool] = []  # of each depth: whether a sibling is still to come, seen from below
        for node in reversed(self._nodes):
            depth = node.depth
            bars += [False] * (depth + 1 - len(bars))
            stem = "".join("│  " if bar else "   " for bar in bars[1:depth])
            branch = "" if not depth else "├─ " if bars[depth] else "└─ "
            lines.append(f"{stem}{branch}{node}")
            bars[depth] = True
            del bars[depth + 1 :]
        return "\n".join(reversed(lines))


def status_of(process: Process) -> str:
    """Return the state of a process in a word."""
    return STATUS[process.state] if process.initialised or process.state < 0 else "starting"


def tree(root: Ref | None = None) -> Tree:
    """Return the processes of the running loop, or those from `root` downwards, as a tree to be printed.

    O(processes). It asks nobody anything, so that it also shows those that are stuck.

    Raises:
        RuntimeError: no loop is running.
        NoProcess: `root` is a name that nobody has.

    >>> from noex.otp import GenServer
    >>> class Parent(GenServer):
    ...     async def init(self) -> None:
    ...         await GenServer.start_link(name="child")
    >>> async def main() -> None:
    ...     await Parent.start(name="parent")
    ...     print(tree())
    >>> asyncio.run(main())
    Parent 'parent'  idle, 0 waiting, 0 handled
    └─ GenServer 'child'  idle, 0 waiting, 0 handled
    """
    home = home_of(asyncio.get_running_loop()) if root is None else root._process.home
    children: dict[Process | None, list[Process]] = {}
    for process in home.processes:
        children.setdefault(process.parent if process.parent in home.processes else None, []).append(process)
    first: list[Process] = children.get(None, [])
    if root is not None:
        first = [] if root._process.state == DEAD else [root._process]
    nodes: list[Node] = []
    left: list[tuple[Process, int]] = [(process, 0) for process in reversed(first)]
    while left:
        process, depth = left.pop()
        own = children.get(process, [])
        nodes.append(_node(process, depth, own))
        left += [(child, depth + 1) for child in reversed(own)]
    return Tree(nodes)


def _node(process: Process, depth: int, children: list[Process]) -> Node:
    family = {process.parent, *children}
    return Node(
        ref=process.ref,
        label=process.label,
        names=tuple(name for _, name in process.names or ()),
        status=status_of(process),
        waiting=len(process.mailbox or ()),
        handled=process.handled,
        restarts=process.restarts,
        depth=depth,
        links=tuple(other.label for other in process.links or () if other not in family),
    )
