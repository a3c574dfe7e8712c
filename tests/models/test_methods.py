"""What the inference methods are made of: mixtures, sticks, components."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from envs.tasks import LINE, SPACES, TOY_RANGES, Space, Tasks, reward, sample_tasks
from models.gaussian import Choice, GaussianPosterior
from models.melts import FoldedGaussian, folded, unfolded
from models.methods import make_encoder
from models.mixture import Mixture, refitted
from models.stick_breaking import Sticks, broken, stick_divergence
from models.tigr import ClassMixture, TigrPosterior
from models.transitions import candidates, counted, misfits


@pytest.mark.parametrize(("judged", "expected"), [([0.0, -3.0], 2.0), ([-3.0, 0.0], 3.0)])
def test_where_no_label_tells_a_habit_gives_way_to_evidence(judged: list[float], expected: float):
    assert _chosen(judged) == pytest.approx(expected, abs=0.1)


def test_where_no_label_tells_a_value_of_its_own_counts_where_nothing_else_explains():
    assert not 1.5 < _chosen([-9.0, -9.0]) < 3.5


def _chosen(judged: list[float]) -> float:
    """Out of 2 and 3, by a state that is sure of something else."""
    torch.manual_seed(0)
    choice, states = Choice(4, 1, say=0.5), 100.0 * torch.randn(1, 1, 4)
    options = torch.tensor([2.0, 3.0]).view(1, 1, 1, 2, 1)
    return choice(states, options, torch.tensor(judged).view(1, 1, 1, 2)).item()


def _clusters(centres: list[float], each: int = 150) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.cat([centre + 0.2 * torch.randn(each, 3, generator=generator) for centre in centres])


def test_a_mixture_finds_as_many_clusters_as_there_are():
    found = refitted(None, _clusters([-4.0, 0.0, 4.0]), concentration=1.0, smallest=0.02, seed=0)
    assert sorted(found.means.mean(dim=1).round().tolist()) == [-4.0, 0.0, 4.0]


def test_a_refit_keeps_what_is_there_and_adds_what_is_new():
    before = refitted(None, _clusters([-4.0, 4.0]), concentration=1.0, smallest=0.02, seed=0)
    after = refitted(before, _clusters([-4.0, 4.0, 9.0]), concentration=1.0, smallest=0.02, seed=1)
    assert len(before.weights) == 2 and len(after.weights) == 3


def test_two_components_of_one_cluster_are_merged_and_a_tiny_one_is_given_up():
    twice = Mixture(torch.tensor([0.5, 0.5]), torch.tensor([[0.1] * 3, [-0.1] * 3]), torch.full((2, 3), -3.2))
    values = torch.cat([_clusters([0.0], 400), torch.full((1, 3), 30.0)])
    found = refitted(twice, values, concentration=1.0, smallest=0.02, seed=0)
    assert len(found.weights) == 1 and found.means.abs().max() < 0.1


@pytest.mark.parametrize("seed", range(3))
def test_clusters_that_one_component_has_taken_part_again(seed: int):
    centres = [4.0 * i for i in range(9)]
    values = _clusters(centres)
    alone = Mixture(torch.ones(1), values.mean(dim=0, keepdim=True), values.var(dim=0, keepdim=True).log())
    found = refitted(alone, values, concentration=1e-3, smallest=0.02, seed=seed)
    assert sorted(found.means.mean(dim=1).round().tolist()) == centres


def test_the_divergence_from_a_component_is_that_of_two_gaussians():
    mixture = Mixture(torch.ones(1), torch.tensor([[1.0, -2.0]]), torch.tensor([[0.3, -0.7]]))
    mean, log_variance = torch.tensor([[0.2, 0.4]]), torch.tensor([[-1.0, 0.5]])
    theirs = torch.distributions.Normal(mixture.means, (0.5 * mixture.log_variances).exp())
    ours = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(ours, theirs).sum(dim=-1)
    torch.testing.assert_close(mixture.divergences(mean, log_variance)[:, 0], expected)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.3, 0.8), (5.0, 5.0), (0.2, 2.0), (3.0, 0.5), (8.0, 30.0)])
def test_the_divergence_of_a_stick_is_what_many_draws_say(a: float, b: float):
    u = (np.arange(2_000_000) + 0.5) / 2_000_000
    rest = np.log(u) / b
    stick = np.log(-np.expm1(rest)) / a
    density = np.log(a * b) + (a - 1.0) * stick + (b - 1.0) * rest
    prior = np.log(5.0) + 4.0 * np.log(-np.expm1(stick))
    told = float(stick_divergence(torch.tensor(a), torch.tensor(b)))
    assert told == pytest.approx(float(np.mean(density - prior)), abs=5e-3, rel=5e-3)


@given(a=st.floats(0.05, 50.0), b=st.floats(0.05, 50.0))
def test_no_stick_has_a_negative_divergence(a: float, b: float):
    value = float(stick_divergence(torch.tensor(a), torch.tensor(b)))
    assert np.isfinite(value) and value >= -1e-3


def test_the_prior_itself_has_none():
    assert float(stick_divergence(torch.tensor(1.0), torch.tensor(5.0))) == pytest.approx(0.0, abs=1e-5)


@given(sticks=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6))
def test_sticks_are_broken_into_weights(sticks: list[float]):
    weights = broken(torch.tensor(sticks))
    assert len(weights) == len(sticks) + 1 and (weights >= 0).all()
    assert float(weights.sum()) == pytest.approx(1.0, abs=1e-5)


def test_draws_of_sticks_spread_around_their_mean():
    torch.manual_seed(0)
    encoder = make_encoder(LINE, "stick_breaking", "gru", latent=8, width=16).requires_grad_(False)
    latent = encoder.along(torch.randn(1, 3, 5)).at((torch.zeros(4000, dtype=torch.long), torch.full((4000,), 3)))
    assert isinstance(latent, Sticks)
    kinds = len(LINE.kinds)
    torch.testing.assert_close(latent.sample()[:, kinds:].mean(0), latent.mean[0, kinds:], atol=0.08, rtol=0.05)


@given(value=st.floats(0.02, 3.9), sign=st.sampled_from([-1.0, 1.0]))
def test_what_is_folded_can_be_unfolded(value: float, sign: float):
    there = torch.tensor([sign * value])
    torch.testing.assert_close(unfolded(folded(there)), there)


@pytest.mark.parametrize("method", ["melts", "pearl"])
def test_a_prior_sees_a_kind_as_far_as_the_task_is_about_it(method: str):
    torch.manual_seed(0)
    encoder = make_encoder(LINE, method, "product" if method == "pearl" else "gru", latent=8, width=16)
    latent = encoder.along(torch.randn(2, 3, 5))
    assert isinstance(latent, FoldedGaussian)
    relevance, counted = latent.held[..., :2], latent.held[..., 2:]
    torch.testing.assert_close(relevance.sum(dim=-1), torch.ones(2, 4))
    torch.testing.assert_close(counted, relevance.repeat_interleave(2, dim=-1) * latent.place[..., 2:])
    torch.testing.assert_close(latent.mean[..., 2:], latent.held)


@pytest.mark.parametrize("space", SPACES.values(), ids=lambda space: space.name)
@pytest.mark.parametrize("method", ["melts", "pearl"])
def test_the_kind_whose_explanation_fits_is_the_likeliest_before_anything_is_learnt(method: str, space: Space):
    tasks, transitions = _seen(space)
    torch.manual_seed(0)
    encoder = make_encoder(space, method, "product" if method == "pearl" else "gru", latent=8, width=16)
    latent = encoder.along(transitions)
    assert isinstance(latent, FoldedGaussian)
    likeliest = latent.held[:, -1, : len(space.kinds)].argmax(dim=-1)
    assert (likeliest.numpy() == space.place(tasks.kind)).mean() > 0.9


def _seen(space: Space) -> tuple[Tasks, torch.Tensor]:
    """Tasks (50,) and what eight transitions to anywhere earned."""
    rng = np.random.default_rng(0)
    tasks = sample_tasks(rng, 50, TOY_RANGES, space)
    at = rng.uniform(-4.0, 4.0, (50, 8, len(space.coordinates)))
    earned = np.stack([reward(tasks, at[:, t]) for t in range(8)], axis=1)
    return tasks, torch.tensor(np.concatenate([at, earned[..., None], at], axis=2), dtype=torch.float32)


@pytest.mark.parametrize("space", SPACES.values(), ids=lambda space: space.name)
def test_labels_are_read_off_evidence_that_tells_base_tasks_apart_linearly(space: Space):
    tasks, transitions = _seen(space)
    torch.manual_seed(0)
    posterior = make_encoder(space, "gaussian", "gru", latent=16, width=16).requires_grad_(False).posterior
    assert isinstance(posterior, GaussianPosterior)
    explained = candidates(space, transitions)
    judged = -misfits(space, explained, transitions, counted(8))[..., -1]
    chosen, _ = posterior.sight(torch.zeros(50, 8, 16), explained, judged)
    kinds, weight = len(space.kinds), posterior.sight.read.weight
    weight.zero_()
    for base, kind in enumerate(space.kind_of_base_task):  # how likely its kind is, and which way that goes
        weight[base, 16 + kinds + kind] = 10.0
        first = list(space.kind_of_base_task).index(kind) == base
        weight[base, 16 + 2 * kinds + kind] = 1.0 if first else -1.0
    _, read = posterior.sight(torch.zeros(50, 8, 16), explained, judged)
    told = read[:, -1, : len(space.base_tasks)].argmax(dim=-1).numpy()
    assert chosen.shape == (50, 8, kinds)
    assert (told == tasks.base_task).mean() > 0.9


def test_components_that_coincide_crowd_and_far_ones_do_not():
    posterior, same = TigrPosterior(LINE, 6, 8), torch.zeros(1, 1, 4, 6)
    apart = same + 10.0 * torch.arange(4.0)[:, None]
    crowding = [
        float(
            posterior.terms(ClassMixture(torch.zeros(1, 1, 4), means, same), torch.zeros(1, 1, dtype=torch.long))[
                "crowding"
            ]
        )
        for means in (same, apart)
    ]
    assert crowding[0] == pytest.approx(1.0) and crowding[1] < 0.1
