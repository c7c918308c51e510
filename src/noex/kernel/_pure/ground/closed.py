"""What stands in for the rows of a closed table: any touch says so.

Putting it in the place of the rows means that no verb has to ask whether its table is still open.
"""

from __future__ import annotations

from typing import Any, NoReturn

from noex.errors import TableClosed

__all__ = ["ClosedRows"]


class ClosedRows(dict[Any, Any]):
    """An empty dict whose every use raises `TableClosed`."""

    __slots__ = ("_label",)

    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = label

    def _refuse(self, *_args: object, **_options: object) -> NoReturn:
        raise TableClosed(f"{self._label} is closed; use it before close(), or make a new one")

    __reversed__ = __contains__ = __delitem__ = __getitem__ = __iter__ = __len__ = __setitem__ = _refuse  # pyright: ignore[reportAssignmentType]
    copy = get = items = keys = pop = setdefault = update = values = _refuse  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]
