"""`robo data`: look at, check, repair, join and split datasets of demonstrations."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from robo.commands.view import DataView

if TYPE_CHECKING:
    from robo.data.lerobot_reader import Dataset

Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]
Folder = tyro.conf.Positional[Path]


@dataclass(frozen=True)
class DataInfo:
    """Show what a dataset holds."""

    dataset: Folder
    """The dataset's folder."""

    json: Flag = False
    """Print JSON."""

    def execute(self) -> int:
        """Run the command."""
        from robo.data.errors import DatasetError
        from robo.data.report import print_info
        from robo.errors import user_errors

        with user_errors(DatasetError):
            print_info(_open(self.dataset), as_json=self.json)
        return 0


@dataclass(frozen=True)
class DataValidate:
    """Check a dataset: its format, then the recording's quality. Exits with 1 on errors."""

    dataset: Folder
    """The dataset's folder."""

    no_images: Flag = False
    """Do not decode the videos: much faster, but frozen cameras go unnoticed."""

    json: Flag = False
    """Print JSON."""

    def execute(self) -> int:
        """Run the command."""
        from robo.data.errors import DatasetError
        from robo.data.layout import read_info
        from robo.data.report import print_report
        from robo.data.validate import validate
        from robo.errors import user_errors

        with user_errors(DatasetError):
            read_info(self.dataset)
            report = validate(self.dataset, images=not self.no_images)
        print_report(report, as_json=self.json)
        return 1 if report.errors else 0


@dataclass(frozen=True)
class DataRepair:
    """Recover what a crash left unfinished, and fix what can be deduced."""

    dataset: Folder
    """The dataset's folder."""

    def execute(self) -> int:
        """Run the command."""
        from rich.console import Console

        from robo.data.errors import DatasetError
        from robo.data.repair import repair
        from robo.errors import user_errors

        with user_errors(DatasetError):
            done = repair(self.dataset)
        for line in done or ["there was nothing to repair"]:
            Console().print(line, highlight=False, markup=False, soft_wrap=True)
        return 0


@dataclass(frozen=True)
class DataMerge:
    """Join datasets with the same features into a new one."""

    datasets: tyro.conf.Positional[tuple[Path, ...]]
    """The datasets' folders."""

    out: Path
    """The new dataset's folder; it must not exist."""

    def execute(self) -> int:
        """Run the command."""
        from robo.data.assembling import merge_sets
        from robo.data.errors import DatasetError
        from robo.errors import user_errors

        with user_errors(DatasetError):
            merge_sets([_open(folder) for folder in self.datasets], self.out)
        return _say_made(self.out)


@dataclass(frozen=True)
class DataSplit:
    """Make new datasets from a dataset's episodes: chosen ones, or random shares."""

    dataset: Folder
    """The dataset's folder."""

    out: Path
    """The new dataset's folder, or the folder for the parts; it must not exist."""

    into: tuple[str, ...] = ()
    """Random parts such as `train=0.9 val=0.1`; each becomes a dataset in --out."""

    episodes: str = ""
    """Only these episodes, such as `0-9,12`."""

    successes: Flag = False
    """Only episodes marked as successes."""

    without: tuple[str, ...] = ()
    """Only episodes whose task contains none of these words, such as `find "put down"`."""

    seed: int = 0
    """Random seed of the parts."""

    def execute(self) -> int:
        """Run the command."""
        from robo.arguments import check_seed
        from robo.data.assembling import assemble, split_by_share
        from robo.data.errors import DatasetError
        from robo.errors import UserError, user_errors

        choices = (self.into, self.episodes, self.successes, self.without)
        if sum(map(bool, choices)) != 1:
            raise UserError("say one of --into, --episodes, --successes and --without")
        check_seed(self.seed)
        with user_errors(DatasetError):
            dataset = _open(self.dataset)
            if self.into:
                if self.out.exists():
                    raise UserError(f"{self.out} exists; choose another folder")
                parts = split_by_share(dataset, _shares(self.into), self.seed)
                for name, numbers in parts.items():
                    assemble([(dataset, numbers)], self.out / name)
                    _say_made(self.out / name)
                return 0
            chosen = _numbers(self.episodes, len(dataset.episodes))
            if self.successes:
                chosen = [e.index for e in dataset.episodes if e.info.success]
            if self.without:
                chosen = [e.index for e in dataset.episodes if not _mention(e.tasks, self.without)]
            assemble([(dataset, chosen)], self.out)
        return _say_made(self.out)


