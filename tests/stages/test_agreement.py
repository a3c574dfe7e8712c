"""How clusters and labels agree, by numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from stages.agreement import agreement


def test_the_same_by_other_names_agrees():
    labels = np.repeat(["goal", "velocity", "jump"], 5)
    assert agreement(labels, np.repeat([7, 3, 5], 5)) == {"purity": 1.0, "nmi": 1.0, "ari": 1.0, "clusters": 3.0}


def test_a_label_in_two_clusters_is_pure_but_not_the_same():
    scores = agreement(np.repeat([0, 1], 4), np.repeat([0, 1, 2, 3], 2))
    assert scores["purity"] == 1.0 and scores["clusters"] == 4.0
    assert scores["nmi"] == pytest.approx(2.0 / 3.0)  # 2 ln 2 / (ln 2 + ln 4)


def test_all_in_one_cluster_says_nothing():
    assert agreement(np.repeat([0, 1], 4), np.zeros(8, dtype=int)) == {
        "purity": 0.5,
        "nmi": 0.0,
        "ari": 0.0,
        "clusters": 1.0,
    }
