"""Ablations: policies and walkers that each change one thing in a recipe.

    python benchmarks/ablations.py act        # the arms: 3 trainings of 3,000 steps, 2 of 20 min
    python benchmarks/ablations.py rt1        # the kitchen: 4 trainings of 1,500 steps
    python benchmarks/ablations.py walk       # the humanoid: 7 trainings of up to 115 minutes

Runs and prints the commands that train and evaluate each variant in turn. Ctrl-C stops; run again
to resume. `--only` selects variants; two processes may train different ones in one folder. The
datasets are those of policies/weights/README.md; the kitchen's is kg and km of rt1.sh, merged.
"""

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro
from rich.console import Console
from rich.table import Table

from robo.results import provenance, write_json

LEAN = "--precision bfloat16 --threads 1 --workers 0 --seed 0"
ARMS = f"--dataset data/aloha-transfer --batch-size 16 --learning-rate 5e-4 {LEAN}"
ACT = f"--steps 3000 {ARMS}"
OTHERS = f"--minutes 20 {ARMS}"
"""Twice the time of ACT's 3,000 steps."""
EYES = "policies/weights/rt1/model.safetensors"
"""All variants start from the shipped vision encoder and differ in what follows it."""
KITCHEN = (
    f"--dataset data/kg-km --encoder {EYES} --phrasings scenarios/kitchen_phrasings.json "
    f"--steps 1500 --batch-size 12 --learning-rate 8e-4 "
    f"--tint 0.2 --brightness 0.3 --mottle 0.4 {LEAN}"
)
SKILLS = "--config kitchen eyes_rate=0.3"
CONTINUOUS = "actions=continuous path=[] ends=[] medians=[] aim_weight=0 aim_told=false"
"""Without action tokens there are no bins, and motions are not summed into a path."""
CUBE = "rollout --env robo/AlohaTransferCube-v1 --episodes 200 --seed 0 --workers 1"
ALL_SPLITS = (
    "rollout --env robo/Kitchen-v1 --split all --episodes 100 --seed 0 --max-seconds 30 --workers 1"
)
TEACHER = "{out}/teacher-alone/run"
"""As many steps of reinforcement as a student has."""


@dataclass(frozen=True)
class Variant:
    """A row of a table.

    Attributes:
        name: Name of the row and of its folder.
        train: Arguments of `robo train`; if empty, `weights` are evaluated instead.
        evaluate: Arguments of `robo`; each evaluation fills one or more columns.
        weights: Another variant's weights to evaluate, relative to the table's folder.
        changes: Changes to their configuration: arguments of `python -m policies.export SOURCE
            TARGET` after these two.
    """

    name: str
    train: str = ""
    evaluate: tuple[str, ...] = ()
    weights: str = ""
    changes: str = ""


TABLES: Mapping[str, tuple[Variant, ...]] = {
    "act": (
        Variant("act", f"act --config small {ACT}", (CUBE,)),
        Variant("chunk-of-1", f"act --config small chunk=1 {ACT}", (CUBE,)),
        Variant("no-vae", f"act --config small vae=false {ACT}", (CUBE,)),
        Variant("ensembling", "", (CUBE,), "act/run/checkpoints/last", "ensemble_decay=0.01"),
        Variant("rt1", f"rt1 --config small {OTHERS}", (CUBE,)),
        Variant("diffusion", f"diffusion --config small {OTHERS}", (CUBE,)),
    ),
    "rt1": (
        Variant("rt1", f"rt1 {SKILLS} {KITCHEN}", (ALL_SPLITS,)),
        Variant("no-history", f"rt1 {SKILLS} history=1 {KITCHEN}", (ALL_SPLITS,)),
        Variant(
            "continuous",
            f"rt1 {SKILLS} {CONTINUOUS} {KITCHEN}",
            (ALL_SPLITS,),
        ),
        Variant("no-language", f"rt1 {SKILLS} instruction_width=0 {KITCHEN}", (ALL_SPLITS,)),
    ),
    "walk": (
        *(
            Variant(f"student-{seed}", f"walk --seed {seed}", ("eval walk", "sim2sim"))
            for seed in range(3)
        ),
        Variant("teacher-alone", "walk --stage teacher", ("eval walk",)),
        Variant(
            "no-imitation",
            "walk --stage student --imitation 0",
            ("eval walk", "sim2sim"),
        ),
        Variant(
            "no-history",
            f"walk --stage mlp --teacher {TEACHER}",
            ("eval walk", "sim2sim"),
        ),
        Variant("no-randomization", "walk --no-randomization", ("eval walk", "sim2sim")),
        Variant(
            "next-token",
            f"walk --stage next-token --teacher {TEACHER}",
            ("eval walk", "sim2sim"),
        ),
    ),
}


