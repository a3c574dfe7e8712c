"""Learning how long the commands of a policy, whichever it is, are held on a body.

Q-learning over decisions: a stride is worth the reward at its end, less a small price per control step, and what
follows. A long stride passes through all shorter ones, so each decision teaches all of its sub-strides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from envs.body import Body
from envs.tasks import Floats, Ints
from models.controller import Controller
from models.deciders import LONGEST_STRIDE, Decider, StridePredictor
from models.encoder import Belief, Encoder
from models.transitions import pack
from stages.checkpoint import SAVES, TrainingCheckpoint, below, prefixed
from stages.configs.striding import StridingConfig
from stages.contract import Progress
from stages.decisions import WORST_REWARD, DecidingBodies, Outcome, draw_tasks, finish_episodes, tensor

_REPORTS = 30

#: A decider whose strides a predictor chooses.
Deciding = Callable[[StridePredictor], Decider]


def learn_strides(
    config: StridingConfig,
    body: Body,
    controller: Controller,
    encoder: Encoder,
    deciding: Deciding,
    folder: Path,
    report: Progress,
    before: float = 0.0,
) -> tuple[StridePredictor, list[dict[str, float]]]:
    """A predictor of the strides of the policy that ``deciding`` has, and its learning curve.

    Args:
        config: how it is trained; torch's generator, which is global, is seeded by the stage.
        body: the description.
        controller: the low level, and how it normalises what the body observes.
        encoder: frozen.
        deciding: puts a predictor beside the policy.
        folder: of checkpoints; a training that was interrupted goes on from there.
        report: told how far it is.
        before: decisions that the policy was learnt from, after which the curve begins.
    """
    rng = np.random.default_rng(config.seed)
    bodies = DecidingBodies(body, controller.act, encoder, config.bodies, rng)
    bodies.reset(draw_tasks(rng, body, config.bodies))
    predictor = StridePredictor(body.space.name, bodies.stepper.observation_size, config.width)
    predictor.normalise(controller)
    learner = Learner(config, deciding(predictor))
    course = _Course(rng.integers(0, config.episode, config.bodies))
    modules = {"predictor": learner.predictor, "target": learner.target}
    checkpoint = TrainingCheckpoint(folder, modules, learner.optimiser, rng)
    rounds = config.rounds * len(body.space.base_tasks)
    begun = course.resume(checkpoint, bodies, learner.replay)
    for round_ in range(begun, rounds):
        if round_ > begun and round_ % max(rounds // SAVES, 1) == 0:
            course.save(checkpoint, round_, bodies, learner.replay)
        learner.schedule(1.0 - round_ / rounds)
        course.recent.append([*_round(learner, bodies, rng, config)])
        course.ages = finish_episodes(bodies, course.ages + 1, config.episode, rng)
        if (round_ + 1) % max(rounds // _REPORTS, 1) == 0 or round_ + 1 == rounds:
            course.sample(before + (round_ + 1) * config.bodies)
        report((round_ + 1) / rounds, **(course.rows[-1] if course.rows else {}))
    return predictor, course.rows


@dataclass
class _Course:
    """Where the training is: decisions of each body's episode (n,), learning curve, what its next point averages."""

    ages: Ints
    rows: list[dict[str, float]] = field(default_factory=list)
    recent: list[list[float]] = field(default_factory=list)

    def sample(self, decisions: float) -> None:
        """Add a point to the learning curve."""
        reward, stride = (float(value) for value in np.mean(self.recent, axis=0))
        self.rows.append({"step": decisions, "reward": reward, "stride": stride})
        self.recent = []

    def save(self, checkpoint: TrainingCheckpoint, round_: int, bodies: DecidingBodies, replay: _Replay) -> None:
        """Before a round."""
        tensors = prefixed("bodies", bodies.state()) | prefixed("replay", replay.known())
        numbers = {"round": round_, "rows": self.rows, "recent": self.recent, "count": replay.count}
        checkpoint.save({**tensors, "ages": torch.from_numpy(self.ages.copy())}, numbers)

    def resume(self, checkpoint: TrainingCheckpoint, bodies: DecidingBodies, replay: _Replay) -> int:
        """The round to go on with."""
        kept = checkpoint.restore()
        if kept is None:
            return 0
        tensors, numbers = kept
        bodies.resume(below(tensors, "bodies"))
        replay.resume(below(tensors, "replay"), numbers["count"])
        self.ages, self.rows, self.recent = tensors["ages"].numpy(), numbers["rows"], numbers["recent"]
        return numbers["round"]


