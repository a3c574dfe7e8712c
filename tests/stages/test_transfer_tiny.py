"""The whole DAG of real stages at the tiny profile: complete, stored and described."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stages.closure import PROJECT
from stages.docs import page_of
from stages.forecast import forecast
from stages.plan import Node, Settings, nodes
from stages.runner import Event, materialise
from stages.store import Store, StoredRun
from stages.store.artifacts import list_files

TINY = Settings(profile="tiny")
NODES = nodes(TINY)
PLOTS = Node("plots")


def transferred(
    store: Store, settings: Settings = TINY, wanted: list[Node] | None = None
) -> tuple[dict[Node, StoredRun], list[str]]:
    """Every wanted node's run, of all by default, and the names of those that were computed."""
    events: list[Event] = []
    runs = {node: materialise(node, settings, events.append, store) for node in wanted or nodes(settings)}
    return runs, [str(event.node) for event in events if event.kind == "miss"]


Transfer = tuple[Store, dict[Node, StoredRun]]


@pytest.fixture(scope="module")
def transfer(tmp_path_factory: pytest.TempPathFactory) -> Transfer:
    """A store with the whole transfer."""
    store = Store(tmp_path_factory.mktemp("transfer"))
    runs, computed = transferred(store)
    assert computed == [str(node) for node in NODES]
    return store, runs


@pytest.mark.parametrize("node", NODES, ids=str)
def test_files_are_those_of_the_page(transfer: Transfer, node: Node) -> None:
    page = page_of(node.stage).read_text(encoding="utf-8")
    described = page.split("<!--")[0]
    files = {Path(name) for name in list_files(transfer[1][node].artifact.folder)} - {Path("metrics.json")}
    if node == PLOTS:
        files = {path for path in files if path.stem in ("report", "plotly.min")}
    assert files and all(f"`{path.name}`" in described for path in files)


def test_again_everything_is_stored(transfer: Transfer) -> None:
    store, first = transfer
    again, computed = transferred(Store(store.root))
    assert computed == []
    assert {node: run.run_id for node, run in again.items()} == {node: run.run_id for node, run in first.items()}


def test_another_evaluation_seed_trains_nothing(transfer: Transfer) -> None:
    settings = TINY.model_copy(update={"overrides": {"evaluation": {"seed": 1}}})
    said = [line.split(":") for line in forecast([PLOTS], settings, transfer[0])[:-1]]
    assert [name for name, what, *_ in said if what != f" stored as run {transfer[1][_node(name)].run_id[:8]}"] == [
        "evaluation_reuse",
        "evaluation_retrain",
        "plots",
    ]


def _node(name: str) -> Node:
    return next(node for node in NODES if str(node) == name)


#: Resolves both routes from the store, loads them and decides; whatever unpickles on the way ends it.
_ACTS = """
import sys
import numpy as np
from envs.body import load_body
from models.controller import Controller
from stages.controls import Stack
from stages.decisions import DecidingBodies, draw_tasks
from stages.plan import ROUTE_STAGE, Node, Settings
from stages.runner import materialise
from stages.store import Store

def refuse(event, arguments):
    if event == "pickle.find_class":
        raise RuntimeError(f"unpickles {arguments}")

sys.addaudithook(refuse)
settings, store, body, rng = Settings(profile="tiny"), Store(), load_body("cheetah"), np.random.default_rng(0)
for route, stage in ROUTE_STAGE.items():
    names = ("toy_inference", "low_level", stage)
    inputs = {name: materialise(Node(name), settings, lambda event: None, store).artifact for name in names}
    stack, controller = Stack.load(route, inputs), Controller.load(inputs["low_level"].folder)
    bodies = DecidingBodies(body, controller.act, stack.encoder("agent"), 4, rng)
    bodies.reset(draw_tasks(rng, body, 4))
    for _ in range(3):
        decision = stack.decide("agent", bodies)
        bodies.decide(decision.kind.numpy(), decision.amount.numpy().astype(float), decision.stride.numpy())
    print(route, "acted", np.isfinite(bodies.coordinates()).all())
    inputs["low_level"].table("tracking.parquet")
try:
    import pickle
    pickle.loads(pickle.dumps(Settings))
except RuntimeError as error:
    print("and the hook works:", error)
"""


def test_a_stored_agent_loads_and_acts_without_unpickling(transfer: Transfer) -> None:
    environment = {**os.environ, "CARRYOVER_ROOT": str(transfer[0].root)}
    done = subprocess.run(
        [sys.executable, "-c", _ACTS], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["reuse acted True", "retrain acted True"]
    assert done.stdout.splitlines()[2].startswith("and the hook works: unpickles")


def _shown_in_readme(folder: Path) -> Path:
    """The body that README describes, as its reader would write it."""
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    for language, name in (("xml", "mybot.xml"), ("toml", "mybot.toml")):
        (folder / name).write_text(readme.split(f"```{language}\n")[1].split("```")[0], encoding="utf-8")
    return folder / "mybot.toml"


def test_a_body_never_seen_before_goes_through_the_dag(tmp_path: Path) -> None:
    settings = Settings(profile="tiny", body=str(_shown_in_readme(tmp_path)), route="reuse")
    wanted = nodes(settings)[:-1]
    runs, computed = transferred(Store(tmp_path), settings, wanted)
    assert computed == [str(node) for node in wanted]
    artifact = runs[Node("evaluation", "reuse")].artifact
    assert {"velocity_settled", "goal_settled"} <= set(artifact.json("controls.json")["agent"])
    episodes = artifact.table("episodes.parquet")
    assert set(episodes.kind) == {"velocity", "goal"}
    by_set = episodes.groupby("task_set").control.value_counts().unstack(level=0)
    assert (by_set.reference == 12).all()
    assert by_set.random.dropna().to_dict() == {"agent": 4, "oracle": 4}