@dataclass(frozen=True)
class DataStats:
    """Compute training's normalisation statistics, exactly, from the frames."""

    dataset: Folder
    """The dataset's folder."""

    write: Flag = False
    """Write them to the dataset's meta/stats.json."""

    json: Flag = False
    """Print JSON."""

    def execute(self) -> int:
        """Run the command."""
        from robo.data.dataset_stats import compute_stats, write_stats
        from robo.data.errors import DatasetError
        from robo.data.report import print_stats
        from robo.data.storage import write_errors
        from robo.errors import UserError, user_errors

        with user_errors(DatasetError):
            dataset = _open(self.dataset)
            if not len(dataset):
                raise UserError(f"{self.dataset} has no frames")
            stats = compute_stats(dataset)
            if self.write:
                with write_errors(self.dataset, "the old statistics are intact"):
                    write_stats(self.dataset, stats)
        print_stats(stats, as_json=self.json)
        return 0


@dataclass(frozen=True)
class Data:
    """Inspect, validate, repair, merge and split datasets."""

    action: (
        Annotated[DataInfo, tyro.conf.subcommand("info")]
        | Annotated[DataValidate, tyro.conf.subcommand("validate")]
        | Annotated[DataRepair, tyro.conf.subcommand("repair")]
        | Annotated[DataMerge, tyro.conf.subcommand("merge")]
        | Annotated[DataSplit, tyro.conf.subcommand("split")]
        | Annotated[DataStats, tyro.conf.subcommand("stats")]
        | Annotated[DataView, tyro.conf.subcommand("view")]
    )

    def execute(self) -> int:
        """Run the command."""
        return self.action.execute()


def _open(folder: Path) -> "Dataset":
    from robo.data.lerobot_reader import Dataset

    return Dataset(folder)


def _say_made(folder: Path) -> int:
    from rich.console import Console

    made = _open(folder)
    text = f"{folder}: {len(made.episodes)} episodes, {len(made)} frames"
    Console().print(text, highlight=False, markup=False, soft_wrap=True)
    return 0


def _shares(parts: tuple[str, ...]) -> dict[str, float]:
    from robo.errors import UserError

    shares: dict[str, float] = {}
    for part in parts:
        name, _, share = part.partition("=")
        if name in shares:
            raise UserError(f'--into names the part "{name}" twice; each needs a name of its own')
        try:
            shares[name] = float(share)
        except ValueError:
            name = ""
        if not name or "/" in name or name.startswith("."):
            raise UserError(f'--into takes parts such as train=0.9, not "{part}"')
    return shares


def _mention(tasks: Iterable[str], words: Iterable[str]) -> bool:
    """Whether any of the words, or of the phrases, is in one of the tasks."""
    said = [_padded(task) for task in tasks]
    return any(_padded(word) in task for word in words for task in said)


def _padded(text: str) -> str:
    return " ".join(["", *re.findall(r"\w+", text.lower()), ""])


def _numbers(text: str, count: int) -> list[int]:
    """Episode numbers from a text such as `0-9,12`."""
    from robo.errors import UserError

    numbers: list[int] = []
    for part in filter(None, text.split(",")):
        first, dash, last = part.partition("-")
        try:
            begin, end = int(first), int(last if dash else first)
        except ValueError:
            raise UserError(f'--episodes takes numbers such as 0-9,12, not "{part}"') from None
        for number in (begin, end):
            if not 0 <= number < count:
                raise UserError(f"there is no episode {number}; the dataset has {count}")
        numbers += range(begin, end + 1)
    if len(set(numbers)) < len(numbers):
        twice = next(number for number in numbers if numbers.count(number) > 1)
        raise UserError(f"--episodes names episode {twice} twice; name each once")
    return numbers
