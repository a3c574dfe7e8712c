"""How a comparison of bodies is shown: one line per body, route and control, as words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: The controls that are compared, in this order; fixed strides are left to each evaluation.
CONTROLS = ("agent", "oracle", "no_inference", "random_encoder")
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


def _interval(row: Row, name: str) -> str:
    return f"{row[name]:.3f} [{row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f}]"


def markdown(rows: Sequence[Row]) -> str:
    """The page ``comparison.md``."""
    toys = ", ".join(f"`{toy}`" for toy in dict.fromkeys(row["toy_inference"] for row in rows))
    lines = [shown(row) for row in rows]
    table = [list(lines[0]), ["---"] * len(lines[0]), *(list(line.values()) for line in lines)]
    return "\n".join(
        [
            "# Bodies, routes and controls",
            "",
            f"One frozen toy_inference artifact per space of coordinates: {toys}.",
            "",
            "Reference tasks. Goal and velocity: settled error, |value - target| / |target|, as mean [bootstrap 95 %",
            "interval over episodes] and median. Success: share of episodes that settle within 0.10; falls: share that",
            "fell. Return, stride (control steps per decision) and simulated time are means over episodes.",
            "",
            *(f"| {' | '.join(cells)} |" for cells in table),
            "",
        ]
    )
