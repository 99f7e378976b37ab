"""Loading a language model from a short specification, as given on a command line."""

from __future__ import annotations

from pathlib import Path

from planners.language_models.base import LanguageModel, ModelNotFoundError

_WEIGHTS = Path(__file__).parents[1] / "weights"


def load_language_model(spec: str, *, threads: int = 1) -> LanguageModel:
    """Load the model that `spec` names.

    Args:
        spec: one of
            "smollm2": the embedded default as published;
            "smollm2:ADAPTER": with a LoRA adapter, a shipped one by name or a folder;
            "NAME": the embedded default with the shipped adapter of that name;
            "FOLDER": a causal model in Hugging Face format;
            "http://HOST:PORT/v1#MODEL": an OpenAI-compatible server; "#MODEL" may be omitted if
            it serves one.
        threads: torch threads during a pass, for models that run in this process.

    Raises:
        LanguageModelError: the model cannot be loaded; the message says what to do.
    """
    spec = spec.strip()
    if spec.startswith(("http://", "https://")):
        from planners.language_models.server import connect

        return connect(spec)
    base, _, adapter = spec.partition(":")
    if base == "smollm2":
        from planners.language_models.smollm2 import load_smollm2

        folder = _adapter_folder(adapter) if adapter else None
        return load_smollm2(folder, name=spec, threads=threads)
    if spec in shipped_adapters():
        from planners.language_models.smollm2 import load_smollm2

        return load_smollm2(_WEIGHTS / spec, name=spec, threads=threads)
    if spec and (Path(spec).expanduser() / "config.json").is_file():
        from planners.language_models.huggingface import load_folder

        return load_folder(Path(spec).expanduser(), threads=threads)
    names = ", ".join(["smollm2", *shipped_adapters()])
    raise ModelNotFoundError(
        f'there is no language model "{spec}"; give one of {names}, a folder with a config.json, '
        "or the address of a server (http://HOST:PORT/v1)."
    )


def shipped_adapters() -> list[str]:
    """Names of the adapters shipped with the package, sorted."""
    return sorted(config.parent.name for config in _WEIGHTS.glob("*/adapter_config.json"))


def _adapter_folder(adapter: str) -> Path:
    if adapter in shipped_adapters():
        return _WEIGHTS / adapter
    folder = Path(adapter).expanduser()
    if folder.is_dir():
        return folder
    names = ", ".join(shipped_adapters()) or "none"
    raise ModelNotFoundError(
        f'there is no adapter "{adapter}"; give a folder in PEFT\'s format or one that is '
        f"shipped ({names})."
    )
