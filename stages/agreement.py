"""How well clusters that were found without labels agree with the labels."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix


def agreement(truth: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Of labels (n,) and clusters (n,): purity, mutual information and Rand index, 1 where they agree; clusters."""
    table = contingency_matrix(truth, found)
    return {
        "purity": float(table.max(axis=0).sum() / table.sum()),
        "nmi": float(normalized_mutual_info_score(truth, found)),
        "ari": float(adjusted_rand_score(truth, found)),
        "clusters": float(len(np.unique(found))),
    }
