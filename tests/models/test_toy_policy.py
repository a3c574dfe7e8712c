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
    z = torch.cat([torch.zeros(4, len(SPACES[space].kinds)), torch.rand(4, len(SPACES[space].kinds))], dim=-1)
    assert _policy(space)(torch.zeros(4, len(SPACES[space].coordinates)), z).abs().max() == 0.0


@given(space=st.sampled_from(sorted(SPACES)), seed=st.integers(0, 1000))
def test_a_policy_that_shapes_no_latent_is_not_moved_by_what_the_task_is_not_about(space: str, seed: int):
    torch.manual_seed(seed)
    kinds, at = len(SPACES[space].kinds), torch.randn(4, len(SPACES[space].coordinates))
    relevance, known = torch.eye(kinds)[torch.randint(kinds, (4,))], torch.randn(4, kinds)
    others = torch.where(relevance > 0, known, torch.randn(4, kinds))
    one, other = (_policy(space)(at, torch.cat([values, relevance, values], dim=-1)) for values in (known, others))
    torch.testing.assert_close(one, other)


def _policy(space: str) -> ToyPolicy:
    torch.manual_seed(0)
    return ToyPolicy(SPACES[space], 3 * len(SPACES[space].kinds), 8, shapes=False)


def test_controllers_have_constants_where_the_policy_shapes_the_latent():
    for name, method in METHODS.items():
        policy = ToyAgent("line", 6, 8, 8, name, "product" if name == "pearl" else "gru").policy
        assert (policy.controllers.bias is not None) == ("policy" in method.teachers)
