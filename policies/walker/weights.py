"""A walker's network in a folder: `walker.safetensors`, whose header describes it.

`walker.json` beside it holds the same description, for people.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError
from safetensors.torch import load_file

from policies import storage
from policies.errors import CheckpointError
from policies.walker.mlp import Critic, CriticConfig, MLPActor, MLPActorConfig
from policies.walker.next_token import NextTokenConfig, NextTokenWalker
from policies.walker.transformer import TransformerStudent, TransformerStudentConfig, TrunkConfig

Network = TransformerStudent | MLPActor | Critic

MODEL: Final = "walker.safetensors"
DESCRIPTION: Final = "walker.json"


def save_network(network: Network, folder: Path, metadata: Mapping[str, Any]) -> None:
    """Write a network, replacing an existing one.

    Args:
        network: Network to write.
        folder: Created if missing.
        metadata: The trainer's notes; JSON values.

    Raises:
        OSError: Writing failed; no file is left half written.
    """
    description = {
        "network": _name(network),
        "config": asdict(network.config),
        "metadata": dict(metadata),
    }
    storage.write(folder / MODEL, folder / DESCRIPTION, network.state_dict(), description)


def load_network(folder: Path) -> tuple[Network, dict[str, Any]]:
    """Load the network in a folder, in evaluation mode, and its metadata.

    Raises:
        CheckpointError: There is none, or it is damaged or from an incompatible version.
    """
    path = folder / MODEL
    if not path.is_file():
        raise CheckpointError(f"{folder} has no {MODEL}; give a folder that robo train walk wrote")
    try:
        description = storage.read_description(path)
        network = _built(description["network"], description["config"])
        network.load_state_dict(load_file(path))
        metadata: dict[str, Any] = description["metadata"]
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(
            f"{path} cannot be read as a walker ({reason[:200]}); copy or train it again"
        ) from None
    return network.eval(), metadata


def _name(network: Network) -> str:
    if isinstance(network, NextTokenWalker):
        return "next-token"
    if isinstance(network, TransformerStudent):
        return "transformer"
    return "mlp" if isinstance(network, MLPActor) else "critic"


def _built(name: str, config: Mapping[str, Any]) -> Network:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
    if name == "transformer":
        trunk = TrunkConfig(**values.pop("trunk"))
        return TransformerStudent(TransformerStudentConfig(**values, trunk=trunk))
    if name == "next-token":
        trunk = TrunkConfig(**values.pop("trunk"))
        return NextTokenWalker(NextTokenConfig(**values, trunk=trunk))
    if name == "mlp":
        return MLPActor(MLPActorConfig(**values))
    if name == "critic":
        return Critic(CriticConfig(**values))
    raise ValueError(f'no network "{name}"')
