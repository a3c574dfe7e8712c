"""Which run came from which: every run is tagged with the runs that it consumed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from stages.keys import canonical_json
from stages.store.database import Record
from stages.store.writer import StoredRun


def tag(inputs: Mapping[str, StoredRun]) -> str:
    """What a run's tag ``parents`` says: run and digest by input name."""
    return canonical_json({n: {"run": r.run_id, "digest": r.artifact.digest} for n, r in inputs.items()})


class Lineage:
    """The lineage of a store's runs, which are given newest first."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.sound = {record.run_id: record for record in records if record.is_sound}

    def parents(self, record: Record) -> dict[str, Record | None]:
        """What a run consumed, by input name: that very run, else another of the same bytes, else None."""
        recorded = json.loads(record.tags.get("parents", "{}"))
        return {name: self._parent(name, about["run"], about["digest"]) for name, about in recorded.items()}

    def with_ancestors(self, run_ids: Iterable[str]) -> dict[str, Record]:
        """Runs and all that they came from, by id, each after its parents."""
        found: dict[str, Record] = {}

        def visit(record: Record) -> None:
            if record.run_id not in found:
                for parent in filter(None, self.parents(record).values()):
                    visit(parent)
                found[record.run_id] = record

        for run_id in run_ids:
            if run_id in self.sound:
                visit(self.sound[run_id])
        return found

    def tree(self, record: Record, indent: str = "  ") -> Iterator[str]:
        """A line per input: name, stage, run and digest; below it, indented, the inputs of that."""
        for name, parent in self.parents(record).items():
            if parent is None:
                yield f"{indent}{name}: no longer stored"
            else:
                tags = parent.tags
                yield f"{indent}{name}: {tags['stage']}, run {parent.run_id[:8]}, digest {tags['digest'][:12]}"
                yield from self.tree(parent, indent + "  ")

    def _parent(self, name: str, run_id: str, digest: str) -> Record | None:
        alike = (r for r in self.sound.values() if r.tags["digest"] == digest and name.startswith(r.tags["stage"]))
        return self.sound.get(run_id) or next(alike, None)
