"""The toy's policy: controllers, and who may move them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from envs.tasks import SPACES
from models.heads import ToyPolicy
from models.transitions import kind_scale


@pytest.mark.parametrize("shapes", [True, False])
@given(space=st.sampled_from(sorted(SPACES)), seed=st.integers(0, 1000))
def test_a_policy_rests_where_nothing_is_missing(shapes: bool, space: str, seed: int):
    torch.manual_seed(seed)
    kinds = len(SPACES[space].kinds)
    z = torch.cat([torch.zeros(4, kinds), torch.rand(4, 2 * kinds)], dim=-1)
    assert _policy(space, shapes)(torch.zeros(4, len(SPACES[space].coordinates)), z).abs().max() == 0.0


@pytest.mark.parametrize("space", sorted(SPACES))
def test_each_controller_of_a_position_begins_by_going_half_the_way(space: str):
    law, policy = SPACES[space], _policy(space, shapes=True)
    for place in np.flatnonzero(~law.velocity_like):
        gap = torch.zeros(len(law.kinds))
        gap[place] = 0.1 * law.look_ahead[place] / kind_scale(law)[place]
        offers = policy.offers(gap, torch.zeros_like(gap)).unflatten(0, (2, -1))
        torch.testing.assert_close(offers[:, place, law.moves[place]], torch.full((2,), 0.05))


@given(space=st.sampled_from(sorted(SPACES)), seed=st.integers(0, 1000))
def test_a_policy_that_shapes_no_latent_is_not_moved_by_what_the_task_is_not_about(space: str, seed: int):
    torch.manual_seed(seed)
    kinds, at = len(SPACES[space].kinds), torch.randn(4, len(SPACES[space].coordinates))
    relevance, known = torch.eye(kinds)[torch.randint(kinds, (4,))], torch.randn(4, kinds)
    others = torch.where(relevance > 0, known, torch.randn(4, kinds))
    one, other = (
        _policy(space, shapes=False)(at, torch.cat([values, relevance, values], dim=-1)) for values in (known, others)
    )
    torch.testing.assert_close(one, other)


def _policy(space: str, shapes: bool) -> ToyPolicy:
    torch.manual_seed(0)
    return ToyPolicy(SPACES[space], 3 * len(SPACES[space].kinds), 8, shapes)
