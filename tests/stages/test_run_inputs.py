"""MLflow's page of a run leads to the runs it was made from."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stages.plan import Node, Settings
from stages.runner import materialise
from stages.store import Store
from stages.store.run_inputs import log_inputs


def test_inputs_are_datasets_and_links(store: Store, project: Path) -> None:
    made = materialise(Node("striding"), Settings(), print, store)
    run = store.client.get_run(made.run_id)
    parents = json.loads(run.data.tags["parents"])
    assert run.inputs
    logged = {found.tags[0].value: found.dataset for found in run.inputs.dataset_inputs}
    assert set(logged) == set(parents) == {"toy_inference", "low_level"}
    for name, dataset in logged.items():
        parent = store.run(parents[name]["run"])
        assert (dataset.name, dataset.digest) == (parent.artifact.stage, parent.artifact.digest[:36])
        page = f"#/experiments/{store.experiment}/runs/{parent.run_id}"
        written = {"url": page, "run": parent.run_id, "key": parent.artifact.key, "digest": parent.artifact.digest}
        assert json.loads(dataset.source) == written
        note = run.data.tags["mlflow.note.content"]
        assert f"| {name} | [{parent.run_id[:8]}]({page}) | `{parent.artifact.digest[:12]}` |" in note
        root = store.client.get_run(parent.run_id)
        assert root.inputs and not root.inputs.dataset_inputs and "mlflow.note.content" not in root.data.tags


def test_stages_that_share_an_input_log_it_at_once(store: Store, project: Path) -> None:
    parent = materialise(Node("low_level"), Settings(), str, store)
    runs = [store.client.create_run(store.experiment).info.run_id for _ in range(8)]
    with ThreadPoolExecutor(len(runs)) as pool:
        list(pool.map(lambda run: log_inputs(Store(store.root), run, {"low_level": parent}), runs))
    for run in runs:
        inputs = store.client.get_run(run).inputs
        assert inputs and len(inputs.dataset_inputs) == 1
