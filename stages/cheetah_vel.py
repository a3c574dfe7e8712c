"""Stage ``cheetah_vel``: the velocity task of the meta-RL literature, in the first episode of every speed.

The frozen toy encoder infers the speed from the literature's own reward. The low level practises that reward, whose
cost of effort it did not know, told the speed: no task is inferred, and nothing meta-trained, on the body.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports below, which take seconds
    from stages.cli import main

    main("cheetah_vel")

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize
from torch import nn

from envs.body import Body, load_body
from envs.cheetah_vel import STEPS, SpeedPractice, at_speeds, effort, held_out_speeds
from envs.commands import low_level_observation
from envs.stepper import Stepper
from envs.tasks import Floats
from models.controller import Controller
from models.moving_frame import MovingFrame
from models.toy_agent import ToyAgent
from stages.configs.cheetah_vel import CheetahVelConfig
from stages.contract import Artifact, Metrics, Progress, write_curve, write_json, write_tensors
from stages.ppo_checkpoint import PPOCheckpoint
from stages.scores import aggregate
from stages.skill import extract_controller, ppo
from stages.vec_env import CommandVecEnv

#: ``ordinary_gait``: the agent with the low level as it was before it practised this reward.
CONTROLS = ("agent", "oracle", "no_inference", "ordinary_gait")
_EVALUATION_SEED = 60_013
_KNOWN = 1e7  # samples that the observations' statistics are taken to rest on when practice begins
_REPORTS = 15


def run(config: CheetahVelConfig, inputs: Mapping[str, Artifact], out: Path, report: Progress) -> Metrics:
    """Practise, then meet every held-out speed once per seed; write controller, episodes and table."""
    body, toy = load_body(config.body, config.tasks), ToyAgent.load(inputs["toy_inference"].folder)
    ordinary = Controller.load(inputs["low_level"].folder)
    practised, rows = _practise(config, body, ordinary, out, report)
    speeds = np.tile(held_out_speeds(), config.seeds)
    episodes = []
    for control in CONTROLS:
        controller = ordinary if control == "ordinary_gait" else practised
        episodes.append(first_episodes(body, controller, toy, speeds, control, _EVALUATION_SEED + config.seed))
    table = pd.concat(episodes)
    columns = ("return", "error", "effort", "belief_error")
    scores = {
        str(control): {name: aggregate(own[name].to_numpy(dtype=float), config.resamples) for name in columns}
        for control, own in table.groupby("control")
    }
    write_tensors(out / "controller.safetensors", practised.state_dict())
    write_json(out / "controller.json", practised.sizes)
    write_json(out / "controls.json", scores)
    write_curve(out, rows)
    table.to_parquet(out / "episodes.parquet", index=False)
    return {f"{control}_return": scores[control]["return"]["mean"] for control in CONTROLS}


@torch.no_grad()
def first_episodes(
    body: Body, controller: Controller, toy: ToyAgent, speeds: Floats, control: str, seed: int
) -> pd.DataFrame:
    """One episode for every speed (n,) m/s, nothing being known of it at the start; one row per episode.

    ``error`` and ``effort`` are the two parts of the return; ``belief_error`` (m/s) is that of the speed believed in
    over the second half.
    """
    n, stepper = len(speeds), Stepper(body, len(speeds))
    stepper.reset(np.random.default_rng(seed))
    frame = MovingFrame(toy.encoder, toy.head, n)
    error, cost, astray = np.zeros((STEPS, n)), np.zeros((STEPS, n)), np.zeros((STEPS, n))
    for t in range(STEPS):
        believed = speeds if control == "oracle" else frame.speed.numpy().astype(np.float64)
        actions = controller.act(low_level_observation(stepper, at_speeds(body, believed)))
        before = stepper.coordinates()[:, 0]
        stepper.step(actions)
        reached = (stepper.coordinates()[:, 0] - before) / body.dt
        error[t], cost[t], astray[t] = np.abs(reached - speeds), effort(actions), np.abs(believed - speeds)
        if control != "no_inference":
            # The reward is all that is told; what one's own actions cost is known, and what remains is the error.
            frame.observe(_tensor(reached), _tensor(error[t]))
    parts = {"error": error.sum(axis=0), "effort": cost.sum(axis=0), "belief_error": astray[STEPS // 2 :].mean(axis=0)}
    returns = -parts["error"] - parts["effort"]
    return pd.DataFrame({"control": control, "speed": speeds, "return": returns, **parts})


def _practise(
    config: CheetahVelConfig, body: Body, ordinary: Controller, out: Path, report: Progress
) -> tuple[Controller, list[dict[str, float]]]:
    """PPO from the ordinary gait on; the controller it ends with, and the learning curve."""
    bodies = SpeedPractice(body, config.bodies, config.seed)
    normalised = VecNormalize(CommandVecEnv(bodies), gamma=config.discount)
    model = ppo(config, normalised, ordinary.sizes["width"])
    _take_over(model, normalised, ordinary)
    watch = _Watch(config, PPOCheckpoint(out / ".checkpoint", model, normalised, bodies), report)
    remaining = config.steps - model.num_timesteps
    if remaining > 0:
        model.learn(remaining, callback=watch, reset_num_timesteps=model.num_timesteps == 0)
    return extract_controller(model, normalised, ordinary.sizes["width"]), watch.rows


def _take_over(model: PPO, normalised: VecNormalize, controller: Controller) -> None:
    """Begin with a controller's network and its statistics of observations."""
    hidden = [layer for layer in model.policy.mlp_extractor.policy_net if isinstance(layer, nn.Linear)]
    known = [layer for layer in controller.net if isinstance(layer, nn.Linear)]
    for target, source in zip([*hidden, model.policy.action_net], known, strict=True):
        target.load_state_dict(source.state_dict())
    statistics = normalised.obs_rms
    assert isinstance(statistics, RunningMeanStd)  # of one flat observation, not of a dictionary
    statistics.mean, statistics.var = (
        part.numpy().astype(np.float64) for part in (controller.mean, controller.variance)
    )
    statistics.count = _KNOWN


class _Watch(BaseCallback):
    """Reports the reward of practice and checkpoints; sits between SB3's updates."""

    def __init__(self, config: CheetahVelConfig, checkpoint: PPOCheckpoint, report: Progress) -> None:
        super().__init__()
        self.config, self.checkpoint, self._report = config, checkpoint, report
        self.rows = checkpoint.restore()
        self._every = max(config.steps // (config.bodies * config.rollout * _REPORTS), 1)

    def _on_rollout_start(self) -> None:
        done = self.num_timesteps // (self.config.bodies * self.config.rollout)
        if done and done % self.config.checkpoint_every == 0:
            self.checkpoint.save(self.rows)

    def _on_rollout_end(self) -> None:
        done = self.num_timesteps // (self.config.bodies * self.config.rollout)
        if done % self._every == 0:
            self.rows.append({"step": float(self.num_timesteps), "reward": self._mean_reward()})
        self._report(min(self.num_timesteps / self.config.steps, 1.0), **(self.rows[-1] if self.rows else {}))

    def _mean_reward(self) -> float:
        """Per control step of the last rollout, with exploration."""
        statistics = self.checkpoint.normalised
        rewards = self.checkpoint.model.rollout_buffer.rewards * np.sqrt(statistics.ret_rms.var + statistics.epsilon)
        return float(rewards.mean())

    def _on_step(self) -> bool:
        return True


def _tensor(values: Floats) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float32)
