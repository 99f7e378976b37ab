"""Makes `gymnasium.make("robo/Kitchen-v1")` work without importing this package.

Gymnasium 1.0 dropped entry points for environments, so installation adds one line to site-packages
(`robo_gymnasium.pth`, see `setup.py`) that calls `install` when Python starts; nothing else happens
until gymnasium is imported.
"""

import sys

# Not from `typing`: this runs whenever Python starts, so it imports nothing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class GymnasiumWatcher:
    """A finder that registers our environments right after gymnasium has been imported."""

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Find gymnasium as the other finders do; leave everything else to them."""
        if name != "gymnasium":
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: "ModuleType") -> None:
                execute(module)
                from envs.registration import register

                register()

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec


def install() -> None:
    """Start waiting for gymnasium to be imported."""
    sys.meta_path.insert(0, GymnasiumWatcher())
