"""How far updates are, on the terminal: a bar for each device that takes one, a line for each that is through."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import click

from .progress import SETTLED, UNDER_WAY

_MOST = 12  # bars at a time


class Bars:
    """silent: nothing at all, as for --json. count: of devices, for the bar of all of them."""

    def __init__(self, count: int, silent: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        columns = (
            TextColumn("{task.description:24}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[now]}"),
        )
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=silent)
        self._all = self._bar.add_task("all devices", total=count, now="", visible=count > 1)
        self._tasks: dict[str, Any] = {}
        self._told: dict[str, str] = {}
        self._silent = silent

    def __enter__(self) -> "Bars":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """{name: {state, done_b, total_b, text}} of all of them."""
        for name, row in rows.items():
            if row["state"] in SETTLED:
                self._end(name)
                self._tell(name, row)
            elif row["state"] in UNDER_WAY and (name in self._tasks or len(self._tasks) < _MOST):
                if name not in self._tasks:
                    self._tasks[name] = self._bar.add_task(name, now="")
                loading = row["state"] == "downloading"
                done_b = row["done_b"] if loading else row["total_b"]
                self._bar.update(self._tasks[name], total=row["total_b"] or None, completed=done_b, now=row["state"])
            else:
                self._end(name)
        through = sum(row["state"] in SETTLED for row in rows.values())
        self._bar.update(self._all, completed=through, now=f"{through} of {len(rows)} are through")

    def _end(self, name: str) -> None:
        if name in self._tasks:
            self._bar.remove_task(self._tasks.pop(name))

    def _tell(self, name: str, row: Mapping[str, Any]) -> None:
        line = f"{name}: {row['state']}" + (f", {row['text']}" if row["text"] else "")
        if not self._silent and self._told.get(name) != line:
            self._told[name] = line
            self._bar.stop()
            click.echo(line)
            self._bar.start()
