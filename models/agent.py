"""The deployable agent: infers from rewards what is wanted of a body, and makes it do that. Needs no store.

    agent = TransferAgent.load("pretrained/cheetah.agent")
    agent.reset()
    action = agent.act(observation, reward)

Observations are those of ``envs.gym_body``. Deterministic, as in evaluation: latent mean, policy means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, SupportsFloat, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError

from envs.body import Body, load_body
from envs.commands import Commands, command_features
from envs.errors import UserError
from envs.gym_body import turns
from envs.rousing import Rousing
from envs.tasks import VELOCITY, Floats, Ints
from models.agent_files import BODY, CARD, CONTROLLER, DECIDER, TOY, About, damaged, opened
from models.controller import Controller
from models.deciders import LONGEST_STRIDE, Decider
from models.encoder import Belief
from models.stored_deciders import load_decider
from models.toy_agent import ToyAgent


@dataclass(frozen=True)
class Thought:
    """What n agents believe and are doing.

    Attributes:
        probabilities: (n, base tasks) of ``body.space.base_tasks``.
        specification: (n, kinds): what each kind of task would ask for, in its unit.
        kind, amount: the commands in force (n,): global kind ids, signed amounts in the kind's unit.
        stride: control steps (n,) that the decision lasts.
        left: of these, steps (n,) still to go.
    """

    probabilities: Floats
    specification: Floats
    kind: Ints
    amount: Floats
    stride: Ints
    left: Ints


class TransferAgent:
    """A toy's task inference, a route's decider and a body's low level, put together; ``load`` makes one.

    Attributes:
        about: what it is and what it was made from.
        card: how it was trained and how good it is, as Markdown.
        body: whose observations it reads.
        toy, decider, controller: what it is put together from.
        belief: of its episodes.
    """

    def __init__(
        self,
        about: About,
        card: str,
        body: Body,
        toy: ToyAgent,
        decider: Decider,
        controller: Controller,
    ) -> None:
        self.about, self.card, self.body = about, card, body
        self.toy, self.decider, self.controller = toy, decider, controller
        self._c, self._turns, self._roused = len(body.space.coordinates), turns(body), Rousing(body)
        #: Numbers in an observation, and in an action.
        self.observation_size = self._first + controller.sizes["observations"] - command_features(body)
        self.action_size = controller.sizes["actions"]
        self.reset()

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """An agent from a folder or a packed file, verified byte by byte.

        Raises:
            UserError: there is none, or it is damaged.
        """
        path = Path(path)
        with opened(path) as (folder, about):
            try:
                body = load_body(str(folder / BODY / f"{about.body}.toml"), about.tasks)
                toy = ToyAgent.load(folder / TOY, decodes=False)
                parts = (toy, load_decider(toy, folder / DECIDER), Controller.load(folder / CONTROLLER))
                return cls(about, (folder / CARD).read_text(encoding="utf-8"), body, *parts)
            except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
                raise damaged(path.name, error) from error

    def reset(self, n: int = 1) -> None:
        """Forget everything: n episodes begin."""
        self.belief = self.toy.encoder.start(n)
        self._begun = np.zeros(n, dtype=bool)
        self._before = np.zeros((n, self._c))
        self._amount, self._target = np.zeros(n), np.zeros(n)
        self._kind = np.full(n, VELOCITY)
        self._stride, self._left = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)

    def restart(self, rows: NDArray[np.bool_]) -> None:
        """Forget the episodes of some rows (mask) of a batch, whose bodies start anew."""
        fresh = self.toy.encoder.start(len(rows))
        self.belief = _merged(self.belief, fresh, torch.as_tensor(rows))
        self._begun[rows], self._left[rows] = False, 0

    def act(self, observation: ArrayLike, reward: ArrayLike | SupportsFloat = 0.0) -> NDArray[np.float32]:
        """The next action (joints,) in [-1, 1] for an observation and the reward that came with it; or n of them.

        Args:
            observation: (features,) after ``reset()``, or (n, features) after ``reset(n)``.
            reward: one, or (n,); with the first observation of an episode it is not looked at.

        Raises:
            UserError: an observation of another body or batch, or one that is not finite.
        """
        seen = np.asarray(observation, dtype=np.float64)
        rows = self._checked(np.atleast_2d(seen))
        due = self._left == 0
        if due.any():
            self._decide(rows, self._rewards(reward), due)
        self._left -= 1
        features = self._commands.features(rows[:, : self._c], self._heading(rows), self.body.lead)
        seen_low = np.ascontiguousarray(np.concatenate([rows[:, self._first :], features], axis=1))
        actions = self.controller.act(self._roused(seen_low))
        return actions.astype(np.float32)[0 if seen.ndim == 1 else slice(None)]

    def thought(self) -> Thought:
        """What is believed and done now."""
        with torch.no_grad():
            logits, specification = self.toy.head(self.toy.encoder.infer(self.belief).mean)
        believed = (part.numpy().astype(np.float64) for part in (logits.softmax(dim=-1), specification))
        doing = (part.copy() for part in (self._kind, self._amount, self._stride, self._left))
        return Thought(*believed, *doing)

    def just_decided(self) -> NDArray[np.bool_]:
        """(n,): whether the latest action began a decision."""
        return self._left + 1 == self._stride

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All that the next actions depend on; ``resume`` takes it back."""
        belief = {"window": self.belief.window.numpy(), "length": self.belief.length.numpy()}
        names = ("begun", "before", "amount", "target", "kind", "stride", "left")
        return belief | {name: getattr(self, f"_{name}").copy() for name in names}

    def resume(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on from what ``state`` gave.

        Raises:
            UserError: it is no state of this agent.
        """
        left = state.get("left")
        self.reset(len(left) if left is not None and left.ndim == 1 else 1)
        for name, own in self.state().items():
            given = state.get(name)
            if given is None or given.shape != own.shape or given.dtype != own.dtype or not np.isfinite(given).all():
                raise UserError(f"state: {name}: not as {self.about.name} gave it; begin an episode with no state")
            if name not in ("window", "length"):
                setattr(self, f"_{name}", given.copy())
        window, length = (torch.from_numpy(np.array(state[name])) for name in ("window", "length"))
        self.belief = Belief(window, length)

    @property
    def _first(self) -> int:
        """Where the body's own features begin."""
        return self._c + self._turns

    @property
    def _commands(self) -> Commands:
        return Commands(self.body, self._kind, self._target)

    def _heading(self, rows: Floats) -> Floats:
        return rows[:, self._c] if self._turns else np.zeros(len(rows))

    def _checked(self, rows: Floats) -> Floats:
        if rows.shape != (len(self._left), self.observation_size):
            wanted = f"{len(self._left)} of {self.observation_size} numbers"
            said = " of ".join(map(str, rows.shape))
            raise UserError(f"observation: {said} numbers; {self.about.name}, reset for this batch, reads {wanted}")
        if not np.isfinite(rows).all():
            raise UserError("observation: not finite; reset the environment and the agent")
        return rows

    def _rewards(self, reward: ArrayLike | SupportsFloat) -> Floats:
        given, n = np.asarray(cast(ArrayLike, reward), dtype=np.float64), len(self._left)
        if given.shape not in ((), (n,)) or not np.isfinite(given).all():
            raise UserError(f"reward: {given.shape} given; {self.about.name} takes a finite number, or {n} of them")
        return np.broadcast_to(given, n)

    @torch.no_grad()
    def _decide(self, rows: Floats, reward: Floats, due: NDArray[np.bool_]) -> None:
        """End the decisions of the rows that are due: take in what they led to, and decide anew."""
        coordinates = rows[:, : self._c]
        transition = _tensor(np.concatenate([self._before, reward[:, None], coordinates], axis=1))
        learnt = torch.as_tensor(due & self._begun)
        self.belief = _merged(self.belief, self.toy.encoder.update(self.belief, transition), learnt)
        index = np.flatnonzero(due)
        here = coordinates[index]
        z = self.toy.encoder.infer(self.belief.rows(torch.as_tensor(index))).mean
        decision = self.decider.decide(_tensor(rows[index, self._first :]), _tensor(here), z)
        amount = decision.amount.numpy().astype(np.float64)
        commands = Commands.relative(self.body, decision.kind.numpy(), amount, here)
        self._kind[index], self._target[index], self._amount[index] = commands.kind, commands.target, amount
        self._stride[index] = self._left[index] = np.clip(decision.stride.numpy(), 1, LONGEST_STRIDE)
        self._before[index], self._begun[index] = here, True


def _merged(belief: Belief, other: Belief, rows: torch.Tensor) -> Belief:
    """A belief with the rows (mask) of another."""
    window = torch.where(rows[:, None, None], other.window, belief.window)
    return Belief(window, torch.where(rows, other.length, belief.length))


def _tensor(values: Floats) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float32)
