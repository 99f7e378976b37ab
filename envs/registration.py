"""Gymnasium ids of this package; importing this module registers them, by name only."""

KITCHEN_ID = "robo/Kitchen-v1"
"""Made with `gymnasium.make("robo/Kitchen-v1")`."""

TRANSFER_CUBE_ID = "robo/AlohaTransferCube-v1"
INSERTION_ID = "robo/AlohaInsertion-v1"
"""Two arms, at 50 actions a second; episodes are truncated after 400 and 500 steps, as in ACT's
simulation."""

HUMANOID_WALK_ID = "robo/HumanoidWalk-v1"
"""A humanoid that follows velocity commands, at 50 actions a second."""


def register() -> None:
    """Register the environments, by name only: nothing heavy is imported before one is made."""
    from gymnasium.envs.registration import register as register_id
    from gymnasium.envs.registration import registry

    for name, entry_point, steps in (
        (KITCHEN_ID, "envs.kitchen.env:KitchenEnv", None),
        (TRANSFER_CUBE_ID, "envs.aloha.env:AlohaTransferCubeEnv", 400),
        (INSERTION_ID, "envs.aloha.env:AlohaInsertionEnv", 500),
        (HUMANOID_WALK_ID, "envs.humanoid.env:HumanoidWalkEnv", None),
    ):
        if name not in registry:
            register_id(id=name, entry_point=entry_point, max_episode_steps=steps)


register()
