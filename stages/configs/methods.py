"""Names of the inference methods, which plans and configs share."""

from typing import Literal

MethodName = Literal["gaussian", "tigr", "melts", "stick_breaking", "pearl"]
DEFAULT_METHOD: MethodName = "gaussian"
