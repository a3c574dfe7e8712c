"""An agent out of the store: which evaluation is meant, and the files of all that its agent is made of."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from envs.body_files import AskedFor, body_names, body_path, mjcf_path, model_files, read_toml
from envs.errors import UserError
from models.agent_files import BODY, CARD, CONTROLLER, DECIDER, TOY, About, Origin, seal
from stages.agent_card import card
from stages.contract import Artifact
from stages.keys import body_digests
from stages.plan import ROUTE_STAGE
from stages.store.lineage import Lineage

if TYPE_CHECKING:
    from stages.store import Store, StoredRun
    from stages.store.database import Record

#: Files of each input that an agent is made of, by the folder they go to; what only training needs stays behind.
_TAKEN = {
    "toy_inference": (TOY, ("agent.json", "*.safetensors"), ("decoder.safetensors",)),
    "low_level": (CONTROLLER, ("controller.*",), ()),
    "striding": (DECIDER, ("stride.*",), ()),
    "high_level": (DECIDER, ("policy.*", "stride.*"), ()),
}


def find_agent(store: Store, name: str, tasks: AskedFor = "basic") -> list[StoredRun]:
    """The evaluations of agents that a name may mean, the best first.

    Args:
        name: a body, whose newest agents by each route are meant, the better route first; a registered model,
            ``agent-cheetah-reuse`` or ``agent-cheetah-reuse@champion``; or an evaluation's run id, the beginning of it,
            or its key.
        tasks: kinds of tasks, where a body is named.

    Raises:
        UserError: there is none.
    """
    body = Path(name).stem if name.endswith(".toml") else name
    if newest := agents_of(store, body, tasks):
        return sorted(newest, key=_return, reverse=True)
    if body in body_names() or name.endswith(".toml"):
        command = f"python -m stages.evaluation --body {name}" + (f" --tasks {tasks}" if tasks != "basic" else "")
        raise UserError(f"--run: no evaluation of {body} is stored yet; `{command}` makes one")
    if name.startswith("agent-") and "@" not in name:
        name = f"{name}@latest"
    run = store.find(name, _warn) or store.run(name)
    if run.artifact.stage != "evaluation":
        raise UserError(f"--run: {name} is a run of {run.artifact.stage}; name an agent's evaluation, or a body")
    return [run]


def collect(
    store: Store, name: str, folder: Path, tasks: AskedFor = "basic", body: str | None = None
) -> tuple[StoredRun, About]:
    """Write the agent that a name means into a folder that does not exist yet, and see that it loads.

    Of a body's agents one that cannot be used is passed over, such as one whose networks had another shape then.

    Raises:
        UserError: there is none, or none that can be used.
    """
    *others, last = find_agent(store, name, tasks)
    for run in others:
        try:
            return run, _usable(store, run, folder, body)
        except UserError as error:
            shutil.rmtree(folder, ignore_errors=True)
            _warn(f"{error}; passed over")
    return last, _usable(store, last, folder, body)


def _usable(store: Store, run: StoredRun, folder: Path, body: str | None) -> About:
    from models.agent import TransferAgent

    about = gather(store, run, folder, body)
    try:
        TransferAgent.load(folder)
    except UserError as error:
        said = str(error).removeprefix(f"{folder.name}: ").partition(";")[0]
        raise UserError(
            f"run {run.run_id[:8]}: not for the networks as they are now ({said}); train it anew"
        ) from error
    return about


def agents_of(store: Store, body: str, tasks: AskedFor = "basic") -> list[StoredRun]:
    """The newest sound evaluation of a body by each route; of the full profile and the default method, if any is."""
    with store.explained():
        records = store.database.runs("FINISHED", "stage", "evaluation")
    own = [each for each in records if each.tags.get("body") == body and each.parts["config"].get("tasks") == tasks]
    full = [each for each in own if each.profile == "full"] or own
    usual = [each for each in full if each.is_of_default_method] or full
    by_route = ((each for each in usual if each.tags.get("route") == route) for route in ROUTE_STAGE)
    newest = (next(filter(None, (store.read(each, _warn) for each in alike)), None) for alike in by_route)
    return [run for run in newest if run]


def made_of(store: Store, run: StoredRun) -> dict[str, StoredRun]:
    """The runs that an evaluation's agent is made of, by input name, each verified.

    Raises:
        UserError: one of them is gone.
    """
    with store.explained():
        known = Lineage(store.database.every())
    found: dict[str, StoredRun] = {}
    for name, parent in known.parents(known.sound[run.run_id]).items():
        stored = store.read(parent, _warn) if parent else None
        if stored is None:
            raise UserError(f"run {run.run_id[:8]}: its {name} is no longer stored; compute it again first")
        found[name] = stored
    return found


def gather(store: Store, run: StoredRun, folder: Path, body: str | None = None) -> About:
    """Write the files of an evaluation's agent, its card and its index into an empty folder.

    Args:
        body: path of the TOML of a body that does not ship.

    Raises:
        UserError: something that it is made of is gone, or the body is another one now.
    """
    parents = {name: parent.artifact for name, parent in made_of(store, run).items()}
    record = _record(store, run)
    config = run.artifact.json("components.json")["config"]
    about = About(
        body=record.tags["body"],
        route=config["route"],
        tasks=config["tasks"],
        seed=config["seed"],
        profile=record.profile,
        origin=_origin(run.artifact),
        parents={name: _origin(artifact) for name, artifact in parents.items()},
    )
    trained_on = parents["low_level"].json("components.json")["body"]
    _copy_body(body or about.body, trained_on, folder / BODY / f"{about.body}.toml")
    for name, artifact in parents.items():
        _copy_parts(artifact.folder, folder, *_TAKEN[name])
    (folder / CARD).write_text(card(about, run.artifact, parents, folder / BODY), encoding="utf-8")
    seal(folder, about)
    return about


def _return(run: StoredRun) -> float:
    value = run.metrics.get("return", math.nan)
    return -math.inf if math.isnan(value) else value


def _record(store: Store, run: StoredRun) -> Record:
    with store.explained():
        record = store.database.find(run.run_id)
    if record is None:
        raise UserError(f"run {run.run_id[:8]}: no longer stored")
    return record


def _origin(artifact: Artifact) -> Origin:
    return Origin(stage=artifact.stage, key=artifact.key, digest=artifact.digest)


def _copy_parts(source: Path, folder: Path, to: str, wanted: tuple[str, ...], left: tuple[str, ...]) -> None:
    target = folder / to
    target.mkdir(parents=True, exist_ok=True)
    for path in (path for pattern in wanted for path in source.glob(pattern) if path.name not in left):
        shutil.copyfile(path, target / path.name)


def _copy_body(name: str, digests: Mapping[str, str], target: Path) -> None:
    """A body's description and every file of its model, side by side as they lie where they come from."""
    path = body_path(name)
    if body_digests(name) != digests:
        raise UserError(f"--body: {path.name} is not what the agent was trained on; give the TOML as it was then")
    target.parent.mkdir(parents=True)
    shutil.copyfile(path, target)
    model = mjcf_path(path.parent, str(read_toml(path)["mjcf"]))
    below = Path(str(read_toml(path)["mjcf"])).parent
    for file in model_files(model):
        if not file.resolve().is_relative_to(model.parent.resolve()):
            raise UserError(f"{model.name}: names {file.name} outside of its folder; put it beside the model")
        place = target.parent / below / file.resolve().relative_to(model.parent.resolve())
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)


def _warn(words: str) -> None:
    print(words, file=sys.stderr)
