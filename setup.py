"""Everything is in `pyproject.toml`; this adds the one file that it cannot describe.

`robo_gymnasium.pth` goes into site-packages, with a normal and with an editable installation: see
`envs/gymnasium_hook.py` for what it is for.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel

NAME = "robo_gymnasium.pth"
LINE = "import envs.gymnasium_hook; envs.gymnasium_hook.install()\n"


class BuildWithHook(build_py):
    """Adds the file to a normal wheel."""

    def run(self) -> None:
        """Build, then add the file."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib)
            target.mkdir(parents=True, exist_ok=True)
            (target / NAME).write_text(LINE)


class EditableWithHook(editable_wheel):
    """Adds the file to the wheel of an editable installation."""

    def _select_strategy(self, *arguments, **options):
        strategy = super()._select_strategy(*arguments, **options)

        class WithHook(type(strategy)):
            def __call__(self, wheel, files, mapping):
                super().__call__(wheel, files, mapping)
                wheel.writestr(NAME, LINE.encode())

        strategy.__class__ = WithHook
        return strategy


setup(cmdclass={"build_py": BuildWithHook, "editable_wheel": EditableWithHook})
