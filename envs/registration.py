"""Gymnasium ids of this package; importing this module registers them, by name only."""

KITCHEN_ID = "robo/Kitchen-v1"
"""Made with `gymnasium.make("robo/Kitchen-v1")`."""


def register() -> None:
    """Register the environments, by name only: nothing heavy is imported before one is made."""
    from gymnasium.envs.registration import register as register_id
    from gymnasium.envs.registration import registry

    if KITCHEN_ID not in registry:
        register_id(id=KITCHEN_ID, entry_point="envs.kitchen.env:KitchenEnv")


register()
