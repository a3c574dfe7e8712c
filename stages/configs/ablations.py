"""Variants of the toy's training that are compared with the usual one, by ablation."""

from collections.abc import Mapping
from typing import Any, Literal

AblationName = Literal["none", "robustness", "options"]
#: The variant that nothing is changed in.
USUAL = "usual"

#: Of every variant, fields of ``toy_inference``.
ABLATIONS: Mapping[AblationName, Mapping[str, Mapping[str, Any]]] = {
    "none": {USUAL: {}},
    "robustness": {
        USUAL: {},
        "clean law": {"clean": 1.0},
        "noise without stride or lag": {"stride": 1, "lag": 0.0},
        "no noise": {"noise": 0.0},
        "no stride": {"stride": 1},
        "no lag": {"lag": 0.0},
    },
    "options": {
        USUAL: {},
        "policy sees samples": {"policy_sees": "sample"},
        "policy sees parameters": {"policy_sees": "parameters"},
        "permuted": {"permuted": 0.5},
        "worst tasks": {"worst": 0.5},
        "pcgrad": {"pcgrad": True},
        "imagined": {"imagined": 0.25},
        "neural process": {"neural_process": True},
    },
}
