"""Stage ``toy_inference``: learn on the toy to infer tasks from rewards, and to act on what is inferred."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports below, which take seconds
    from stages.cli import main

    main("toy_inference")

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, smooth_l1_loss

from envs.tasks import BASE_TASKS, GOAL, KINDS, Floats, Tasks, split_toy_tasks
from envs.toy import DRAG, EPISODE, FORCE, STEP, Toys
from models.inference import CONTEXT, TRANSITION, Belief, pack
from models.toy_agent import ToyAgent
from stages.configs.toy_inference import ToyInferenceConfig
from stages.contract import Artifact, Metrics, Progress, write_curve, write_json
from stages.toy_practice import Practice, draw, oracle_action, practise

_SPEED = FORCE / DRAG  # m/s per unit of action
_REPORTS = 12
_EVALUATION_SEED = 50_021
#: Base tasks count as identified from here on.
IDENTIFIED_AFTER = 8
#: Decisions through which the policy's own gathering of information is differentiated, and the share of the training
#: after which that begins; before, there is nothing to gather information for.
_DRIVEN, _DRIVEN_FROM = 8, 0.3
#: Relative error at which the concave loss reaches half of its height.
_HALFWAY = 0.03


def run(config: ToyInferenceConfig, inputs: Mapping[str, Artifact], out: Path, report: Progress) -> Metrics:
    """Train; write the agent, the task split, held-out latents and the learning curve."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    train, held_out = split_toy_tasks(rng, config.train, config.held_out)
    learner = Learner(config, train, rng)
    rows: list[dict[str, float]] = []
    every = max(config.updates // _REPORTS, 1)
    for update in range(config.updates):
        losses = learner.learn(update)
        if (update + 1) % every == 0 or update + 1 == config.updates:
            episodes = run_toy(learner.agent, held_out, EPISODE)
            rows.append({"step": float(update + 1), **losses, "return": float(episodes.returns.mean())})
        if (update + 1) % 10 == 0:
            report((update + 1) / config.updates, **(rows[-1] if rows else {}))
    episodes = run_toy(learner.agent, held_out, EPISODE)
    learner.agent.save(out)
    write_json(out / "tasks.json", {"train": _listed(train), "held_out": _listed(held_out)})
    latent_table(held_out, episodes).to_parquet(out / "latents.parquet", index=False)
    write_curve(out, rows)
    return toy_metrics(held_out, episodes)


class Learner:
    """One optimiser for encoder, decoder, task head and policy."""

    def __init__(self, config: ToyInferenceConfig, train: Tasks, rng: np.random.Generator) -> None:
        self.config, self.train, self.rng = config, train, rng
        self.agent = ToyAgent(config.latent, config.width, config.policy_width)
        self.optimiser = torch.optim.Adam(self.agent.parameters(), lr=config.learning_rate)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, max_lr=config.learning_rate, total_steps=config.updates + 1, pct_start=0.05
        )

    def learn(self, update: int) -> dict[str, float]:
        """One gradient step; practice is refreshed every ``fresh`` of them."""
        config = self.config
        if update % config.fresh == 0:
            self.practice = practise(self.rng, self.train, self.agent, config, config.fresh * config.batch)
        start = update % config.fresh * config.batch
        practice = self.practice.rows(np.arange(start, start + config.batch))
        losses = self._losses(practice)
        if update >= _DRIVEN_FROM * config.updates and update % 2 == 0:
            losses["driven"] = 2.0 * self._driven(practice)
        loss = sum(losses.values(), torch.zeros(()))
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.agent.parameters(), 1.0)
        self.optimiser.step()
        self.schedule.step()
        return {f"{name}_loss": float(value.detach()) for name, value in losses.items() if name != "driven"}

    def _losses(self, practice: Practice) -> dict[str, Tensor]:
        """At every time step of every context: task head, decoder, divergence and policy."""
        agent, tasks, transitions = self.agent, practice.tasks, practice.transitions
        target = _Target.of(tasks)
        latent = agent.encoder.along(transitions)
        logits, estimates = agent.head(latent.mean)
        n, time = transitions.shape[:2]
        labels = target.base_task[:, None].expand(n, time).reshape(-1)
        estimate = estimates.gather(-1, target.kind[:, None, None].expand(n, time + 1, 1))[..., 0]
        relative = (estimate - target.specification[:, None]).abs() / target.specification.abs()[:, None]
        asked = torch.as_tensor(self.rng.integers(0, time, (n, time + 1)))
        where = transitions[..., 3:].gather(1, asked[..., None].expand(-1, -1, 2))
        earned = transitions[..., 2].gather(1, asked).clamp(min=-4.0)
        told = agent.decoder.rewards(where, latent.sample())
        following = agent.decoder.next_state(transitions[..., :2], practice.actions)
        at = torch.cat([practice.starts[:, None], transitions[..., 3:]], dim=1)
        return {
            "base_task": cross_entropy(logits[:, 1:].reshape(-1, len(BASE_TASKS)), labels),
            "specification": (2.0 * relative.clamp(max=3.0) + _decided(relative))[:, 2:].mean(),
            "reward": smooth_l1_loss(told[:, 1:], earned[:, 1:]),
            "state": ((following - transitions[..., 3:]) / following.new_tensor((10.0, 3.0)))
            .clamp(-1, 1)
            .pow(2)
            .mean(),
            "divergence": self.config.kl_weight * latent.kl().mean(),
            "policy": self._imitation(target, at, latent.mean)[:, 1:].mean()
            + self._imitation(target, self._elsewhere(target, at), latent.mean)[:, 1:].mean(),
        }

    def _elsewhere(self, target: _Target, at: Tensor) -> Tensor:
        """Other coordinates (n, time, 2): near the goal, or as they are, at any velocity; latents are about tasks."""
        near = target.specification[:, None] + 0.5 * torch.randn(at.shape[:2])
        x = torch.where((target.kind == GOAL)[:, None], near, at[..., 0])
        return torch.stack([x, _SPEED * (2.0 * torch.rand(at.shape[:2]) - 1.0)], dim=-1)

    def _imitation(self, target: _Target, at: Tensor, z: Tensor) -> Tensor:
        """(n, time): distance of the policy from the action that is best when the task is known.

        In units that matter, which are relative to the specification. An action that is cut off on the right side is
        right.
        """
        best = target.action(at)
        action = self.agent.policy.unbounded(at, z)
        action = torch.where((best.abs() >= 1.0) & (action * best >= 1.0), best, action).clamp(-3.0, 3.0)
        weight = torch.where(target.kind == GOAL, 6.0, 10.0) / target.specification.abs()
        miss = (action - best).abs() * weight[:, None]
        return miss + _decided(miss)

    def _driven(self, practice: Practice) -> Tensor:
        """Mean error over some decisions of the policy's own, differentiated through law, reward and belief.

        Half the episodes begin, half go on where a context has led. This is what makes actions informative: at the
        start every small action is equally good, and beside a target two explanations of the reward are equally
        likely; only what an action lets the encoder find out tells them apart.
        """
        half = len(practice.tasks) // 2
        going_on = practice.rows(np.arange(half))
        beginning = draw(self.rng, self.train, half)
        encoder, seen = self.agent.encoder, going_on.transitions[:, : CONTEXT - _DRIVEN]
        with torch.no_grad():
            state, z = encoder.remember(seen)
        fresh = torch.as_tensor(Toys(beginning, self.rng).coordinates, dtype=torch.float32)
        nothing, none = torch.zeros(1, half, encoder.width), seen.new_zeros(half, 0, TRANSITION)
        begun = self._drive(_Target.of(beginning), fresh, nothing, encoder.empty(half), none)
        return 0.5 * (begun + self._drive(_Target.of(going_on.tasks), seen[:, -1, 3:], state, z, seen))

    def _drive(self, target: _Target, at: Tensor, state: Tensor, z: Tensor, seen: Tensor) -> Tensor:
        total = torch.zeros(len(at))
        for _ in range(_DRIVEN):
            speed = _SPEED * self.agent.policy(at, z)
            after = torch.stack([at[:, 0] + STEP * speed, speed], dim=-1)
            error = target.error(after)
            total = total + error.clamp(max=4.0)
            seen = torch.cat([seen, pack(at, -error, after)[:, None]], dim=1)
            state, z = self.agent.encoder.follow(state, seen)
            at = after
        return total.mean() / _DRIVEN


