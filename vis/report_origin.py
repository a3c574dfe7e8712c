"""Parts of the report: where it came from, by digests, and how long that took, as far as a store knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from vis import page, plot_learning, plot_timing
from vis.content import Source
from vis.origin import Origin, throughput

#: Where ``made`` goes in a page that was written without a store, and its place in the navigation.
MADE, MADE_LINK = "<!-- made -->", "<!-- made link -->"


def lineage(sources: Sequence[Source]) -> str:
    """Every artifact by key and digest, what it was made from, and, to unfold, what decided it."""
    names: dict[str, str] = {source.digest: source.name for source in sources}
    rows = [
        [
            escape(source.name),
            ", ".join(escape(names.get(d) or n) for n, d in source.parts.get("inputs", {}).items()) or "nothing",
            _code(source.key),
            _code(source.digest),
        ]
        for source in sources
    ]
    intro = (
        "The artifacts that this page was drawn from, down to the digest of each file: equal keys give equal bytes. "
        "A key is made of config, inputs, sources, libraries and the body's files."
    )
    table = page.table(["artifact", "made from", "key", "digest"], rows, words=True)
    return page.section("lineage", "Lineage", intro, table, *map(_decided, sources), MADE)


def _decided(source: Source) -> str:
    groups = (("config", "field"), ("inputs", "input"), ("body", "body"), ("libraries", "library"))
    tables = [_entries(source.parts.get(group), title, "value") for group, title in groups]
    tables.append(_entries(source.parts.get("sources"), "source file", "digest"))
    files = {name: file["sha256"] for name, file in source.files.items()}
    return page.details(f"{source.name}: what decided it", *tables, _entries(files, "file", "sha256"))


def _entries(entries: Any, title: str, value: str) -> str:
    if not isinstance(entries, Mapping) or not entries:
        return ""
    return page.table([title, value], [[escape(str(n)), _code(v)] for n, v in sorted(entries.items())], words=True)


def _code(value: object) -> str:
    return f"<code>{escape(str(value))}</code>"


def made(origins: Sequence[Origin]) -> str:
    """Timing, verdicts of the cache and throughput."""
    rows = [
        [
            escape(origin.name),
            plot_timing.verdict(origin),
            escape(origin.why),
            datetime.fromtimestamp(origin.started, UTC).strftime("%Y-%m-%d %H:%M:%S"),
            _seconds(origin.seconds),
            f"{origin.steps_per_second:,.0f}" if origin.steps else "&ndash;",
            _code(origin.run_id[:8]),
        ]
        for origin in origins
    ]
    head = ["stage", "verdict", "why it was computed", "started (UTC)", "took", "steps per second", "MLflow run"]
    figures = [plot_timing.figure(origins)]
    for origin in origins:
        steps, rate = throughput(origin)
        if steps:
            figures.append(plot_learning.throughput_panel(steps, rate, origin.stage))
    intro = (
        "Read from the store when this page was written, not from the artifact, which holds no time of day. "
        "Steps are those of each stage's learning curve."
    )
    return page.section("made", "How it was made", intro, page.table(head, rows, words=True), page.grid(figures, 330))


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
