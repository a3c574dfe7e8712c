"""Packed agents at work before a camera, beside their controls: as out of the store, without one."""

from __future__ import annotations

from collections.abc import Sequence

from envs.tasks import Tasks
from models.agent import TransferAgent
from models.deciders import ReuseDecider
from stages.controls import Stack
from stages.decisions import tensor
from stages.pretrained import named
from stages.rollouts import one_thread
from stages.takes import Take, act_out
from stages.video import tell_apart


def load(name: str) -> TransferAgent:
    """The agent of a file, of a folder, or of the repository by the name of its body.

    Raises:
        UserError: there is none, or it is damaged.
    """
    return TransferAgent.load(named(name))


def stack_of(agent: TransferAgent) -> Stack:
    """What an agent is made of above its low level, as evaluations put it together."""
    toy, decider = agent._toy, agent._decider
    reach = tensor(toy.space.look_ahead) if isinstance(decider, ReuseDecider) else decider.limits
    return Stack(toy, decider, reach)


def shot(agent: TransferAgent, controls: Sequence[str], script: Tasks | None, seconds: float) -> list[Take]:
    """What an agent and its controls do with a script, by default ``tell_apart``'s.

    Args:
        seconds: simulated time for each task.
    """
    stack, asked = stack_of(agent), tell_apart(agent.body) if script is None else script
    with one_thread():
        return [act_out(agent.body, stack, agent._controller, control, asked, seconds) for control in controls]
