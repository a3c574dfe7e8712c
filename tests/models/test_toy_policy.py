"""The toy's policy: controllers, and who may move them."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from envs.tasks import SPACES
from models.heads import ToyPolicy
from models.methods import METHODS
from models.toy_agent import ToyAgent


@given(space=st.sampled_from(sorted(SPACES)), seed=st.integers(0, 1000))
def test_a_policy_that_shapes_no_latent_rests_where_nothing_is_missing(space: str, seed: int):
    torch.manual_seed(seed)
    kinds, c = len(SPACES[space].kinds), len(SPACES[space].coordinates)
    policy = ToyPolicy(SPACES[space], kinds + 3, 8, kinds)
    z = torch.cat([torch.zeros(4, kinds), torch.randn(4, 3)], dim=-1)
    assert policy(torch.zeros(4, c), z).abs().max() == 0.0


def test_controllers_have_constants_where_the_policy_shapes_the_latent():
    for name, method in METHODS.items():
        policy = ToyAgent("line", 6, 8, 8, name, "product" if name == "pearl" else "gru").policy
        assert (policy.controllers.bias is not None) == ("policy" in method.teachers)