def _decided(error: Tensor) -> Tensor:
    """A concave loss: where two explanations are as likely, to trust either costs less than to split the difference.

    A policy that trusts the wrong one moves away from the target, sees it and corrects; one that splits the difference
    stays where it is and never finds out.
    """
    return error / (error + _HALFWAY)


@dataclass(frozen=True)
class _Target:
    """A batch of tasks as tensors."""

    kind: Tensor
    specification: Tensor
    base_task: Tensor

    @staticmethod
    def of(tasks: Tasks) -> _Target:
        specification = torch.as_tensor(tasks.specification, dtype=torch.float32)
        return _Target(torch.as_tensor(tasks.kind), specification, torch.as_tensor(tasks.base_task))

    def error(self, at: Tensor) -> Tensor:
        """Relative error (n,) at coordinates (n, 2)."""
        reached = torch.where(self.kind == GOAL, at[..., 0], at[..., 1])
        return (reached - self.specification).abs() / self.specification.abs()

    def action(self, at: Tensor) -> Tensor:
        """Best actions (n, time) at coordinates (n, time, 2)."""
        specification = self.specification[:, None]
        to_goal = (specification - at[..., 0]) / (_SPEED * STEP)
        return torch.where((self.kind == GOAL)[:, None], to_goal, specification / _SPEED).clamp(-1.0, 1.0)


