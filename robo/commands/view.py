"""`robo data view`: look at a recorded dataset, on a page or in pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import tyro


@dataclass(frozen=True)
class DataView:
    """Look at a dataset: a page to scrub, play and plot, or PNG pictures if there is no browser."""

    dataset: tyro.conf.Positional[Path]
    """The dataset's folder."""

    png: Optional[Path] = None
    """Write a contact sheet and plots into this folder instead of opening a page."""

    episodes: str = ""
    """Episodes to draw with --png, such as `0-9,12`; by default the first 28."""

    port: int = 0
    """Loopback port of the page; 0 takes any free one."""

    def execute(self) -> int:
        """Run the command."""
        import sys

        from rich.console import Console

        from robo.data.errors import DatasetError
        from robo.data.lerobot_reader import Dataset
        from robo.data.storage import write_errors
        from robo.errors import UserError, user_errors

        say = Console(soft_wrap=True, highlight=False, markup=False).print
        if self.port:
            from robo.recording.ports import check_port

            check_port(self.port)
        with user_errors(DatasetError):
            from robo.recording.browser_view import SetView, ViewServer

            dataset = Dataset(self.dataset)
            if not len(dataset):
                raise UserError(f"{self.dataset} has no frames")
            view = SetView(dataset)
            if self.png is not None:
                from robo.recording.browser_sheet import write_pictures

                chosen = self._chosen(len(dataset.episodes))
                with write_errors(self.png, "choose another folder"):
                    written = write_pictures(view, chosen, self.png)
                for path in written:
                    say(str(path))
                return 0
            server = ViewServer(view, self.port)
            say(f"open this page in a browser, end with Ctrl-C: {server.address}")
            if not _open_browser(server.address):
                say("there is no browser here; --png DIR writes pictures instead")
            sys.stdout.flush()
            server.serve()
        return 0

    def _chosen(self, count: int) -> list[int]:
        from robo.commands.data import _numbers

        return _numbers(self.episodes, count) if self.episodes else list(range(min(count, 28)))


def _open_browser(address: str) -> bool:
    """Open the page if there is a screen; returns whether it was opened."""
    import os
    import sys
    import webbrowser

    screen = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return screen and webbrowser.open(address)
