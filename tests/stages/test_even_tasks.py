"""Tasks of a training: as wide as what a body is asked for, and every stretch of them alike."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from envs.body import load_body
from envs.tasks import Tasks
from models.methods import make_encoder
from stages.decisions import DecidingBodies, draw_tasks
from stages.even_tasks import EvenTasks

BODIES = {"walker": load_body("walker"), "ant": load_body("ant"), "acrobat": load_body("cheetah", "all")}


def _even(name: str, seed: int = 0) -> EvenTasks:
    return EvenTasks(BODIES[name], np.random.default_rng(seed))


def _sizes(tasks: Tasks, name: str) -> np.ndarray:
    """Where in its range each |specification| lies, from 0 to 1."""
    low, high = np.array([BODIES[name].task_ranges[kind] for kind in BODIES[name].space.kinds]).T
    place = tasks.space.place(tasks.kind)
    return (np.abs(tasks.specification) - low[place]) / (high - low)[place]


@given(name=st.sampled_from([*BODIES]), seed=st.integers(0, 2**31), skipped=st.integers(0, 3000))
def test_every_stretch_covers_what_a_body_is_asked_for(name: str, seed: int, skipped: int) -> None:
    even, space = _even(name, seed), BODIES[name].space
    even.resume(skipped)
    tasks = even.draw(200)
    sizes = _sizes(tasks, name)
    assert (sizes >= -1e-9).all() and (sizes <= 1 + 1e-9).all()
    assert (tasks.specification[space.unsigned[space.place(tasks.kind)]] > 0).all()
    counts = np.bincount(space.place(tasks.kind), minlength=len(space.kinds))
    assert np.abs(counts - 200 / len(space.kinds)).max() <= 6
    assert abs(sizes.mean() - 0.5) < 0.01
    signed = ~space.unsigned[space.place(tasks.kind)]
    assert abs(np.sign(tasks.specification[signed]).mean()) < 0.12


@pytest.mark.parametrize("name", [*BODIES])
def test_a_mean_over_them_moves_less_than_over_tasks_drawn_independently(name: str) -> None:
    even, rng = _even(name), np.random.default_rng(0)
    drawn = [_sizes(draw_tasks(rng, BODIES[name], 100), name).mean() for _ in range(50)]
    spread = [_sizes(even.draw(100), name).mean() for _ in range(50)]
    assert np.std(spread) < 0.3 * np.std(drawn)


@given(parts=st.lists(st.integers(1, 40), min_size=1, max_size=8), at=st.integers(0, 7))
def test_however_many_at_a_time_and_after_an_interruption_they_are_the_same(parts: list[int], at: int) -> None:
    whole, split = _even("ant").draw(sum(parts)), _even("ant")
    specifications: list[float] = []
    for i, part in enumerate(parts):
        if i == at:
            drawn, split = split.drawn, _even("ant")
            split.resume(drawn)
        specifications += split.draw(part).specification.tolist()
    assert specifications == whole.specification.tolist()
    assert split.drawn == sum(parts)


def test_another_seed_draws_others() -> None:
    assert (_even("ant").draw(20).specification != _even("ant", 1).draw(20).specification).any()


def test_bodies_that_have_begun_keep_theirs() -> None:
    torch.manual_seed(0)
    body, rng = BODIES["walker"], np.random.default_rng(0)
    encoder = make_encoder(body.space, "gaussian", "gru", 4, 8).requires_grad_(False)
    bodies = DecidingBodies(body, lambda seen: np.zeros((len(seen), 6)), encoder, 3, rng)
    even = _even("walker")
    bodies.reset(even.draw(3))
    before = bodies.tasks.specification.copy()
    even.give(bodies, np.array([4, 0, 1]))
    assert (bodies.tasks.specification != before).tolist() == [False, True, False]
    even.give(bodies, np.array([5, 1, 2]))
    assert even.drawn == 4, "nobody begins, nothing is drawn"
