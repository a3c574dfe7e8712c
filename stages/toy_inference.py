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

from envs.tasks import KINDS, SPACES, Floats, Tasks, split_toy_tasks
from envs.toy import EPISODE, Toys
from models.inference import CONTEXT, Belief, coordinate_scale, pack
from models.toy_agent import ToyAgent
from stages.checkpoint import SAVES, TrainingCheckpoint
from stages.configs.toy_inference import ToyInferenceConfig
from stages.contract import Artifact, Metrics, Progress, write_curve, write_json
from stages.toy_practice import Practice, draw, oracle_action, practise
from stages.toy_target import Target, law_of

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
    train, held_out = split_toy_tasks(rng, config.train, config.held_out, SPACES[config.space])
    learner = Learner(config, train, rng)
    checkpoint = TrainingCheckpoint(out / ".checkpoint", {"agent": learner.agent}, learner.optimiser, rng)
    begun, rows = learner.resume(checkpoint)
    every = max(config.updates // _REPORTS, 1)
    for update in range(begun, config.updates):
        if update > begun and update % learner.save_every == 0:
            checkpoint.save({}, {"update": update, "rows": rows})
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
        self.agent = ToyAgent(config.space, config.latent, config.width, config.policy_width)
        self.optimiser = torch.optim.Adam(self.agent.parameters(), lr=config.learning_rate)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, max_lr=config.learning_rate, total_steps=config.updates + 1, pct_start=0.05
        )

    @property
    def save_every(self) -> int:
        """Gradient steps between two checkpoints: whole rounds of practice, which is not kept."""
        return max(self.config.updates // (SAVES * self.config.fresh), 1) * self.config.fresh

    def resume(self, checkpoint: TrainingCheckpoint) -> tuple[int, list[dict[str, float]]]:
        """The gradient step to go on with, and the learning curve so far."""
        kept = checkpoint.restore()
        if kept is None:
            return 0, []
        self.schedule.last_epoch = kept[1]["update"]
        return kept[1]["update"], kept[1]["rows"]

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
        """At every time step of every context: task head, decoder, divergence and policy.

        Where the task has changed, as far as the new one can be known.
        """
        agent, space, transitions = self.agent, self.agent.space, practice.transitions
        target, c = Target.of(practice.tasks), len(space.coordinates)
        latent = agent.encoder.along(transitions)
        logits, estimates = agent.head(latent.mean)
        n, time = transitions.shape[:2]
        seen = torch.arange(time + 1) - practice.since[:, None]  # transitions since the task came into force
        estimate = estimates.gather(-1, target.place[:, None, None].expand(n, time + 1, 1))[..., 0]
        relative = (estimate - target.specification[:, None]).abs() / target.specification.abs()[:, None]
        asked = torch.as_tensor(self.rng.integers(practice.since[:, None].numpy(), time, (n, time + 1)))
        reached = transitions[..., c + 1 :]
        where = reached.gather(1, asked[..., None].expand(-1, -1, c))
        earned = transitions[..., c].gather(1, asked).clamp(min=-4.0)
        told = agent.decoder.rewards(where, latent.sample())
        following = agent.decoder.next_state(transitions[..., :c], practice.actions)
        at = torch.cat([practice.starts[:, None], reached], dim=1)
        places = (at, self._elsewhere(target, at))
        policy = torch.stack([self._imitation(target, place, latent.mean) for place in places]).sum(dim=0)
        labels = target.base_task[:, None].expand(n, time + 1)
        return {
            "base_task": cross_entropy(logits[seen >= 1], labels[seen >= 1]),
            "specification": (2.0 * relative.clamp(max=3.0) + _decided(relative))[seen >= 2].mean(),
            "reward": smooth_l1_loss(told[seen >= 1], earned[seen >= 1]),
            "state": ((following - reached) / coordinate_scale(space)).clamp(-1, 1).pow(2).mean(),
            "divergence": self.config.kl_weight * latent.kl().mean(),
            "policy": policy[seen >= 1].mean(),
        }

    def _elsewhere(self, target: Target, at: Tensor) -> Tensor:
        """Other coordinates (n, time, c): near the goal, or as they are, at any velocity; latents are about tasks."""
        speeds = torch.as_tensor(target.space.top_speeds, dtype=at.dtype)
        x, v = at.chunk(2, dim=-1)
        near = target.specification[:, None] + 0.1 * target.speed[:, None] * torch.randn(at.shape[:2])
        x = torch.where((target.moved & ~target.velocity_like[:, None])[:, None], near[..., None], x)
        return torch.cat([x, speeds * (2.0 * torch.rand(v.shape) - 1.0)], dim=-1)

    def _imitation(self, target: Target, at: Tensor, z: Tensor) -> Tensor:
        """(n, time): distance of the policy from the action that is best when the task is known.

        In units that matter, which are relative to the specification. An action that is cut off on the right side is
        right; what the task is not about may do anything.
        """
        best = target.action(at)
        action = target.of_position(self.agent.policy.unbounded(at, z))
        action = torch.where((best.abs() >= 1.0) & (action * best >= 1.0), best, action).clamp(-3.0, 3.0)
        weight = target.speed * torch.where(target.velocity_like, 2.0, 1.2) / target.specification.abs()
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
        nothing, none = torch.zeros(1, half, encoder.width), seen.new_zeros(half, 0, seen.shape[-1])
        begun = self._drive(Target.of(beginning), fresh, nothing, encoder.empty(half), none)
        return 0.5 * (begun + self._drive(Target.of(going_on.tasks), seen[:, -1, -fresh.shape[-1] :], state, z, seen))

    def _drive(self, target: Target, at: Tensor, state: Tensor, z: Tensor, seen: Tensor) -> Tensor:
        total = torch.zeros(len(at))
        for _ in range(_DRIVEN):
            after = law_of(self.agent.space, at, self.agent.policy(at, z))
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
        steps.append(
            (z.numpy(), logits.argmax(dim=-1).numpy(), estimates.numpy()[np.arange(n), tasks.space.place(tasks.kind)])
        )
        action = agent.policy(torch.as_tensor(before, dtype=torch.float32), z)
        after, reward = toys.step(action.numpy().astype(np.float64))
        returns += reward
        transition = np.concatenate([before, reward[:, None], after], axis=1)
        belief = agent.encoder.update(belief, torch.as_tensor(transition, dtype=torch.float32))
    latents, believed, estimated = (np.stack(values) for values in zip(*steps, strict=True))
    return ToyEpisodes(returns, latents, believed, estimated)


def oracle_returns(tasks: Tasks) -> Floats:
    """Returns (n,) of the policy that knows the task."""
    toys = Toys(tasks, np.random.default_rng(_EVALUATION_SEED))
    return np.sum([toys.step(oracle_action(tasks, toys.coordinates))[1] for _ in range(EPISODE)], axis=0)


def toy_metrics(tasks: Tasks, episodes: ToyEpisodes) -> Metrics:
    """Return in all and by base task beside the oracle's, base-task accuracy, and the specification's error."""
    correct = (episodes.believed == tasks.base_task).mean(axis=1)
    settled = episodes.estimates[len(episodes.estimates) // 2 :]
    relative = np.abs(settled - tasks.specification) / np.abs(tasks.specification)
    returns = {"return": episodes.returns, "oracle_return": oracle_returns(tasks)}
    by_base = {
        f"{which}_{name.replace(' ', '_')}": float(values[tasks.base_task == i].mean())
        for which, values in returns.items()
        for i, name in enumerate(tasks.space.base_tasks)
    }
    return {
        **{which: float(values.mean()) for which, values in returns.items()},
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
        "base_task": tasks.base_task_names,
        "specification": tasks.specification,
    }
    tiled = {name: np.tile(values, len(steps)) for name, values in columns.items()}
    numbered = {f"z{i}": latents[:, i] for i in range(latents.shape[1])}
    return pd.DataFrame({**tiled, "step": np.repeat(steps, len(tasks)), **numbered})


def _listed(tasks: Tasks) -> dict[str, list[float]]:
    return {"kind": tasks.kind.tolist(), "specification": tasks.specification.tolist()}
