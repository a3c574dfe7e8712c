"""Beliefs, latents and what they may depend on."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.tasks import LINE, SPACES, TOY_RANGES, Space, active_coordinate, reward, sample_tasks
from models.encoder import Belief
from models.latents import Gaussian
from models.methods import METHODS, make_encoder
from models.product import ProductEncoder
from models.transitions import CONTEXT, candidates, kind_scale, misfits, pack

#: Every method with its own encoder, every encoder with the plain method.
PAIRS = [(method, "product" if method == "pearl" else "gru") for method in METHODS]
PAIRS += [("gaussian", encoder) for encoder in ("mlp", "conv", "transformer", "product")]


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def encoder(request: pytest.FixtureRequest):
    torch.manual_seed(0)
    return make_encoder(LINE, *request.param, latent=4, width=16).requires_grad_(False)


def _transitions(n, time, seed=0):
    generator = torch.Generator().manual_seed(seed)
    now, following = torch.randn(2, n, time, 2, generator=generator)
    return pack(now, -torch.rand(n, time, generator=generator), following)


@settings(max_examples=10, deadline=None)
@given(time=st.integers(1, 50), n=st.integers(1, 4), seed=st.integers(0, 1000))
def test_one_by_one_is_the_same_as_in_one_batch(encoder, time, n, seed):
    transitions = _transitions(n, time, seed)
    belief = encoder.start(n)
    for t in range(time):
        belief = encoder.update(belief, transitions[:, t])
    at_once = encoder.along(transitions[:, -CONTEXT:]).mean[:, -1]
    torch.testing.assert_close(encoder.infer(belief).mean, at_once)


def test_following_is_the_same_while_the_window_fills(encoder):
    transitions = _transitions(3, CONTEXT)
    state, z = encoder.begin(3), encoder.empty(3)
    along = encoder.along(transitions).mean
    for t in range(CONTEXT):
        torch.testing.assert_close(z, along[:, t])
        state, z = encoder.follow(state, transitions[:, : t + 1])
    torch.testing.assert_close(z, along[:, CONTEXT])
    at_once = encoder.remember(transitions)
    torch.testing.assert_close(at_once[0].float(), state.float())
    torch.testing.assert_close(at_once[1], z)


def test_to_a_product_the_order_does_not_matter():
    torch.manual_seed(1)
    pearl = make_encoder(LINE, "pearl", "product", latent=4, width=16).requires_grad_(False)
    transitions = _transitions(3, 20)
    mixed = transitions[:, torch.randperm(20)]
    torch.testing.assert_close(pearl.along(mixed).mean[:, -1], pearl.along(transitions).mean[:, -1])


@pytest.mark.parametrize("space", SPACES.values(), ids=lambda space: space.name)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_regression_finds_the_specification(space: Space, seed: int):
    tasks, at, transitions = _seen(space, seed, 12)
    product = make_encoder(space, "pearl", "product", latent=8, width=8).requires_grad_(False)
    assert isinstance(product, ProductEncoder)
    found, misfit = (part[:, -1] for part in product.explained(transitions.float()))
    place, sign = np.unravel_index(misfit.flatten(1).argmin(dim=1).numpy(), misfit.shape[1:])
    values = found.numpy()[np.arange(50), place, sign] * kind_scale(space).numpy()[place]
    known = (np.abs(active_coordinate(tasks, at.swapaxes(0, 1))) > 0.3).sum(axis=0) > 6
    assert (place == space.place(tasks.kind))[known].all()
    assert (np.abs(values - tasks.specification)[known] < 2e-2 * np.abs(tasks.specification)[known]).all()


def test_padding_has_no_influence(encoder):
    transitions = _transitions(2, 5)
    window = torch.full((2, CONTEXT, 5), 7.0)
    window[:, :5] = transitions
    dirty = encoder.infer(Belief(window, torch.tensor([5, 5])))
    torch.testing.assert_close(dirty.mean, encoder.along(transitions).mean[:, 5])


def test_only_the_last_thirty_two_count(encoder):
    old, recent = _transitions(2, 3, seed=1), _transitions(2, CONTEXT, seed=2)
    belief = encoder.start(2)
    for transition in torch.cat([old, recent], dim=1).unbind(dim=1):
        belief = encoder.update(belief, transition)
    torch.testing.assert_close(encoder.infer(belief).mean, encoder.along(recent).mean[:, -1])


def test_the_mean_is_deterministic_and_samples_spread_around_it():
    torch.manual_seed(0)
    encoder = make_encoder(LINE, "gaussian", "gru", latent=4, width=16).requires_grad_(False)
    latent = encoder.along(_transitions(1, 4))
    assert isinstance(latent, Gaussian)
    many = torch.stack([latent.sample(torch.Generator().manual_seed(seed)) for seed in range(4000)])
    torch.testing.assert_close(many.mean(dim=0), latent.mean, atol=0.1, rtol=0.1)
    torch.testing.assert_close(many.std(dim=0), (0.5 * latent.log_variance).exp(), atol=0.1, rtol=0.1)
    torch.testing.assert_close(latent.mean, encoder.along(_transitions(1, 4)).mean, rtol=0, atol=0)


def _seen(space: Space, seed: int, time: int):
    """Tasks (50,), coordinates (50, time, c) and transitions at random coordinates."""
    rng = np.random.default_rng(seed)
    tasks = sample_tasks(rng, 50, TOY_RANGES, space)
    at = rng.uniform(-4, 4, (50, time, len(space.coordinates)))
    rewards = np.stack([reward(tasks, at[:, t]) for t in range(time)], axis=1)
    return tasks, at, torch.tensor(np.concatenate([at, rewards[..., None], at], axis=2))


@pytest.mark.parametrize("space", SPACES.values(), ids=lambda space: space.name)
@given(seed=st.integers(0, 2**32 - 1))
def test_one_of_the_candidates_is_the_specification(space: Space, seed: int):
    tasks, at, transitions = _seen(space, seed, 1)
    place = space.place(tasks.kind)
    found = candidates(space, transitions).numpy()[np.arange(50), 0, place] * kind_scale(space).numpy()[place, None]
    known = np.abs(active_coordinate(tasks, at[:, 0])) > 0.05  # where nothing has moved nothing can be said
    assert (np.abs(found - tasks.specification[:, None]).min(axis=1)[known] < 1e-2).all()


@given(
    goal=st.floats(2.0, 35.0),
    share=st.floats(1e-5, 1e-3),
    sign=st.sampled_from([-1.0, 1.0]),
    way=st.sampled_from([-1.0, 1.0]),
)
def test_a_reward_beside_the_origin_tells_which_way_to_go(goal: float, share: float, sign: float, way: float):
    here = torch.tensor([way * share * goal, 0.0], dtype=torch.float64)
    earned = -(here[0] / (sign * goal) - 1.0).abs()
    found = 10.0 * candidates(LINE, pack(here, earned, here).float())[1, 0]
    assert found == pytest.approx(sign * goal, rel=0.05)


@pytest.mark.parametrize("space", SPACES.values(), ids=lambda space: space.name)
@given(seed=st.integers(0, 2**32 - 1), share=st.sampled_from([0.0, 1e-12, 1e-6]))
def test_what_has_not_moved_is_told_of_no_task_next_to_nothing(space: Space, seed: int, share: float):
    rng = np.random.default_rng(seed)
    tasks = sample_tasks(rng, 50, TOY_RANGES, space)
    at = share * rng.uniform(-1, 1, (50, len(space.coordinates)))
    resting = torch.tensor(np.concatenate([at, reward(tasks, at)[:, None], at], axis=1))
    smallest = candidates(space, resting).abs().amin(dim=(0, 2)).numpy() * kind_scale(space).numpy()
    asked = np.array([TOY_RANGES[kind][0] for kind in space.kinds])
    assert (smallest >= 0.4 * asked).all()


@pytest.mark.parametrize("space", SPACES.values(), ids=lambda space: space.name)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_specification_alone_explains_all_that_was_seen(space: Space, seed: int):
    tasks, at, transitions = _seen(space, seed, 6)
    explained = candidates(space, transitions[:, -1:])
    misfit = misfits(space, explained, transitions, torch.ones(1, 1, 6))[:, 0, ..., 0]
    place, candidate = np.unravel_index(misfit.flatten(1).argmin(dim=1).numpy(), misfit.shape[1:])
    found = explained.numpy()[np.arange(50), 0, place, candidate] * kind_scale(space).numpy()[place]
    known = np.abs(active_coordinate(tasks, at[:, -1])) > 0.05
    assert (place == space.place(tasks.kind))[known].all()
    assert (np.abs(found - tasks.specification)[known] < 1e-2).all()
