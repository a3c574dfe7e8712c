"""How inference methods on the toy are shown: one line per space and method, as words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stages.comparison_table import page
from stages.configs.methods import DEFAULT_METHOD

#: Columns of the page: heading, number, format. The others are in the files.
_SHOWN = (
    ("oracle", "oracle_return", ".1f"),
    ("after exploring", "return_after_exploring", ".1f"),
    ("base task", "base_task_accuracy", ".1%"),
    ("R2", "specification_r2", ".3f"),
    ("calibration error", "calibration_error", ".3f"),
    ("within 90 %", "held_by_90", ".0%"),
    ("found after", "decisions_to_identify", ".1f"),
    ("found again after", "recovery", ".1f"),
    ("regret D'", "regret_within", ".1f"),
    ("regret D''", "regret_beyond", ".1f"),
    ("purity", "purity", ".3f"),
    ("NMI", "nmi", ".3f"),
    ("clusters", "clusters", ".0f"),
    ("parameters", "parameters", ".0f"),
)


def shown(row: Mapping[str, Any]) -> dict[str, str]:
    """A row of ``toys.json`` by heading."""
    spread = f"{row['return']:.1f} [{row['return_low']:.1f}, {row['return_high']:.1f}]"
    told = {heading: f"{row[name]:{form}}" if name in row else "" for heading, name, form in _SHOWN}
    better = f"{row['improvement']:.2f}" if "improvement" in row else ""
    start = {"space": row["space"], "method": row["method"], "seeds": str(row["seeds"]), "return": spread}
    return {**start, f"better than {DEFAULT_METHOD}": better, **told}


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The page ``toys.md``."""
    words = [
        "Held-out tasks, 200 steps. Return: mean, and bootstrap 95 % interval of the interquartile mean over tasks and",
        "seeds; after exploring: of the episode after two that follow a drawn latent each. Better: probability that a",
        "task earns more than with the default. Base task: lowest accuracy of steps 8 to 199. Within 90 %: share of",
        "specifications in the middle 90 % of what is believed. Found, found again: decisions until the base task is",
        "right for good, from the start and after an unannounced change. Regret: return less than the policy told the",
        "task, on tasks within (D') and beyond (D'') the trained range.",
    ]
    return page("Inference methods on the toy", words, [shown(row) for row in rows])
