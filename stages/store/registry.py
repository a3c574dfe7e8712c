"""MLflow's model registry: toy encoders, low levels and agents by name, with the aliases ``latest`` and ``champion``.

``agent-cheetah-reuse`` stands for the evaluation of the cheetah's agent by that route: its inputs hold all that the
agent is made of. ``latest`` is MLflow's own word for the newest version, which it lets nobody set. ``champion`` moves
to a version that is better beyond doubt; whoever knows better moves it in ``mlflow ui``.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envs.errors import UserError
from stages.contract import StageConfig
from stages.store.database import Database
from stages.store.locks import REGISTRY

if TYPE_CHECKING:
    from stages.store.runs import Store
    from stages.store.writer import StoredRun

CHAMPION, LATEST = "champion", "latest"
_PREFIX = {"toy_inference": "toy-encoder", "low_level": "low-level", "evaluation": "agent"}
#: Values of config fields that go without saying in a name.
_UNSAID = ("line", "basic", None)
#: Config fields that decide what a score means: only like is compared with like.
_MEASURED = {"toy_inference": ("held_out",), "low_level": (), "evaluation": ("decisions", "seeds")}
#: As the low level itself weighs them when it chooses its best controller.
_FALLS_WEIGH = 5.0
#: Seconds to wait for another process that registers.
_PATIENCE = 30.0


def model_name(stage: str, config: StageConfig, method: str | None = None) -> str | None:
    """The registered model that a stage's runs are versions of; None for stages that make none.

    None for a low level, too, that obeys one velocity alone: nobody could act with it.

    Args:
        method: of task inference, if it is not the usual one.
    """
    fields = config.model_dump()
    if stage not in _PREFIX or fields.get("only") is not None:
        return None
    body = Path(fields["body"]).stem if "body" in fields else None
    words = [fields.get("space"), body, fields.get("tasks"), fields.get("route"), method]
    return "-".join([_PREFIX[stage], *(word for word in words if word not in _UNSAID)])


def registered(database: Database, name: str, alias: str = LATEST) -> str:
    """Id of the run that a model's alias names.

    Raises:
        UserError: there is no such model, or it has no such alias.
    """
    versions = [version for version in database.versions(name) if not version.deleted]
    named = [version for version in versions if alias == LATEST or alias in version.aliases]
    if not named:
        known = sorted({LATEST, *(alias for version in versions for alias in version.aliases)})
        what = f"aliases of {name} are {', '.join(known)}" if versions else "`mlflow ui` lists the models"
        raise UserError(f"run: {name}@{alias} is not registered; {what}")
    return named[0].run_id


def register(store: Store, model: str, run: StoredRun) -> str:
    """Make a run a version of a model, unless one with its digest is there, or was and has been deleted.

    Returns:
        What is new, in words. A registry that cannot be used is told too: the stage is finished all the same.
    """
    try:
        with store.explained():
            if _is_known(store, model, run):
                return ""
            with store.lock(REGISTRY).acquire(timeout=_PATIENCE):
                return "" if _is_known(store, model, run) else _add(store, model, run)
    except (UserError, LookupError) as error:
        return f"not registered as {model}: {error}"


def _is_known(store: Store, model: str, run: StoredRun) -> bool:
    return any(version.digest == run.artifact.digest for version in store.database.versions(model))


def _add(store: Store, model: str, run: StoredRun) -> str:
    champion = _champion(store, model)
    wins = champion is None or _is_better(run, champion)
    if not store.client.search_registered_models(filter_string=f"name = '{model}'"):
        store.client.create_registered_model(model)
    tags = {"key": run.artifact.key, "digest": run.artifact.digest}
    # By its run and not by its path, the folder is found in a moved clone too.
    made = store.client.create_model_version(model, f"runs:/{run.run_id}", run.run_id, tags=tags, await_creation_for=0)
    if wins:
        store.client.set_registered_model_alias(model, CHAMPION, made.version)
    return f"{model} version {made.version}" + (", champion" if wins else "")


def _champion(store: Store, model: str) -> StoredRun | None:
    """The one to beat; none where its files are gone."""
    try:
        return store.run(registered(store.database, model, CHAMPION))
    except UserError:
        return None


def _is_better(new: StoredRun, old: StoredRun) -> bool:
    """Whether two runs were measured alike and the intervals of their scores lie apart."""
    return _protocol(new) == _protocol(old) and _score(new)[0] > _score(old)[1]


def _protocol(run: StoredRun) -> list[Any]:
    config = run.artifact.json("components.json")["config"]
    return [config.get(field) for field in _MEASURED[run.artifact.stage]]


def _score(run: StoredRun) -> tuple[float, float]:
    """Interval of what should be high: the agent's return. A toy's and a low level's scores have no width."""
    if run.artifact.stage == "evaluation":
        earned = run.artifact.json("controls.json")["agent"]["return"]
        return earned["low"], earned["high"]
    if run.artifact.stage == "toy_inference":
        score = run.metrics.get("return", math.nan)
    else:
        errors = sum(value for name, value in run.metrics.items() if name.endswith("_error"))
        score = -errors - _FALLS_WEIGH * run.metrics.get("fall_rate", math.nan)
    return score, score
