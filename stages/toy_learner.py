"""One gradient step after the other on encoder, decoder, task head and policy of the toy's agent."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from envs.tasks import Tasks
from envs.toy import Toys
from models.heads import decided
from models.latents import Fit, Gaussian, Latent, Terms, divergence
from models.methods import Teacher
from models.pearl import DISCOUNT, Critic
from models.toy_agent import ToyAgent
from models.transitions import CONTEXT, coordinate_scale, pack
from stages.checkpoint import SAVES, TrainingCheckpoint
from stages.configs.toy_inference import ToyInferenceConfig
from stages.pcgrad import add_projected
from stages.toy_augmented import imagined, permuted
from stages.toy_draws import TaskDraws
from stages.toy_practice import Practice, practise
from stages.toy_target import Target, law_of

#: Base tasks count as identified from here on.
IDENTIFIED_AFTER = 8
#: Decisions through which the policy's own gathering of information is differentiated, and the share of the training
#: after which that begins; before, there is nothing to gather information for.
_DRIVEN, _DRIVEN_FROM = 8, 0.3
#: Of a critic.
_WORST_VALUE = -4.0 / (1.0 - DISCOUNT)


class Learner:
    """One optimiser for encoder, decoder, task head and policy.

    What of their errors reaches the latent is the method's choice.
    """

    def __init__(self, config: ToyInferenceConfig, train: Tasks, rng: np.random.Generator) -> None:
        self.config, self.rng, self.draws = config, rng, TaskDraws(train, config.worst)
        self.agent = ToyAgent(
            config.space,
            config.latent_size,
            config.width,
            config.policy_width,
            config.method,
            config.network,
            parameters=config.policy_sees == "parameters",
        )
        size = self.agent.encoder.latent
        self.critic = Critic(self.agent.space, size, config.width) if self._taught_by("critic") else None
        self.weights = {**self.agent.method.weights, **config.weights}
        modules = [module for module in (self.agent, self.critic) if module is not None]
        self.learnt = [parameter for module in modules for parameter in module.parameters()]
        self.optimiser = torch.optim.Adam(self.learnt, lr=config.learning_rate)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, max_lr=config.learning_rate, total_steps=config.updates + 1, pct_start=0.05
        )

    @property
    def save_every(self) -> int:
        """Gradient steps between two checkpoints: whole rounds of practice, which is not kept."""
        return max(self.config.updates // (SAVES * self.config.fresh), 1) * self.config.fresh

    @property
    def modules(self) -> dict[str, nn.Module]:
        """All that is learnt, by name."""
        return {"agent": self.agent} if self.critic is None else {"agent": self.agent, "critic": self.critic}

    def resume(self, checkpoint: TrainingCheckpoint) -> tuple[int, list[dict[str, float]]]:
        """The gradient step to go on with, and the learning curve so far."""
        kept = checkpoint.restore()
        if kept is None:
            return 0, []
        self.schedule.last_epoch = kept[1]["update"]
        self.draws.errors = np.array(kept[1]["errors"])
        return kept[1]["update"], kept[1]["rows"]

    def keep(self, checkpoint: TrainingCheckpoint, update: int, rows: list[dict[str, float]]) -> None:
        """Save what ``resume`` takes up."""
        checkpoint.save({}, {"update": update, "rows": rows, "errors": self.draws.errors.tolist()})

    def learn(self, update: int) -> dict[str, float]:
        """One gradient step; practice is refreshed every ``fresh`` of them."""
        config, knows = self.config, update >= _DRIVEN_FROM * self.config.updates
        if update % config.fresh == 0:
            self.practice = self._practised(config.fresh * config.batch, knows)
        start = update % config.fresh * config.batch
        practice = self.practice.rows(np.arange(start, start + config.batch))
        latent = self.agent.encoder.along(practice.transitions)
        losses = self._losses(practice, latent)
        if knows and update % 2 == 0:
            losses["driven"] = 2.0 * self._driven(practice)
        self.optimiser.zero_grad()
        self._differentiate(losses, practice, latent)
        nn.utils.clip_grad_norm_(self.learnt, 1.0)
        self.optimiser.step()
        self.schedule.step()
        if (update + 1) % config.refit == 0 or update + 1 == config.updates:
            self._refit(practice, update)
        return {f"{name}_loss": float(value.detach()) for name, value in losses.items() if name != "driven"}

    def _practised(self, n: int, knows: bool) -> Practice:
        """Contexts; once the decoder knows something, some of them told by it."""
        practice = practise(self.rng, self.draws, self.agent, self.config, n)
        if knows and self.config.imagined:
            practice = imagined(practice, self.agent, self.config.imagined, self.rng)
        return permuted(practice, self.config.permuted, self.rng) if self.config.permuted else practice

    def _differentiate(self, losses: Mapping[str, Tensor], practice: Practice, latent: Latent) -> None:
        """Gradients of the sum of the losses; with PCGrad, that of the reward base task by base task."""
        if not self.config.pcgrad:
            sum(losses.values(), torch.zeros(())).backward()
            return
        others = [loss for name, loss in losses.items() if name != "reward"]
        known, base_task = _seen(practice) >= 1, torch.as_tensor(practice.tasks.base_task)
        groups = [known & (base_task == one)[:, None] for one in base_task.unique()]
        apart = [self._rewards(practice, latent, group) for group in groups]
        sum(others, torch.zeros(())).backward(retain_graph=True)
        add_projected(apart, self.learnt, self.rng)

    def _losses(self, practice: Practice, latent: Latent) -> dict[str, Tensor]:
        """At every time step of every context: task head, decoder, the method's penalties and policy.

        Where the task has changed, as far as the new one can be known.
        """
        agent, space, transitions = self.agent, self.agent.space, practice.transitions
        target, c = Target.of(practice.tasks), len(space.coordinates)
        n, time = transitions.shape[:2]
        seen = _seen(practice)
        reached = transitions[..., c + 1 :]
        labels = target.base_task[:, None].expand(n, time + 1)
        logits, relative = self._told(target, latent.mean)
        reward = self._rewards(practice, latent, seen >= 1)
        following = agent.decoder.next_state(transitions[..., :c], practice.actions)
        at = torch.cat([practice.starts[:, None], reached], dim=1)
        places, z = (at, self._elsewhere(target, at)), self._as_taught("policy", self._shown(latent))
        policy = torch.stack([self._imitation(target, place, z) for place in places]).sum(dim=0)
        self.draws.note(practice.which, policy[:, -1].detach().numpy())
        terms = self._terms(latent, labels, seen >= 1)
        return {
            "base_task": cross_entropy(logits[seen >= 1], labels[seen >= 1]),
            "specification": (2.0 * relative.clamp(max=3.0) + decided(relative))[seen >= 2].mean(),
            "reward": reward,
            "state": ((following - reached) / coordinate_scale(space)).clamp(-1, 1).pow(2).mean(),
            **{name: self.weights[name] * term.mean() for name, term in terms.items()},
            "policy": policy[seen >= 1].mean(),
            **self._value(practice, latent, seen >= 1),
        }

    def _shown(self, latent: Latent) -> Tensor:
        """What the policy is taught on."""
        return latent.sample() if self.config.policy_sees == "sample" else latent.mean

    def _terms(self, latent: Latent, labels: Tensor, known: Tensor) -> Terms:
        """What is penalised; in a neural process, what more of a context says beyond what less of it does."""
        terms = self.agent.encoder.posterior.terms(latent, labels)
        if not self.config.neural_process:
            return terms
        whole = _of_all(latent, known.shape)
        assert isinstance(latent, Gaussian) and isinstance(whole, Gaussian)
        return {**terms, "divergence": divergence(whole, latent) * known}

    def _taught_by(self, teacher: Teacher) -> bool:
        return teacher in self.agent.method.teachers

    def _as_taught(self, teacher: Teacher, z: Tensor) -> Tensor:
        """The latent as something whose errors reach it or not."""
        return z if self._taught_by(teacher) else z.detach()

    def _told(self, target: Target, z: Tensor) -> tuple[Tensor, Tensor]:
        """Base-task logits (n, time, base tasks), and relative errors (n, time) of the specification."""
        logits, estimates = self.agent.head(self._as_taught("labels", z))
        place = target.place[:, None, None].expand(*z.shape[:2], 1)
        estimate = estimates.gather(-1, place)[..., 0]
        return logits, (estimate - target.specification[:, None]).abs() / target.specification.abs()[:, None]

    def _rewards(self, practice: Practice, latent: Latent, known: Tensor) -> Tensor:
        """Mean loss of some rewards of the task in force, asked for under every latent that knows it."""
        if self.config.neural_process:
            latent = _of_all(latent, known.shape)
        return torch.stack([self._reward(practice, latent, known) for _ in range(self.agent.decoder.questions)]).mean()

    def _reward(self, practice: Practice, latent: Latent, known: Tensor) -> Tensor:
        where, earned = self._asked(practice)
        told = self.agent.decoder.rewards(where, self._as_taught("reward", latent.sample()))
        return self.agent.decoder.miss(told[known], earned[known])

    def _asked(self, practice: Practice) -> tuple[Tensor, Tensor]:
        """Coordinates (n, time + 1, c) that a context came to under the task in force, and what that earned."""
        c, time = len(self.agent.space.coordinates), practice.transitions.shape[1]
        shape = (len(practice.tasks), time + 1)
        first = practice.since[:, None]
        if self.config.neural_process:  # of what the context up to there does not hold
            first = torch.maximum(first, torch.arange(time + 1).clamp(max=time - 1))
        asked = torch.as_tensor(self.rng.integers(first.numpy(), time, shape))
        where = practice.transitions[..., c + 1 :].gather(1, asked[..., None].expand(-1, -1, c))
        return where, practice.transitions[..., c].gather(1, asked).clamp(min=-4.0)

    def _value(self, practice: Practice, latent: Latent, known: Tensor) -> dict[str, Tensor]:
        """Loss of the critic, where there is one: what comes later is what it says of where the policy would go."""
        if self.critic is None:
            return {}
        losses = [self._bellman(self.critic, practice, latent, known) for _ in range(self.agent.decoder.questions)]
        return {"value": torch.stack(losses).mean()}

    def _bellman(self, critic: Critic, practice: Practice, latent: Latent, known: Tensor) -> Tensor:
        (where, earned), z, decoder = self._asked(practice), latent.sample(), self.agent.decoder
        with torch.no_grad():
            flat, believed = where.flatten(0, 1), z.flatten(0, 1)
            after = law_of(self.agent.space, flat, self.agent.policy(flat, believed))
            later = critic(decoder, after, believed).unflatten(0, known.shape).clamp(_WORST_VALUE, 0.0)
        value = critic(decoder, where, z)
        return decoder.miss(value[known], (earned + DISCOUNT * later)[known])

    @torch.no_grad()
    def _refit(self, practice: Practice, update: int) -> None:
        """Adapt the method's prior to contexts long enough to know the task."""
        latent = self.agent.encoder.along(practice.transitions)
        rows, times = (_seen(practice) >= IDENTIFIED_AFTER).nonzero(as_tuple=True)
        config = self.config
        fit = Fit(config.concentration, config.smallest, config.assignment == "hard")
        self.agent.encoder.posterior.refit(latent.at((rows, times)), fit, config.seed + update)

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
        return miss + decided(miss)

    def _driven(self, practice: Practice) -> Tensor:
        """Mean error over some decisions of the policy's own, differentiated through law, reward and belief.

        Half the episodes begin, half go on where a context has led. This is what makes actions informative: at the
        start every small action is equally good, and beside a target two explanations of the reward are equally
        likely; only what an action lets the encoder find out tells them apart.
        """
        half = len(practice.tasks) // 2
        going_on = practice.rows(np.arange(half))
        beginning = self.draws.train[self.draws.draw(self.rng, half)]
        encoder, seen = self.agent.encoder, going_on.transitions[:, : CONTEXT - _DRIVEN]
        with torch.no_grad():
            state, z = encoder.remember(seen)
        fresh = torch.as_tensor(Toys(beginning, self.rng).coordinates, dtype=torch.float32)
        nothing, none = encoder.begin(half), seen.new_zeros(half, 0, seen.shape[-1])
        begun = self._drive(Target.of(beginning), fresh, nothing, encoder.empty(half), none)
        return 0.5 * (begun + self._drive(Target.of(going_on.tasks), seen[:, -1, -fresh.shape[-1] :], state, z, seen))

    def _drive(self, target: Target, at: Tensor, state: Tensor, z: Tensor, seen: Tensor) -> Tensor:
        total = torch.zeros(len(at))
        for _ in range(_DRIVEN):
            after = law_of(self.agent.space, at, self.agent.policy(at, self._as_taught("policy", z)))
            error = target.error(after)
            total = total + error.clamp(max=4.0)
            seen = torch.cat([seen, pack(at, -error, after)[:, None]], dim=1)
            state, z = self.agent.encoder.follow(state, seen)
            at = after
        return total.mean() / _DRIVEN


def _seen(practice: Practice) -> Tensor:
    """(n, time + 1): transitions since the task came into force."""
    return torch.arange(practice.transitions.shape[1] + 1) - practice.since[:, None]


def _of_all(latent: Latent, shape: torch.Size) -> Latent:
    """At every time step (n, time + 1) what all of the context says."""
    return latent.at((torch.arange(shape[0])[:, None].expand(shape), torch.full(shape, shape[1] - 1)))