@dataclass(frozen=True)
class Ablations:
    """Train and evaluate the variants of a table."""

    table: tyro.conf.Positional[Literal["act", "rt1", "walk"]]
    """Table to produce."""

    out: Path = Path("runs/ablations")
    """Folder for all tables."""

    only: tuple[str, ...] = ()
    """Variants to run; all if omitted."""

    json: Path | None = None
    """Also write the table here; old rows are kept for variants without results yet."""

    def run(self) -> None:
        """Run what is missing and print the results so far."""
        variants = TABLES[self.table]
        unknown = set(self.only) - {variant.name for variant in variants}
        if unknown:
            names = ", ".join(variant.name for variant in variants)
            sys.exit(f'no variant "{min(unknown)}": choose from {names}')
        folder = self.out / self.table
        for variant in variants:
            if not self.only or variant.name in self.only:
                carry_out(variant, folder)
        before = self.json is not None and self.json.exists() and json.loads(self.json.read_text())
        rows = before["rows"] if before else {}
        for variant in variants:
            row = results(variant, folder)
            if variant.name not in rows or row.keys() > {"commands"}:
                rows[variant.name] = row
        rows = {variant.name: rows[variant.name] for variant in variants}
        Console().print(as_table(self.table, rows))
        if self.json is not None:
            record = {"table": self.table, **provenance({"table": self.table}, 0), "rows": rows}
            write_json(self.json, record)


def carry_out(variant: Variant, folder: Path) -> None:
    """Run the commands of a variant that have not run yet."""
    home = folder / variant.name
    home.mkdir(parents=True, exist_ok=True)
    for command in commands(variant, folder):
        done = home / "done.json"
        finished = json.loads(done.read_text()) if done.exists() else []
        line = shlex.join(command)
        if line in finished:
            continue
        resume = command[:2] == ["robo", "train"] and (home / "run").exists()
        print(f"$ {line}", flush=True)
        code = subprocess.run([*_program(command), *(["--resume"] if resume else [])]).returncode
        # A failed gate is a result.
        if code and not (command[1] == "sim2sim" and code == 1):
            sys.exit(f"stopped at: {line}")
        write_json(done, [*finished, line])


def commands(variant: Variant, folder: Path) -> list[list[str]]:
    """The commands behind a row of the table, as a user would type them."""
    home = folder / variant.name
    run = home / "run"
    lines = []
    if variant.train:
        options = shlex.split(variant.train.format(out=folder))
        lines.append(["robo", "train", *options, "--out", str(run)])
    weights = run if variant.train.startswith("walk") else run / "checkpoints" / "last"
    if variant.weights:
        weights = folder / variant.weights
    if variant.changes:
        source, weights = weights, home / "weights"
        change = [str(source), str(weights), *shlex.split(variant.changes)]
        lines.append(["python", "-m", "policies.export", *change])
    for number, evaluation in enumerate(variant.evaluate):
        where = ["--policy", str(weights), "--out", str(home / f"evaluation-{number}")]
        lines.append(["robo", *shlex.split(evaluation), *where])
    return lines


def results(variant: Variant, folder: Path) -> dict[str, Any]:
    """Columns of a row: the results of its evaluations, and the commands."""
    home = folder / variant.name
    row: dict[str, Any] = {}
    for number, evaluation in enumerate(variant.evaluate):
        summary = home / f"evaluation-{number}" / "summary.json"
        if summary.exists():
            row |= columns(evaluation.split()[0], json.loads(summary.read_text()))
    return row | {"commands": [shlex.join(command) for command in commands(variant, folder)]}


def columns(command: str, summary: Mapping[str, Any]) -> dict[str, str]:
    """Cells of an evaluation's summary, by heading."""
    if command == "rollout":
        rates = {name: split["success"] for name, split in summary["splits"].items()}
        return {
            name: f"{r['successes']}/{r['trials']} ({r['rate']:.0%}, "
            f"{r['wilson_95'][0]:.0%}–{r['wilson_95'][1]:.0%})"
            for name, r in rates.items()
        }
    if command == "eval":
        return {target["what"]: target["reached"] for target in summary["targets"]}
    return {"gate": summary["verdict"]}


def as_table(title: str, rows: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row per variant, with the columns that any of them has."""
    headings = list(dict.fromkeys(key for row in rows.values() for key in row))
    headings.remove("commands")
    table = Table(title=title)
    table.add_column("variant")
    for heading in headings:
        table.add_column(heading)
    for name, row in rows.items():
        table.add_row(name, *(str(row.get(heading, "")) for heading in headings))
    return table


def _program(command: list[str]) -> list[str]:
    """The command run by this interpreter, whatever is on the PATH."""
    module = ["-m", "robo"] if command[0] == "robo" else []
    return [sys.executable, *module, *command[1:]]


if __name__ == "__main__":
    try:
        tyro.cli(Ablations).run()
    except KeyboardInterrupt:
        sys.exit("stopped; run it again to go on")
