"""`robo replay`: recorded actions, sent to the environment again."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional, Union

import tyro

if TYPE_CHECKING:
    from collections.abc import Sequence

    from robo.data.lerobot_reader import Dataset
    from robo.recording.replaying import ReplayedEpisode

TOLERANCE = 1e-3


@dataclass(frozen=True)
class Replay:
    """Replay recorded actions and compare what comes back.

    Every episode begins from its recorded seed and start. Exits with 1 if a state differs by more
    than the tolerance, or an episode's success from the recorded one.
    """

    dataset: tyro.conf.Positional[Path]
    """The dataset's folder."""

    episode: Union[None, tuple[int, ...]] = None
    """Episodes to replay; by default all."""

    env: Optional[str] = None
    """Gymnasium id, for another environment than the recorded one."""

    tolerance: float = TOLERANCE
    """Largest difference of a state element that counts as equal, in its own unit."""

    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print JSON."""

    def execute(self) -> int:
        """Run the command."""
        from robo.data.errors import DatasetError
        from robo.errors import UserError, user_errors

        with user_errors(DatasetError):
            from robo.data.lerobot_reader import Dataset

            dataset = Dataset(self.dataset)
            numbers = self.episode or tuple(range(len(dataset.episodes)))
            unknown = [n for n in numbers if not 0 <= n < len(dataset.episodes)]
            if unknown:
                raise UserError(
                    f"there is no episode {unknown[0]}; {self.dataset} holds "
                    f"{len(dataset.episodes)}, counted from 0"
                )
            results = self._replay(dataset, numbers)
        self._say(results)
        return 0 if all(self._is_same(result) for result in results) else 1

    def _replay(self, dataset: "Dataset", numbers: "Sequence[int]") -> list["ReplayedEpisode"]:
        from robo.errors import UserError
        from robo.progress import progress_bar
        from robo.recording.environments import MadeEnvironment, made_again, make_task
        from robo.recording.origin import Origin
        from robo.recording.replaying import replay_episode

        made: MadeEnvironment | None = None
        before: tuple[str, object] | None = None
        results = []
        with progress_bar("episodes", total=len(numbers)) as advance:
            for number in numbers:
                episode = dataset.episodes[number]
                origin = Origin.of(episode.info)
                environment = self.env or origin.environment
                if not environment:
                    raise UserError(
                        f"episode {number} of {self.dataset} does not say which environment it was "
                        "recorded in; give --env"
                    )
                # Images do not affect motion, and rendering them takes most of the time.
                arguments = {k: v for k, v in origin.arguments.items() if k != "image_size"}
                if made is None or before != (environment, arguments):
                    if made is not None:
                        made.env.close()
                    made, before = made_again(environment, arguments), (environment, arguments)
                task = make_task(environment, ", ".join(episode.tasks) or "replay")
                results.append(replay_episode(made.env, dataset.root, episode, task))
                advance()
        if made is not None:
            made.env.close()
        return results

    def _is_same(self, result: "ReplayedEpisode") -> bool:
        return result.agrees and (result.worst is None or result.worst <= self.tolerance)

    def _say(self, results: "Sequence[ReplayedEpisode]") -> None:
        import json
        from dataclasses import asdict

        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        if self.json:
            rows = [{**asdict(result), "same": self._is_same(result)} for result in results]
            Console().print_json(json.dumps(rows))
            return
        table = Table("episode", "task", "frames", "largest error", "mean error", "success", "same")
        for result in results:
            table.add_row(
                str(result.index),
                Text(result.task),
                str(result.frames),
                "no state"
                if result.worst is None
                else Text(f"{result.worst:.2g} {result.worst_name}, frame {result.worst_frame}"),
                "" if result.mean is None else f"{result.mean:.2g}",
                f"{_word(result.success)}, was {_word(result.recorded_success)}",
                "yes" if self._is_same(result) else "[red]no[/red]",
            )
        console = Console()
        console.print(table)
        same = sum(self._is_same(result) for result in results)
        console.print(f"{same} of {len(results)} episodes come back", highlight=False)


def _word(success: bool | None) -> str:
    return {None: "no rule", True: "yes", False: "no"}[success]
