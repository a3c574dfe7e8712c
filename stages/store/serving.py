"""Agents as MLflow's own models, which ``mlflow models serve`` serves."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from models.agent_files import About, index_digest
from stages.store.locks import REGISTRY
from stages.store.runs import Store
from stages.store.writer import StoredRun

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel

_CODE = Path(__file__).with_name("served_agent.py")
#: What the served agent needs beside this project.
_REQUIRES = ("gymnasium", "mlflow", "mujoco", "numpy", "pydantic", "safetensors", "torch")
_TAG = "agent"


def log_agent(store: Store, run: StoredRun, about: About, folder: Path) -> str:
    """Log an agent, whose files lie in a folder, as a model of its evaluation's run, unless it is logged already.

    Returns:
        The command that serves it.
    """
    with store.explained(), store.lock(REGISTRY):
        digest = index_digest(folder)
        model = _logged(store, digest) or _log(store, run, about, folder, digest)
    place = store.home / store.experiment / "models" / model.model_id / "artifacts"
    uri = f"models:/{model.model_id}" if store.elsewhere else place.relative_to(store.root)
    return f"mlflow models serve --env-manager local --model-uri {uri}"


def save_model(folder: Path, out: Path, model_id: str | None = None, run_id: str | None = None) -> None:
    """Write an agent's folder as an MLflow model."""
    import mlflow.pyfunc
    from mlflow.models import Model

    mlflow.pyfunc.save_model(
        out,
        python_model=str(_CODE),
        artifacts={"agent": str(folder)},
        mlflow_model=Model(model_id=model_id, run_id=run_id),
        pip_requirements=[f"{name}=={version(name)}" for name in _REQUIRES],
    )


def _logged(store: Store, digest: str) -> LoggedModel | None:
    found = store.client.search_logged_models([store.experiment], filter_string=f"tags.{_TAG} = '{digest}'")
    return next((model for model in found if str(model.status) == "READY"), None)


def _log(store: Store, run: StoredRun, about: About, folder: Path, digest: str) -> LoggedModel:
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    tags = {_TAG: digest, "key": run.artifact.key, "digest": run.artifact.digest}
    model = store.client.create_logged_model(store.experiment, about.name, run.run_id, tags=tags, model_type="agent")
    with TemporaryDirectory(prefix="model-") as name:
        out = Path(name) / "model"
        save_model(folder, out, model.model_id, run.run_id)
        store.client.log_model_artifacts(model.model_id, str(out))
    store.client.log_outputs(run.run_id, [LoggedModelOutput(model.model_id, step=0)])
    return store.client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
