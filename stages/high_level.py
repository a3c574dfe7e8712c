"""Stage ``high_level`` (route ``retrain``): a new high-level policy on a body's observation and the frozen latent.

First the commands, by PPO over decisions of all lengths alike, each of which earns the reward at its end. Actor and
critic are asked about the same decisions; the critic alone is told the true task, which only lowers the variance of
the advantage (asymmetric actor-critic, Pinto et al. 2018). Then how long each command is held, as by route ``reuse``.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports below, which take seconds
    from stages.cli import main

    main("high_level")

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Normal

from envs.body import Body, load_body
from envs.tasks import Floats, Ints, Tasks, missing
from models.controller import Controller
from models.deciders import LONGEST_STRIDE, Decider, HighLevelPolicy
from models.encoder import Encoder
from models.heads import mlp
from models.stored_deciders import save_decider
from models.toy_agent import ToyAgent
from models.transitions import kind_scale
from stages.checkpoint import SAVES, TrainingCheckpoint, below, prefixed
from stages.configs.high_level import HighLevelConfig
from stages.contract import Artifact, Metrics, Progress, write_curve
from stages.decisions import WORST_REWARD, DecidingBodies, finish_episodes, tensor
from stages.even_tasks import EvenTasks
from stages.strides import learn_strides

_SMOOTH = 5  # updates in a point of the learning curve
#: Share of the best reward by which a later policy may lie below it and be kept: that much is luck, not collapse.
_LUCK = 0.05
#: Share of the stage that learning commands is said to be.
_COMMANDS = 0.5


def run(config: HighLevelConfig, inputs: Mapping[str, Artifact], out: Path, report: Progress) -> Metrics:
    """Train policy and predictor of strides on the body; write them and both learning curves."""
    body, controller = load_body(config.body, config.tasks), Controller.load(inputs["low_level"].folder)
    toy, kept = ToyAgent.load(inputs["toy_inference"].folder), out / ".checkpoint"
    told = body, controller, toy.encoder
    policy, rows = _learn_commands(config, *told, kept / "commands", _part(report, 0.0, _COMMANDS))
    deciding = partial(Decider.retrain, toy, policy.requires_grad_(False))
    report_strides, decisions = _part(report, _COMMANDS, 1.0), rows[-1]["step"]
    torch.manual_seed(config.seed)  # anew, so that strides begin alike whether or not commands were interrupted
    predictor, more = learn_strides(config.striding, *told, deciding, kept / "strides", report_strides, decisions)
    save_decider(out, predictor, policy)
    write_curve(out, [*rows, *more])
    return {"reward_per_decision": more[-1]["reward"], "mean_stride": more[-1]["stride"]}


def _learn_commands(
    config: HighLevelConfig, body: Body, controller: Controller, encoder: Encoder, folder: Path, report: Progress
) -> tuple[HighLevelPolicy, list[dict[str, float]]]:
    """The latest policy that is as good as the best, as far as luck lets tell, and the learning curve."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    bodies = DecidingBodies(body, controller.act, encoder, config.bodies, rng)
    tasks = EvenTasks(body, rng)
    bodies.reset(tasks.draw(config.bodies))
    learner = Learner(config, controller, encoder.latent, bodies)
    course = _Course(rng.integers(0, config.episode, config.bodies), tasks, deepcopy(learner.policy.state_dict()))
    modules = {"policy": learner.policy, "critic": learner.critic}
    checkpoint = TrainingCheckpoint(folder, modules, learner.optimiser, rng)
    begun = course.resume(checkpoint, bodies)
    for update in range(begun, config.updates):
        if update > begun and update % max(config.updates // SAVES, 1) == 0:
            course.save(checkpoint, update, bodies)
        batch, reward = _rollout(learner, bodies, course, rng)
        learner.learn(batch, 1.0 - update / config.updates)
        course.sample((update + 1) * config.rollout * config.bodies, reward, learner.policy)
        report((update + 1) / config.updates, **course.rows[-1])
    if begun < config.updates:
        course.save(checkpoint, config.updates, bodies)
    learner.policy.load_state_dict(course.kept)
    return learner.policy, course.rows


def _part(report: Progress, begins: float, ends: float) -> Progress:
    """The progress of a part of the stage, told as the stage's."""
    return lambda fraction, **metrics: report(begins + (ends - begins) * fraction, **metrics)


@dataclass
class _Course:
    """Where the training is.

    Attributes:
        ages: decisions of each body's episode (n,).
        tasks: of the episodes to come.
        kept: the latest policy as good as the best, whose reward is ``best``.
        rows: the learning curve.
        recent: rewards of the latest updates.
    """

    ages: Ints
    tasks: EvenTasks
    kept: dict[str, Tensor]
    best: float = -np.inf
    rows: list[dict[str, float]] = field(default_factory=list)
    recent: list[float] = field(default_factory=list)

    def sample(self, decisions: int, reward: float, policy: HighLevelPolicy) -> None:
        """Add a point to the learning curve; keep the policy if it is as good as the best.

        The rate falls, so that of policies that luck alone tells apart the latest is the most exact.
        """
        self.recent = [*self.recent, reward][-_SMOOTH:]
        smooth = float(np.mean(self.recent))
        self.rows.append({"step": float(decisions), "command_reward": smooth})
        self.best = max(self.best, smooth)
        if smooth >= self.best - _LUCK * abs(self.best):
            self.kept = deepcopy(policy.state_dict())

    def save(self, checkpoint: TrainingCheckpoint, update: int, bodies: DecidingBodies) -> None:
        """Before an update."""
        tensors = prefixed("bodies", bodies.state()) | prefixed("kept", self.kept)
        numbers = {"update": update, "best": self.best, "rows": self.rows, "recent": self.recent}
        numbers["tasks"] = self.tasks.drawn
        checkpoint.save({**tensors, "ages": torch.from_numpy(self.ages.copy())}, numbers)

    def resume(self, checkpoint: TrainingCheckpoint, bodies: DecidingBodies) -> int:
        """The update to go on with."""
        kept = checkpoint.restore()
        if kept is None:
            return 0
        tensors, numbers = kept
        bodies.resume(below(tensors, "bodies"))
        self.ages, self.kept = tensors["ages"].numpy(), below(tensors, "kept")
        self.tasks.resume(numbers["tasks"])
        self.best, self.rows, self.recent = (numbers[name] for name in ("best", "rows", "recent"))
        return numbers["update"]


@dataclass
class _Batch:
    """Decisions, (time, n, ...) while collected and flat while learnt from."""

    features: Tensor
    task: Tensor
    wanted_kind: Tensor
    wanted_share: Tensor
    kind: Tensor
    share: Tensor
    log_probability: Tensor
    advantage: Tensor
    value: Tensor

    def rows(self, index: Tensor) -> _Batch:
        """The decisions at these positions."""
        return _Batch(*(getattr(self, part.name)[index] for part in fields(self)))


class Learner:
    """Policy, privileged critic and their optimiser."""

    def __init__(self, config: HighLevelConfig, controller: Controller, latent: int, bodies: DecidingBodies) -> None:
        self.config, space, observations = config, bodies.body.space, bodies.stepper.observation_size
        limits = tuple(float(limit) for limit in bodies.body.command_limits[space.kind_ids])
        self.policy = HighLevelPolicy(space.name, observations, latent, config.width, limits)
        self.policy.normalise(controller)
        with torch.no_grad():
            cast(nn.Linear, self.policy.net[-1]).weight.mul_(0.1)
        self.critic = mlp(self.policy.inputs + 2 * len(space.kinds), config.width, 1)
        parameters = [*self.policy.parameters(), *self.critic.parameters()]
        self.optimiser = torch.optim.Adam(parameters, lr=config.learning_rate)

    def sample(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Kinds (n,), shares of the limits (n,) and their log-probabilities (n,)."""
        kinds, shares = self._distributions(features)
        kind = kinds.sample()
        share = shares.sample().gather(-1, kind[:, None])[:, 0]
        return kind, share, self._log_probability((kinds, shares), kind, share)

    def value(self, features: Tensor, task: Tensor) -> Tensor:
        """What the critic, told the true task, expects (...,)."""
        return self.critic(torch.cat([features, task], dim=-1))[..., 0]

    def learn(self, batch: _Batch, remaining: float) -> None:
        """PPO's clipped update; learning rate and entropy bonus fall with what remains."""
        self.optimiser.param_groups[0]["lr"] = self.config.learning_rate * max(remaining, 0.02)
        for _ in range(self.config.epochs):
            for index in torch.randperm(len(batch.value)).split(self.config.minibatch):
                loss = self._loss(batch.rows(index), remaining)
                self.optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.optimiser.param_groups[0]["params"], 0.5)
                self.optimiser.step()

    def _loss(self, batch: _Batch, remaining: float) -> Tensor:
        distributions = self._distributions(batch.features)
        now = self._log_probability(distributions, batch.kind, batch.share)
        ratio = (now - batch.log_probability).exp()
        advantage = (batch.advantage - batch.advantage.mean()) / (batch.advantage.std() + 1e-6)
        clipped = ratio.clamp(1.0 - self.config.clip, 1.0 + self.config.clip)
        gain = torch.minimum(ratio * advantage, clipped * advantage).mean()
        surprise = (self.value(batch.features, batch.task) - batch.value - batch.advantage).pow(2).mean()
        entropy = sum(distribution.entropy().mean() for distribution in distributions)
        guidance = self.config.guidance * self._guidance(batch, distributions)
        return -gain + 2.0 * surprise + guidance - self.config.entropy * remaining * entropy

    @staticmethod
    def _guidance(batch: _Batch, distributions: tuple[Categorical, Normal]) -> Tensor:
        """Distance from the command that the true task asks for."""
        kinds, shares = distributions
        share = shares.mean.gather(-1, batch.wanted_kind[:, None])[:, 0]
        beyond = (batch.wanted_share.abs() >= 1.0) & (share * batch.wanted_share >= 1.0)  # cut off on the right side
        miss = (share - batch.wanted_share).abs().masked_fill(beyond, 0.0)
        return miss.mean() - kinds.log_prob(batch.wanted_kind).mean()

    def _distributions(self, features: Tensor) -> tuple[Categorical, Normal]:
        kinds, shares = self.policy(features)
        return Categorical(logits=kinds), Normal(shares, self.policy.log_deviation.exp())

    @staticmethod
    def _log_probability(distributions: tuple[Categorical, Normal], kind: Tensor, share: Tensor) -> Tensor:
        kinds, shares = distributions
        return kinds.log_prob(kind) + shares.log_prob(share[:, None]).gather(-1, kind[:, None])[:, 0]


def _rollout(
    learner: Learner, bodies: DecidingBodies, course: _Course, rng: np.random.Generator
) -> tuple[_Batch, float]:
    """Decide ``rollout`` times; a flat batch with advantages, and mean reward at the ends."""
    config, steps = learner.config, []
    for _ in range(config.rollout):
        decided, future, reward = _decide(learner, bodies, rng)
        course.ages = finish_episodes(bodies, course.ages + 1, config.episode, rng)
        course.tasks.give(bodies, course.ages)
        steps.append((decided, (*future, tensor(course.ages > 0)), reward))
    batch = _advantages([step[0] for step in steps], [step[1] for step in steps], config)
    return batch, float(np.mean([step[2] for step in steps]))


@torch.no_grad()
def _decide(
    learner: Learner, bodies: DecidingBodies, rng: np.random.Generator
) -> tuple[_Batch, tuple[Tensor, ...], float]:
    """One decision of every body, of any length: what was decided, (worth, value after), and mean reward."""
    config, policy = learner.config, learner.policy
    features, task, before = _seen(policy, bodies), task_features(bodies.tasks), bodies.coordinates()
    kind, share, log_probability = learner.sample(features)
    amount = (share.clamp(-1.0, 1.0) * policy.limits[kind]).numpy().astype(np.float64)
    stride = rng.integers(1, LONGEST_STRIDE + 1, bodies.n)
    outcome = bodies.decide(policy.space.kind_ids[kind.numpy()], amount, stride).capped(WORST_REWARD)
    earned = outcome.last(outcome.rewards)
    after = learner.value(_seen(policy, bodies), task)
    after = torch.where(torch.as_tensor(outcome.fell), WORST_REWARD, after)  # it earns no better any more
    value = learner.value(features, task)
    wanted_kind, wanted_share = _wanted(bodies.tasks, before, policy.limits)
    decided = _Batch(
        features, task, wanted_kind, wanted_share, kind, share, log_probability, torch.zeros_like(value), value
    )
    return decided, ((1.0 - config.discount) * tensor(earned), after), float(earned.mean())


def _advantages(decided: list[_Batch], futures: list[tuple[Tensor, ...]], config: HighLevelConfig) -> _Batch:
    """Generalised advantages over decisions; where a body starts anew the trace is cut, its value still counts."""
    running = torch.zeros_like(decided[0].value)
    for step in range(len(decided) - 1, -1, -1):
        worth, after, continues = futures[step]
        surprise = worth + config.discount * after - decided[step].value
        running = surprise + config.discount * config.trace * continues * running
        decided[step].advantage = running
    return _Batch(*(torch.cat([getattr(step, part.name) for step in decided]) for part in fields(_Batch)))


def _seen(policy: HighLevelPolicy, bodies: DecidingBodies) -> Tensor:
    return policy.features(tensor(bodies.observation()), tensor(bodies.coordinates()), bodies.latent())


def _wanted(tasks: Tasks, coordinates: Floats, limits: Tensor) -> tuple[Tensor, Tensor]:
    """Place of the kind (n,) and share of the limits (n,) of the command that the true task asks for."""
    place = torch.as_tensor(tasks.space.place(tasks.kind))
    return place, (tensor(missing(tasks, coordinates)) / limits[place]).clamp(-1.0, 1.0)


def task_features(tasks: Tasks) -> Tensor:
    """(n, 2 kinds): one flag per kind and, beside it, the specification in typical ones; for the critic only."""
    place = torch.as_tensor(tasks.space.place(tasks.kind))
    flags = nn.functional.one_hot(place, len(tasks.space.kinds)).float()
    return torch.cat([flags, flags * tensor(tasks.specification)[:, None] / kind_scale(tasks.space)], dim=-1)
