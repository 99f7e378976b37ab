"""Who executes skills in the kitchen: the scripted experts, or a learnt policy by name."""

from typing import TYPE_CHECKING, TypedDict

from robo.errors import user_errors

if TYPE_CHECKING:
    from envs.kitchen.env import KitchenEnv
    from robo.rollouts.actors import Actor


class Acting(TypedDict, total=False):
    """An actor and a kitchen that provides its observations; empty for the experts."""

    env: "KitchenEnv"
    actor: "Actor"


def acting(policy: str | None) -> Acting:
    """Keyword arguments that make a `robo.kitchen_body.KitchenBody` act with a policy.

    Args:
        policy: A short name or a checkpoint folder; None for the scripted experts.

    Raises:
        UserError: There is no such policy, or it is not for the kitchen.
    """
    if policy is None:
        return {}
    from robo.rollouts.executor import policy_in_kitchen

    env, actor = policy_in_kitchen(policy)
    return {"env": env, "actor": actor}


def weights_of(policy: str | None) -> str | None:
    """The SHA-256 of a policy's weights; None for the experts.

    Raises:
        UserError: There is no such policy.
    """
    if policy is None:
        return None
    from policies.errors import PolicyError
    from policies.registry import find_checkpoint
    from robo.rollouts.executor import weights_hash

    with user_errors(PolicyError):
        return weights_hash(find_checkpoint(policy))
