"""The deployable agent: how fast it is there, and how fast it decides."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from models.agent import TransferAgent
from stages.closure import PROJECT
from tests.benchmarks.table import Recorder
from tests.models.agents import Route, packed_agent

_BATCH, _TIMES = 64, 30
#: As large as those that the full profile trains.
_WIDTH = 128
_LOAD = """
import sys, time
from models.agent import TransferAgent
began = time.process_time()
TransferAgent.load(sys.argv[1])
print(time.process_time() - began, time.process_time())
"""


def test_loading(tmp_path: Path, record: Recorder) -> None:
    command = [sys.executable, "-c", _LOAD, str(packed_agent(tmp_path, width=_WIDTH))]
    done = [subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True) for _ in range(3)]
    alone, imported = min(tuple(map(float, each.stdout.split())) for each in done)
    record.at_most("agent loads from its file, processor time", 2.0, alone, "s")
    record.at_most("the same from nothing, with Python and all imports", 2.0, imported, "s")


@pytest.mark.parametrize("route", ["reuse", "retrain"])
def test_deciding(tmp_path: Path, record: Recorder, route: Route) -> None:
    agent = TransferAgent.load(packed_agent(tmp_path, route=route, width=_WIDTH))
    rng, threads = np.random.default_rng(0), torch.get_num_threads()
    torch.set_num_threads(1)
    took: list[float] = []
    agent.reset(_BATCH)
    for _ in range(_TIMES):
        agent._left[:] = 0  # every row decides
        seen, earned = rng.normal(size=(_BATCH, agent.observation_size)), -rng.random(_BATCH)
        began = time.process_time()
        agent.act(seen, earned)
        took.append(time.process_time() - began)
    torch.set_num_threads(threads)
    whole = 1000 * float(np.median(took))
    note = f"{whole:.3g} ms for the batch"
    record.at_most(f"decision per agent, batch {_BATCH}, one core, {route}", 1.0, whole / _BATCH, "ms", note)
