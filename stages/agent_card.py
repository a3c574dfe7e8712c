"""The card of an agent: what it is, how it was trained, how good it is and where it ends, out of its runs alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from envs.body import Body, load_body
from envs.tasks import COORDINATE_OF_KIND, KINDS, UNITS
from models.agent_files import About
from stages.contract import Artifact

Scores = Mapping[str, Mapping[str, float]]

_ROUTES = {
    "reuse": "the toy's policy decides, frozen; how long a decision lasts was learnt on the body",
    "retrain": "a high-level policy that was trained on the body decides, on what the toy's encoder infers",
}
_CONTROLS = {
    "agent": "agent",
    "oracle": "oracle, told the true task",
    "no_inference": "without inference",
    "random_encoder": "random encoder",
}
_NAMES = {
    "settled": "settled error",
    "raw": "error, not smoothed",
    "whole": "error over the whole episode",
    "success": "share of successes",
    "mean_speed": "error of the mean speed",
}
_LOAD = """import gymnasium
from models.agent import TransferAgent

env, agent = gymnasium.make("carryover/{environment}-v0"), TransferAgent.load("{file}")
observation, info = env.reset(seed=0)
agent.reset()
reward, over = 0.0, False
while not over:
    observation, reward, fell, late, _ = env.step(agent.act(observation, reward))
    over = fell or late"""


def card(about: About, evaluation: Artifact, made_of: Mapping[str, Artifact], folder: Path) -> str:
    """Markdown.

    Args:
        evaluation: of the agent.
        made_of: the artifacts that it is made of, by input name.
        folder: where the body's TOML lies.
    """
    body = load_body(str(folder / f"{about.body}.toml"), about.tasks)
    scores: Mapping[str, Scores] = evaluation.json("controls.json")
    parts = [
        f"# {about.name}",
        _what(about, body),
        "## Use",
        f"```python\n{loop(about)}\n```",
        "## How good it is",
        _protocol(evaluation),
        _numbers(scores["agent"]),
        "## Against controls",
        _controls(scores),
        "## Limits",
        _limits(body, scores, made_of["low_level"]),
        "## How it was trained",
        *(f"### {name}\n\n{_config(artifact)}" for name, artifact in made_of.items()),
        "## Where it comes from",
        _origins(about),
        _libraries(evaluation),
    ]
    return "\n\n".join(parts) + "\n"


def loop(about: About) -> str:
    """The lines of Python that let the agent act."""
    return _LOAD.format(environment=about.body.capitalize(), file=f"{about.name}.agent")


def _what(about: About, body: Body) -> str:
    kinds = ", ".join(name.replace("_y", " across") for name in body.space.kinds)
    profile = (
        "" if about.profile == "full" else f" Trained by the profile `{about.profile}`, which is no real training."
    )
    return (
        f"An agent for the body `{about.body}`. It is told no task: a task encoder, trained on a toy in the space"
        f" `{body.space.name}` and frozen, infers from the rewards it sees what is wanted ({kinds}), and a low-level"
        f" controller makes the body do it. Route `{about.route}`: {_ROUTES[about.route]}. Seed {about.seed}.{profile}"
    )


def _protocol(evaluation: Artifact) -> str:
    config = evaluation.json("components.json")["config"]
    return (
        f"Reference tasks under {config['seeds']} evaluation seeds, {config['decisions']} decisions each. Errors are"
        " relative to what was asked: 0 is perfect, 1 is standing still; settled is over the second half. The interval"
        " is the bootstrap 95 % interval of the interquartile mean (IQM)."
    )


def _numbers(scores: Scores) -> str:
    rows = [
        [_named(name), *(_number(value[part]) for part in ("mean", "median", "iqm"))] for name, value in scores.items()
    ]
    spans = [f"{_number(value['low'])} to {_number(value['high'])}" for value in scores.values()]
    head = ("measure", "mean", "median", "IQM", "95 % interval")
    return _table(head, ([*row, span] for row, span in zip(rows, spans, strict=True)))


def _controls(scores: Mapping[str, Scores]) -> str:
    measures = [name for name in scores["agent"] if name.endswith(("settled", "success"))] + ["return", "fall_rate"]
    order = [*(name for name in _CONTROLS if name in scores), *sorted(set(scores) - set(_CONTROLS))]
    rows = (
        [_CONTROLS.get(control, _named(control)), *(_mean(scores[control], name) for name in measures)]
        for control in order
    )
    return _table(("control", *(f"{_named(name)}, mean" for name in measures)), rows)


def _limits(body: Body, scores: Mapping[str, Scores], low_level: Artifact) -> str:
    asked = [
        [
            kind.replace("_y", " across"),
            f"{low:g} to {high:g}",
            f"{body.command_limits[KINDS.index(kind)]:g}",
            _unit(kind),
        ]
        for kind, (low, high) in body.task_ranges.items()
    ]
    tracked = low_level.json("metrics.json")
    errors = ", ".join(
        f"{_named(name)} {_number(value)}" for name, value in sorted(tracked.items()) if value is not None
    )
    weak = [
        f"* {name.removesuffix('_success')}: {100.0 - 100.0 * value['mean']:.0f} % of the reference tasks not reached."
        for name, value in scores["agent"].items()
        if name.endswith("_success") and value["mean"] < 1.0
    ]
    return "\n".join(
        [
            _table(("kind", "asked for in evaluation, size", "largest command", "unit"), asked),
            "",
            f"Its low level alone, told what to do: {errors}.",
            *(["", *weak] if weak else []),
            "",
            "It reads rewards of the form -|coordinate - specification| / |specification| and nothing else; what lies"
            " outside of these ranges, and other bodies or time steps, it was not trained for.",
        ]
    )


def _config(artifact: Artifact) -> str:
    config: dict[str, Any] = artifact.json("components.json")["config"]
    return _table(("field", "value"), ([f"`{name}`", str(value)] for name, value in sorted(config.items())))


def _origins(about: About) -> str:
    rows = [("evaluation", about.origin), *about.parents.items()]
    shown = ([name, origin.stage, f"`{origin.key}`", f"`{origin.digest}`"] for name, origin in rows)
    return _table(("part", "stage", "key", "digest"), shown)


def _libraries(evaluation: Artifact) -> str:
    versions = evaluation.json("components.json")["libraries"]
    return "Measured with " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) + "."


def _named(name: str) -> str:
    for ending, words in _NAMES.items():
        if name.endswith(f"_{ending}"):
            return f"{name.removesuffix(f'_{ending}').replace('_', ' ')}: {words}"
    return name.replace("_", " ")


def _unit(kind: str) -> str:
    return UNITS[COORDINATE_OF_KIND[kind]]


def _mean(scores: Scores, name: str) -> str:
    return _number(scores[name]["mean"]) if name in scores else ""


def _number(value: float) -> str:
    return f"{value:.3g}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)
