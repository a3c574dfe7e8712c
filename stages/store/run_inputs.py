"""What a run was made from, as MLflow's page shows it: dataset inputs, and a note with links to the parents' runs."""

from __future__ import annotations

import json
from collections.abc import Mapping

from stages.store import lineage
from stages.store.locks import INPUTS
from stages.store.runs import Store
from stages.store.writer import StoredRun

#: MLflow's limit on the digest of a dataset; the whole one is in its source.
_DIGEST_LENGTH = 36
_SHORT = 12


def tags(inputs: Mapping[str, StoredRun]) -> dict[str, str]:
    """Tags of a run: its parents for programs, and the same for people."""
    return {"parents": lineage.tag(inputs)} | ({"mlflow.note.content": _note(inputs)} if inputs else {})


def log_inputs(store: Store, run_id: str, inputs: Mapping[str, StoredRun]) -> None:
    """List the inputs as a run's datasets: name, digest, and a source that opens the parent's page."""
    if not inputs:
        return
    from mlflow.entities import Dataset, DatasetInput, InputTag

    datasets = [
        DatasetInput(
            Dataset(run.artifact.stage, run.artifact.digest[:_DIGEST_LENGTH], "external", _source(run)),
            [InputTag("mlflow.data.context", name)],
        )
        for name, run in inputs.items()
    ]
    # MLflow looks whether it knows a dataset and then writes it: two stages that share an input would both write.
    with store.explained(), store.lock(INPUTS):
        store.client.log_inputs(run_id, datasets)


def _source(run: StoredRun) -> str:
    artifact = run.artifact
    source = {"url": run.page, "run": run.run_id, "key": artifact.key, "digest": artifact.digest}
    return json.dumps(source, sort_keys=True)


def _note(inputs: Mapping[str, StoredRun]) -> str:
    """Markdown; a digest is shortened to what tells it from others, as a tag holds 8000 characters."""
    lines = ["Made from", "", "| input | run | digest |", "|---|---|---|"]
    for name, run in inputs.items():
        link = f"[{run.run_id[:8]}]({run.page})"
        lines.append(f"| {name} | {link} | `{run.artifact.digest[:_SHORT]}` |")
    return "\n".join(lines)
