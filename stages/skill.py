"""One skill of a low level: PPO on many bodies that practise its commands, and the best controller of its curve."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import load_file
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize
from torch import nn

from envs.body import Body
from envs.practice import CommandedBodies, Practice, Skill
from envs.tasks import KINDS
from envs.tracking import Tracking, track
from models.controller import Controller
from stages.configs.low_level import LowLevelConfig
from stages.contract import Metrics, Progress, write_tensors
from stages.ppo_checkpoint import PPOCheckpoint
from stages.vec_env import CommandVecEnv

if TYPE_CHECKING:  # what another stage is told does not decide this one's result
    from stages.configs.cheetah_vel import CheetahVelConfig

#: Seed of the measured episodes of the learning curve, by which the controller is chosen, apart from training seeds.
_VALIDATION_SEED = 10_009
_REPORTS = 25
_SEEDS = 2**31
_FALLS_WEIGH = 5.0


def learn(
    config: LowLevelConfig, body: Body, skill: Skill, folder: Path, report: Progress
) -> tuple[Controller, list[dict[str, float]]]:
    """Train, or go on where ``folder`` says; the best controller of the learning curve, and the curve.

    How a gait begins is a lottery, and the rest of a training seldom makes up for a bad draw: of several beginnings the
    one goes on whose learning curve is the best so far.
    """
    n, share = config.beginnings, round(config.beginning * config.steps)
    whole = config.steps + (n - 1) * share

    def practised(place: int, before: int, until: int | None = None) -> _Watch:
        own = config.model_copy(update={"seed": (config.seed * n + place) % _SEEDS})

        def told(step: int, /, **metrics: float) -> None:
            curve = metrics if until is None else {}  # of the one that goes on
            report(min((before + step) / whole, 1.0), **curve)

        return _practised(own, body, skill, folder / str(place), told, until)

    begun = [practised(place, place * share, share).badness(share) for place in range(n)] if n > 1 else [0.0]
    watch = practised(begun.index(min(begun)), (n - 1) * share)
    return watch.best(), watch.rows


def _practised(
    config: LowLevelConfig, body: Body, skill: Skill, folder: Path, told: Callable[..., None], until: int | None
) -> _Watch:
    """The training of one seed, to its end, or to the learning curve's first point at or beyond a step."""
    folder.mkdir(parents=True, exist_ok=True)
    practice = Practice(
        seconds=config.episode,
        change=config.change,
        fall_cost=config.fall_cost,
        edge_cost=config.edge_cost,
        overturned_cost=config.overturned_cost,
        restless=config.restless,
        tumbled=config.tumbled,
        turning=config.turning,
        calm=config.calm,
        skill=skill,
        only=config.only,
        speeds=config.speeds,
    )
    bodies = CommandedBodies(body, config.bodies, config.seed, practice)
    normalised = VecNormalize(CommandVecEnv(bodies), gamma=config.discount)
    model = ppo(config, normalised, config.width, config.smooth)
    checkpoint = PPOCheckpoint(folder / "state", model, normalised, bodies)
    watch = _Watch(config, skill, checkpoint, folder / "best.safetensors", told, until)
    remaining = config.steps - model.num_timesteps
    if remaining > 0 and not watch.paused:
        model.learn(remaining, callback=watch, reset_num_timesteps=model.num_timesteps == 0)
        if not watch.paused:
            checkpoint.save(watch.rows)
    return watch


def extract_controller(model: PPO, normalised: VecNormalize, width: int) -> Controller:
    """What PPO would do deterministically, without PPO."""
    statistics = normalised.obs_rms
    assert isinstance(statistics, RunningMeanStd)  # of one flat observation, not of a dictionary
    actor_net = [layer for layer in model.policy.mlp_extractor.policy_net if isinstance(layer, nn.Linear)]
    layers = [*actor_net, model.policy.action_net]
    controller = Controller(len(statistics.mean), layers[-1].out_features, width)
    targets = [layer for layer in controller.net if isinstance(layer, nn.Linear)]
    for source, target in zip(layers, targets, strict=True):
        target.load_state_dict(source.state_dict())
    controller.mean.copy_(torch.as_tensor(statistics.mean))
    controller.variance.copy_(torch.as_tensor(statistics.var))
    return controller


