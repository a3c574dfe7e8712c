"""What a command would do: what is stored, what would be computed and why, and how long that took before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from stages.changes import why
from stages.keys import components, key
from stages.plan import Node, Settings, bodies_of, configure, labels, nodes, parents
from stages.runner import check
from stages.store import Store

#: Runs of a stage, newest first, that say how long it takes.
_RECENT = 50


def forecast(wanted: Sequence[Node], settings: Settings, store: Store | None = None, force: bool = False) -> list[str]:
    """One line per node, parents first, and the total.

    Args:
        wanted: what is to be brought up to date.
        force: the first of them is computed even if it is stored.

    Raises:
        UserError: a mistake in the settings, or a store that cannot be used.
    """
    check(wanted, settings)
    outlook = _Outlook(settings, store or Store(), wanted[0] if force else None)
    order = dict.fromkeys(ancestor for node in wanted for ancestor in nodes(settings, node))
    for node in order:
        outlook.look(node)
    return [*outlook.lines, f"total: {len(outlook.waits)} of {len(order)} to compute{_sum(outlook.waits)}"]


@dataclass
class _Outlook:
    settings: Settings
    store: Store
    forced: Node | None
    lines: list[str] = field(default_factory=list)
    waits: list[float | None] = field(default_factory=list)
    digests: dict[Node, str] = field(default_factory=dict)

    def look(self, node: Node) -> None:
        """Add the line of a node whose parents have theirs."""
        inputs = parents(node, self.settings)
        missing = [name for name, parent in inputs.items() if parent not in self.digests]
        known = {name: self.digests[parent] for name, parent in inputs.items() if parent in self.digests}
        parts = components(node.stage, configure(node, self.settings), known)
        run = None if missing or node == self.forced else self.store.find(key(parts), self.lines.append)
        if run:
            self.digests[node] = run.artifact.digest
            self.lines.append(f"{node}: stored as run {run.run_id[:8]}")
            return
        reason = f"needs {', '.join(missing)}" if missing else why(self.store, parts)
        self.waits.append(self._seconds(node))
        said = "forced" if node == self.forced else reason
        self.lines.append(f"{node}: to compute: {said} ({_words(self.waits[-1])})")

    def _seconds(self, node: Node) -> float | None:
        """Median of the stage's runs under this profile: on the same body if there are any, else on all."""
        with self.store.explained():
            records = self.store.database.runs("FINISHED", "stage", node.stage, _RECENT)
        tags = [record.tags for record in records if record.profile == self.settings.profile]
        body = ", ".join(labels(bodies_of(node, self.settings)))
        same = [own for own in tags if own.get("body", "") == body]
        return median(float(own["seconds"]) for own in same or tags) if tags else None


def _sum(waits: Sequence[float | None]) -> str:
    known = [wait for wait in waits if wait is not None]
    parts = ([f"about {_words(sum(known))}"] if known else []) + (["?"] if len(known) < len(waits) else [])
    return ", " + " + ".join(parts) if parts else ""


def _words(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
