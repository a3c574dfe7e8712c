"""Tasks, the toy and bodies. Importing this room chooses offscreen drawing and knows how to register environments."""

import os
import sys

if sys.platform == "linux" and not os.environ.get("DISPLAY"):
    # MuJoCo reads this once, when it is imported; without it a machine with no screen cannot draw.
    os.environ.setdefault("MUJOCO_GL", "egl")


def register_environments() -> None:
    """Register ``carryover/Toy-v0`` and one environment per body that ships; gymnasium calls this itself."""
    from gymnasium.envs.registration import register, registry

    from envs.body_files import body_names

    entries = {name.capitalize(): ("envs.gym_body:BodyEnv", {"body": name}) for name in body_names()}
    for name, (entry, arguments) in {"Toy": ("envs.toy:ToyEnv", {}), **entries}.items():
        if f"carryover/{name}-v0" not in registry:
            register(f"carryover/{name}-v0", entry_point=entry, kwargs=arguments)
