"""How a comparison of bodies, or of seeds, is shown: one line per body, route and control, as words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: The controls that are compared, in this order; fixed strides are left to each evaluation.
CONTROLS = ("agent", "oracle", "no_inference", "random_encoder")
#: What is told of an agent, by body and route.
NUMBERS = ("goal_settled", "velocity_settled", "success", "fall_rate", "return")
_PLACE = ("body", "route", "control")
Row = Mapping[str, Any]


def shown(row: Row) -> dict[str, str]:
    """A row of ``comparison.json`` by heading; errors as mean and its 95 % interval."""
    return {
        "body": row["body"],
        "route": row["route"],
        "control": row["control"].replace("_", " "),
        "goal": _interval(row, "goal_settled"),
        "goal median": f"{row['goal_settled_median']:.3f}",
        "velocity": _interval(row, "velocity_settled"),
        "velocity median": f"{row['velocity_settled_median']:.3f}",
        "success": f"{row['success']:.0%}",
        "falls": f"{row['fall_rate']:.0%}",
        "return": f"{row['return']:.1f}",
        "stride": f"{row['mean_stride']:.1f}",
        "time": f"{row['seconds']:.0f} s",
        "toy": row["toy_inference"][:12],
    }


def _interval(row: Row, name: str, form: str = ".3f") -> str:
    return f"{row[name]:{form}} [{row[f'{name}_low']:{form}}, {row[f'{name}_high']:{form}}]"


def markdown(rows: Sequence[Row]) -> str:
    """The page ``comparison.md``."""
    toys = ", ".join(f"`{toy}`" for toy in dict.fromkeys(row["toy_inference"] for row in rows))
    words = [
        f"One frozen toy_inference artifact per space of coordinates: {toys}.",
        "",
        "Reference tasks. Goal and velocity: settled error, |value - target| / |target|, as mean [bootstrap 95 %",
        "interval over episodes] and median. Success: share of episodes that settle within 0.10; falls: share that",
        "fell. Return, stride (control steps per decision) and simulated time are means over episodes.",
    ]
    return page("Bodies, routes and controls", words, [shown(row) for row in rows])


def swept(row: Row) -> dict[str, str]:
    """A row of ``sweep.json`` by heading; numbers as interquartile mean over seeds and its 95 % interval."""
    measured = {f"{name}{part}" for name in NUMBERS for part in ("", "_low", "_high")}
    places = [*_PLACE, *sorted(row.keys() - measured - {*_PLACE, "seeds"}), "seeds"]
    return {name: str(row[name]).replace("_", " ") for name in places} | {
        "goal": _interval(row, "goal_settled"),
        "velocity": _interval(row, "velocity_settled"),
        "success": _interval(row, "success", ".0%"),
        "falls": _interval(row, "fall_rate", ".0%"),
        "return": _interval(row, "return", ".1f"),
    }


def swept_markdown(rows: Sequence[Row]) -> str:
    """The page ``sweep.md``."""
    words = [
        "Over training seeds, each with a toy and low levels of its own: interquartile mean [bootstrap 95 % interval]",
        "of the seeds' means over the reference tasks. Goal and velocity: settled error, |value - target| / |target|.",
        "Success: share of episodes that settle within 0.10; falls: share that fell.",
    ]
    return page("Sweep", words, [swept(row) for row in rows])


def page(title: str, words: Sequence[str], lines: Sequence[Mapping[str, str]]) -> str:
    """Markdown: a title, words, and a table of lines by heading."""
    table = [list(lines[0]), ["---"] * len(lines[0]), *(list(line.values()) for line in lines)]
    return "\n".join([f"# {title}", "", *words, "", *(f"| {' | '.join(cells)} |" for cells in table), ""])