@dataclass
class _Replay:
    """Ring of decisions: inputs (n, f), worth (n, 20), next inputs (n, 20, f), 1 while alive (n, 20), strides (n,)."""

    inputs: Tensor
    worth: Tensor
    following: Tensor
    alive: Tensor
    stride: Tensor
    count: int = 0

    @staticmethod
    def empty(size: int, features: int) -> _Replay:
        wide = (size, LONGEST_STRIDE)
        return _Replay(
            torch.zeros(size, features),
            torch.zeros(wide),
            torch.zeros(*wide, features),
            torch.zeros(wide),
            torch.zeros(size, dtype=torch.long),
        )

    def add(self, *values: Tensor) -> None:
        """Remember decisions, the oldest make room."""
        size, n = len(self.inputs), len(values[0])
        index = torch.arange(self.count, self.count + n) % size
        for ring, value in zip(self._rings().values(), values, strict=True):
            ring[index] = value
        self.count += n

    def known(self) -> dict[str, Tensor]:
        """What is remembered, by name."""
        return {name: ring[: self.count] for name, ring in self._rings().items()}

    def resume(self, known: Mapping[str, Tensor], count: int) -> None:
        """Remember what ``known`` gave after ``count`` decisions."""
        self.count = count
        for name, ring in self._rings().items():
            ring[:count] = known[name]

    def _rings(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in ("inputs", "worth", "following", "alive", "stride")}


class Learner:
    """A decider's predictor, its target network, its memory and its exploration."""

    def __init__(self, config: StridingConfig, decider: Decider) -> None:
        self.config, self.decider, self.predictor = config, decider, decider.predictor
        self.target = deepcopy(self.predictor).requires_grad_(False)
        self.optimiser = torch.optim.Adam(self.predictor.parameters(), lr=config.learning_rate)
        self.replay = _Replay.empty(config.replay, self.predictor.inputs)
        self.exploration = config.exploration

    def schedule(self, remaining: float) -> None:
        """Learning rate and exploration fall with what remains of the training."""
        self.exploration = self.config.exploration * remaining
        self.optimiser.param_groups[0]["lr"] = self.config.learning_rate * max(remaining, 0.02)

    def features(self, observation: Floats, coordinates: Floats, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predictor inputs, kinds and amounts for bodies that see and believe this."""
        seen = tensor(observation)
        kind, amount = self.decider.command(seen, tensor(coordinates), z)
        return self.decider.features(seen, kind, amount, z), kind, amount

    def learn(self, rng: np.random.Generator) -> None:
        """Gradient steps on remembered decisions, all sub-strides of each at once."""
        known = min(self.replay.count, self.config.replay)
        for _ in range(self.config.updates):
            rows = torch.as_tensor(rng.integers(0, known, self.config.minibatch))
            loss = self._loss(rows)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            with torch.no_grad():
                for old, new in zip(self.target.parameters(), self.predictor.parameters(), strict=True):
                    old.lerp_(new, self.config.target_rate)

    def _loss(self, rows: Tensor) -> Tensor:
        memory = self.replay
        with torch.no_grad():
            best = self.predictor(memory.following[rows]).argmax(dim=-1, keepdim=True)
            after = self.target(memory.following[rows]).gather(-1, best)[..., 0]
            after = torch.where(memory.alive[rows] > 0, after, WORST_REWARD)  # a fallen body earns no better any more
            wanted = (1.0 - self.config.discount) * memory.worth[rows] + self.config.discount * after
        error = self.predictor(memory.inputs[rows]) - wanted
        within = torch.arange(LONGEST_STRIDE) < memory.stride[rows][:, None]
        return torch.nn.functional.smooth_l1_loss(error[within], torch.zeros(int(within.sum())))


def _round(
    learner: Learner, bodies: DecidingBodies, rng: np.random.Generator, config: StridingConfig
) -> tuple[float, float]:
    """One decision of every body and the learning from it; mean reward at its end and mean stride."""
    with torch.no_grad():
        before, belief = bodies.coordinates(), bodies.belief
        inputs, kind, amount = learner.features(bodies.observation(), before, bodies.latent())
        stride = learner.predictor(inputs).argmax(dim=-1).numpy() + 1
        explore = rng.random(bodies.n) < learner.exploration
        stride = np.where(explore, rng.integers(1, LONGEST_STRIDE + 1, bodies.n), stride)
        outcome = bodies.decide(kind.numpy(), amount.numpy().astype(np.float64), stride)
        z = _sub_latents(bodies, belief, before, outcome)
        following, _, _ = learner.features(outcome.observations, outcome.coordinates, z)
    capped = outcome.capped(WORST_REWARD)
    worth = capped.worth(config.step_price)
    alive = np.ones_like(worth)
    alive[np.flatnonzero(outcome.fell), outcome.stride[outcome.fell] - 1] = 0.0
    learner.replay.add(inputs, tensor(worth), following, tensor(alive), torch.as_tensor(outcome.stride))
    learner.learn(rng)
    return float(capped.last(capped.rewards).mean()), float(outcome.stride.mean())


def _sub_latents(bodies: DecidingBodies, belief: Belief, before: Floats, outcome: Outcome) -> Tensor:
    """(n, 20, latent): what would be believed had the decision ended after 1, 2, ..., 20 control steps."""
    reached = np.arange(LONGEST_STRIDE) < outcome.stride[:, None]
    who, when = np.nonzero(reached)
    transition = pack(tensor(before[who]), tensor(outcome.rewards[who, when]), tensor(outcome.coordinates[who, when]))
    z = torch.zeros(*reached.shape, bodies.encoder.latent)
    z[who, when] = bodies.encoder.infer(bodies.encoder.update(belief.rows(torch.as_tensor(who)), transition)).mean
    return z