@dataclass(frozen=True)
class ToyEpisodes:
    """Deterministic episodes of n tasks; leading axis is the number of transitions seen, 0 first.

    Attributes:
        returns: (n,).
        latents: (time, n, latent).
        believed: (time, n) base-task ids.
        estimates: (time, n) of the specification.
    """

    returns: Floats
    latents: Floats
    believed: np.ndarray
    estimates: Floats


@torch.no_grad()
def run_toy(agent: ToyAgent, tasks: Tasks, decisions: int) -> ToyEpisodes:
    """Clean toys driven by mean latents; the same agent and tasks always give the same episodes."""
    toys, n = Toys(tasks, np.random.default_rng(_EVALUATION_SEED)), len(tasks)
    belief: Belief = agent.encoder.start(n)
    returns, steps = np.zeros(n), []
    for _ in range(decisions):
        z, before = agent.encoder.infer(belief).mean, toys.coordinates
        logits, estimates = agent.head(z)
        steps.append((z.numpy(), logits.argmax(dim=-1).numpy(), estimates.numpy()[np.arange(n), tasks.kind]))
        action = agent.policy(torch.as_tensor(before, dtype=torch.float32), z)
        after, reward = toys.step(action.numpy().astype(np.float64))
        returns += reward
        transition = np.concatenate([before, reward[:, None], after], axis=1)
        belief = agent.encoder.update(belief, torch.as_tensor(transition, dtype=torch.float32))
    latents, believed, estimated = (np.stack(values) for values in zip(*steps, strict=True))
    return ToyEpisodes(returns, latents, believed, estimated)


def oracle_return(tasks: Tasks) -> float:
    """Mean return of the policy that knows the task."""
    toys = Toys(tasks, np.random.default_rng(_EVALUATION_SEED))
    return float(np.mean(sum(toys.step(oracle_action(tasks, toys.coordinates))[1] for _ in range(EPISODE))))


def toy_metrics(tasks: Tasks, episodes: ToyEpisodes) -> Metrics:
    """Return in all and by base task, base-task accuracy, and how well the specification is known at the end."""
    correct = (episodes.believed == tasks.base_task).mean(axis=1)
    settled = episodes.estimates[len(episodes.estimates) // 2 :]
    relative = np.abs(settled - tasks.specification) / np.abs(tasks.specification)
    by_base = {
        f"return_{name.replace(' ', '_')}": float(episodes.returns[tasks.base_task == i].mean())
        for i, name in enumerate(BASE_TASKS)
    }
    return {
        "return": float(episodes.returns.mean()),
        "oracle_return": oracle_return(tasks),
        **by_base,
        "base_task_accuracy": float(correct[IDENTIFIED_AFTER:].min()),
        "specification_error": float(relative.mean()),
    }


def latent_table(tasks: Tasks, episodes: ToyEpisodes, every: int = 10) -> pd.DataFrame:
    """Latents of held-out tasks along their episodes, one row per task and tenth step."""
    steps = np.arange(IDENTIFIED_AFTER, len(episodes.latents), every)
    latents = episodes.latents[steps].reshape(-1, episodes.latents.shape[-1])
    columns = {
        "task": np.array(tasks.labels()),
        "kind": np.array(KINDS)[tasks.kind],
        "base_task": np.array(BASE_TASKS)[tasks.base_task],
        "specification": tasks.specification,
    }
    tiled = {name: np.tile(values, len(steps)) for name, values in columns.items()}
    numbered = {f"z{i}": latents[:, i] for i in range(latents.shape[1])}
    return pd.DataFrame({**tiled, "step": np.repeat(steps, len(tasks)), **numbered})


def _listed(tasks: Tasks) -> dict[str, list[float]]:
    return {"kind": tasks.kind.tolist(), "specification": tasks.specification.tolist()}
