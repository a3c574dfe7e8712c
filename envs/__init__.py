"""Tasks, the toy and bodies.

Importing this room chooses offscreen drawing and registers ``carryover/Toy-v0`` and one environment per body that
ships (``carryover/Cheetah-v0``) with gymnasium.
"""

import os
import sys

from gymnasium.envs.registration import register

from envs.body_files import body_names

if sys.platform == "linux" and not os.environ.get("DISPLAY"):
    # MuJoCo reads this once, when it is imported; without it a machine with no screen cannot draw.
    os.environ.setdefault("MUJOCO_GL", "egl")

register("carryover/Toy-v0", entry_point="envs.toy:ToyEnv")
for _name in body_names():
    register(f"carryover/{_name.capitalize()}-v0", entry_point="envs.gym_body:BodyEnv", kwargs={"body": _name})
