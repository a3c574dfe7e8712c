"""Rewards that are minus an absolute error, as the toy's encoder sees them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from envs.tasks import LINE, POSTURE, Space
from models.encoder import Belief, Encoder, embedding
from models.gaussian import GaussianPosterior
from models.heads import TaskHead
from models.latents import Gaussian
from models.methods import make_encoder
from models.moving_frame import MovingFrame
from models.sequence import Recurrent
from models.transitions import HORIZONS, kind_scale


class Exact(Encoder):
    """Solves the toy's reward of the last transition for a speed that is above the one reached."""

    def infer(self, belief: Belief) -> Gaussian:
        c, last = len(self.space.coordinates), belief.window[torch.arange(len(belief.length)), belief.length - 1]
        reached = last[:, c + 1 + self.space.coordinates.index("vx")]
        mean = torch.zeros(len(last), self.latent)
        mean[:, 0] = reached / (1.0 + last[:, c]) / kind_scale(self.space)[0]
        return Gaussian(mean, torch.zeros_like(mean))


@given(speed=st.floats(0.0, 3.0), share=st.floats(0.0, 1.0))
def test_belief_and_rewards_come_to_agree(speed: float, share: float):
    reached, asked = torch.tensor([share * speed]), torch.tensor([speed])
    frame = MovingFrame(
        Exact(LINE, Recurrent(8), GaussianPosterior(LINE, 4, 8), embedding(LINE, 8), len(HORIZONS)),
        TaskHead(LINE, 4, 2),
        1,
    )
    for _ in range(12):
        frame.observe(reached, asked - reached)
    torch.testing.assert_close(frame.speed, asked, atol=1e-3, rtol=0.0)


@pytest.mark.parametrize("space", [LINE, POSTURE], ids=lambda space: space.name)
def test_whatever_is_seen_the_belief_can_be_asked_for_and_is_each_bodys_own(space: Space):
    torch.manual_seed(0)
    encoder = make_encoder(space, "gaussian", "gru", 8, 16).requires_grad_(False)
    parts = encoder, TaskHead(space, 8, 0).requires_grad_(False)
    together, alone = MovingFrame(*parts, 3), MovingFrame(*parts, 1)
    for t in range(40):
        speed, error = torch.randn(3) * 3.0, torch.rand(3) * 5.0
        together.observe(speed, error)
        alone.observe(speed[1:2], error[1:2])
        assert ((together.speed >= 0.0) & (together.speed <= 3.0)).all(), t
    torch.testing.assert_close(together.speed[1:2], alone.speed, atol=1e-4, rtol=1e-4)
