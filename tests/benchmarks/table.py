"""The table of what was measured against what has to be reached."""

from __future__ import annotations

from dataclasses import dataclass, field

_COLUMNS = ("what", "bar", "measured", "verdict", "command")


@dataclass(frozen=True)
class Row:
    """One line; ``reached`` is None where nothing was measured."""

    what: str
    bar: str
    measured: str
    reached: bool | None
    command: str

    @property
    def verdict(self) -> str:
        """In a word."""
        return {True: "reached", False: "MISSED", None: "not measured"}[self.reached]

    @property
    def line(self) -> str:
        """As a line of Markdown."""
        return f"| {self.what} | {self.bar} | {self.measured} | {self.verdict} | `{self.command}` |"


@dataclass
class Recorder:
    """Takes the rows of one benchmark, which ``command`` repeats."""

    command: str
    rows: list[Row] = field(default_factory=list)

    def at_most(self, what: str, bar: float, measured: float, unit: str = "", note: str = "") -> None:
        """Add a row whose value may not exceed the bar; NaN misses it."""
        self._add(what, f"≤ {bar:.4g}", measured, measured <= bar, unit, note)

    def at_least(self, what: str, bar: float, measured: float, unit: str = "", note: str = "") -> None:
        """Add a row whose value may not fall below the bar; NaN misses it."""
        self._add(what, f"≥ {bar:.4g}", measured, measured >= bar, unit, note)

    def left_out(self, what: str, bar: str, why: str) -> None:
        """Add a row for what was not measured."""
        self.rows.append(Row(what, bar, why, None, self.command))

    @property
    def missed(self) -> list[str]:
        """One line per missed bar."""
        return [f"{row.what}: {row.measured}, bar {row.bar}" for row in self.rows if row.reached is False]

    def _add(self, what: str, bar: str, measured: float, reached: bool, unit: str, note: str) -> None:
        value = f"{measured:.4g} {unit}".strip() + (f" ({note})" if note else "")
        self.rows.append(Row(what, f"{bar} {unit}".strip(), value, bool(reached), self.command))


def markdown(rows: list[Row], heading: str) -> str:
    """The rows as a Markdown table below a heading."""
    head = f"| {' | '.join(_COLUMNS)} |\n|{' --- |' * len(_COLUMNS)}"
    return "\n".join([f"# {heading}", "", head, *(row.line for row in rows), ""])
