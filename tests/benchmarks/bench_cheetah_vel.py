"""The meta-RL literature's velocity task, met for the first time."""

from __future__ import annotations

from stages.plan import Node
from tests.benchmarks.conftest import Runs
from tests.benchmarks.table import Recorder

#: What PEARL earns once it has explored; before, -92.
_PEARL = -44.0


def test_first_episode(runs: Runs, record: Recorder) -> None:
    controls = runs(Node("cheetah_vel")).artifact.json("controls.json")
    agent = controls["agent"]["return"]
    others = ", ".join(f"{name} {scores['return']['mean']:.4g}" for name, scores in controls.items() if name != "agent")
    note = f"IQM {agent['iqm']:.4g} [{agent['low']:.4g}, {agent['high']:.4g}]; {others}"
    record.at_least("cheetah-vel, return of the first episode", _PEARL, agent["mean"], note=note)