def ppo(config: LowLevelConfig | CheetahVelConfig, environment: VecNormalize, width: int, smooth: int = 0) -> PPO:
    """SB3's PPO as a config says, with two hidden layers of some width.

    Args:
        smooth: steps for which what is tried depends on the state alone (gSDE, Raffin et al. 2021); 0: it never does.
    """
    return PPO(
        "MlpPolicy",
        environment,
        n_steps=config.rollout,
        batch_size=config.minibatch,
        n_epochs=config.epochs,
        gamma=config.discount,
        gae_lambda=config.trace,
        learning_rate=lambda remaining: config.learning_rate * max(remaining, 0.02),
        target_kl=config.target_kl,
        policy_kwargs={
            "net_arch": [width] * 2,
            "activation_fn": nn.ELU,
            "log_std_init": log(config.deviation),
        },
        use_sde=smooth > 0,
        sde_sample_freq=smooth or -1,
        seed=config.seed,
        device="cpu",
    )


def tracking_metrics(tracking: Tracking) -> Metrics:
    """Mean errors by kind, of velocities also instantaneous ones, and the share of falls."""
    metrics: dict[str, float] = {}
    for kind in np.unique(tracking.kind):
        rows, name = tracking.kind == kind, KINDS[kind]
        metrics[f"{name}_error"] = float(tracking.error[rows].mean())
        if (tracking.mean_error[rows] != tracking.error[rows]).any():
            metrics[f"mean_{name}_error"] = float(tracking.mean_error[rows].mean())
    return {**metrics, "fall_rate": float(tracking.fell.mean())}


class _Watch(BaseCallback):
    """Reports, samples the learning curve, keeps its best controller and checkpoints; sits between SB3's updates."""

    def __init__(
        self,
        config: LowLevelConfig,
        skill: Skill,
        checkpoint: PPOCheckpoint,
        kept: Path,
        told: Callable[..., None],
        until: int | None,
    ) -> None:
        super().__init__()
        self.config, self.skill, self.checkpoint, self._told = config, skill, checkpoint, told
        self._kept, self._until = kept, until
        self.rows = checkpoint.restore()
        self._every = max(config.steps // (config.bodies * config.rollout * _REPORTS), 1)

    def _on_rollout_start(self) -> None:
        """Between two updates, where the whole state of the training is at rest."""
        self.checkpoint.go_on()
        done = self.num_timesteps // (self.config.bodies * self.config.rollout)
        measured = bool(self.rows) and self.rows[-1]["step"] == self.num_timesteps  # just resumed here
        if done and done % self._every == 0 and not measured:
            self._measure()
        if done and (done % self.config.checkpoint_every == 0 or self.paused):
            self.checkpoint.save(self.rows)

    def _on_rollout_end(self) -> None:
        self._told(self.num_timesteps, **(self.rows[-1] if self.rows else {}))

    def _on_step(self) -> bool:
        return not self.paused

    @property
    def paused(self) -> bool:
        """Whether the learning curve has come to where this beginning waits to be compared."""
        return self._until is not None and bool(self.rows) and self.rows[-1]["step"] >= self._until

    def badness(self, step: float) -> float:
        """Mean over the learning curve up to its first point at or beyond a step."""
        before = [row for row in self.rows if row["step"] < step]
        counted = self.rows[: len(before) + 1]
        return sum(map(_badness, counted)) / max(len(counted), 1)

    def best(self) -> Controller:
        """The controller of the learning curve's best point, which may be the end.

        From update to update a command is obeyed now better, now worse; the last update is a lottery.
        """
        controller = self._measure()
        controller.load_state_dict(load_file(self._kept))
        return controller

    def _measure(self) -> Controller:
        model, step = self.checkpoint.model, float(self.checkpoint.model.num_timesteps)
        controller = extract_controller(model, self.checkpoint.normalised, self.config.width)
        repeats = max(self.config.repeats // 4, 1)
        body = self.checkpoint.bodies.body
        tracking = track(body, controller.act, _VALIDATION_SEED, repeats, self.skill, self.config.only)
        self.rows.append({"step": step, **tracking_metrics(tracking)})
        if self.rows[-1] is min(self.rows, key=_badness):
            write_tensors(self._kept, controller.state_dict())
        return controller


def _badness(row: dict[str, float]) -> float:
    """What decides between two controllers: errors of all kinds, and falls above all."""
    errors = sum(value for name, value in row.items() if name.endswith("_error"))
    return errors + _FALLS_WEIGH * row["fall_rate"]
