"""The page and the terminal tables that report an evaluation."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from robo.statistics import Rate
from robo.walking.evaluation import hardships, plots
from robo.walking.evaluation.tracking import FOLLOWED, SHARE, STANDING, UNITS

PAGE: Final = "report.html"

_STYLE: Final = """
:root { color-scheme: light }
body { font: 15px/1.5 system-ui, sans-serif; color: #212529; max-width: 1080px; margin: 2em auto;
       padding: 0 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em }
table { border-collapse: collapse; margin: .6em 0 }
th, td { padding: .2em .9em .2em 0; text-align: left; border-bottom: 1px solid #e9ecef;
         font-variant-numeric: tabular-nums }
th { font-weight: 600; color: #495057 }
.met { color: #2b8a3e } .missed { color: #c1121f } .faint { color: #6c757d }
img, video { max-width: 100% }
.pair { display: flex; flex-wrap: wrap; gap: 1.5em; align-items: flex-start }
.pair > div { flex: 1 1 26em }
code { background: #f1f3f5; padding: .1em .3em; border-radius: 3px }
"""


def page(summary: Mapping[str, Any], results: Mapping[str, Mapping[str, Any]]) -> str:
    """The report: HTML that needs nothing but the film beside it.

    Args:
        summary: Content of summary.json.
        results: Every suite with its episodes.
    """
    policy, tracked = summary["policy"], results["tracking"]
    varied = [results[axis.name] for axis in hardships.AXES]
    survival = results["survival"]
    parts = [
        f"<h1>Does it walk? {escape(policy['robot'])}</h1>",
        f'<p class="faint">{escape(_origin(summary))}</p>',
        _film(results["film"]),
        "<h2>In short</h2>",
        _table(("", "wanted", "reached"), _target_rows(summary["targets"])),
        "<h2>Commands</h2>",
        "<p>On flat ground, one axis commanded at a time. Dots are episodes, the line their mean, "
        f"the band {SHARE:.0%} to {2 - SHARE:.0%} of the command. {escape(_dead(tracked))}</p>",
        _image(plots.tracking(tracked["rows"]), "achieved over commanded velocities"),
        _table(_TRACKING, ([escape(c) for c in row] for row in tracking_cells(tracked["rows"]))),
        '<h2>Cost and pushes</h2><div class="pair"><div>',
        _image(plots.cost(tracked["rows"]), "cost of transport over speed"),
        "<p>Cost of transport: mechanical power of the motors, braking counted as none, over "
        f"m g v; {tracked['mass']:.1f} kg.</p>"
        "</div><div>",
        _image(plots.pushes(results["pushes"]["rows"]), "survival by direction of a push"),
        f"<p>Pushed once while walking at {hardships.COMMAND[0]:g} m/s, towards where the dot is; "
        f"upright {hardships.PUSH_SECONDS - hardships.PUSHED_AT:g} s later.</p>",
        _table(("push", "stay upright"), _survival_rows(results["pushes"]["by_size"])),
        "</div></div>",
        "<h2>Hardships</h2>",
        f"<p>Told to walk at {hardships.COMMAND[0]:g} m/s for {varied[0]['seconds']:g} s; one "
        "thing varied, the rest nominal. Bars are Wilson 95% intervals. A slope of 0% is a flat "
        "height field: MuJoCo computes its contacts otherwise than a plane's.</p>",
        _image(plots.hardships(varied), "survival under what is varied"),
        _table(("", "stay upright", "m/s forwards"), _hardship_rows(varied)),
        f"<p>Everything randomised on {escape(survival['terrain'])} ground, random commands, "
        f"pushes of {hardships.RANDOM_PUSH:g} m/s every 5 to 10 s: "
        f"<b>{_rate(survival['rows'][0])}</b> stay upright for {survival['seconds']:g} s.</p>",
        _table(("friction drawn", "stay upright"), _survival_rows(survival.get("by_friction", ()))),
        "<h2>What it knows of the ground</h2>",
        f"<p>{escape(probe_line(results['probe']))}</p>",
        "<h2>Arms</h2>",
        f"<p>{escape(' '.join(arm_lines(tracked['arms'])))}</p>",
        f'<h2>How it was measured</h2><p class="faint">{_how(summary)}</p>',
    ]
    title = f"Does it walk? {escape(policy['robot'])}"
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>'


def print_report(summary: Mapping[str, Any], console: Console) -> None:
    """Print the results as tables."""
    suites = summary["suites"]
    commands = Table(*_TRACKING, title="commands", title_justify="left")
    for row in tracking_cells(suites["tracking"]["rows"]):
        commands.add_row(*row)
    console.print(commands)
    table = Table("", "stay upright", "m/s forwards", title="hardships", title_justify="left")
    for row in suites["survival"]["rows"]:
        table.add_row(row["name"], _rate(row), "")
    for row in suites["survival"].get("by_friction", ()):
        table.add_row(f"of them with friction {row['name']}", _rate(row), "")
    table.add_section()
    for row in suites["pushes"]["by_size"]:
        table.add_row(f"push of {row['name']}", _rate(row), "")
    for axis in hardships.AXES:
        table.add_section()
        for row in suites[axis.name]["rows"]:
            table.add_row(f"{axis.name} {row['name']}", _rate(row), _number(row["forward"]))
    console.print(table)
    wanted = Table("", "wanted", "reached", title="targets", title_justify="left")
    for target in summary["targets"]:
        colour = "green" if target["met"] else "red"
        wanted.add_row(target["what"], target["wanted"], f"[{colour}]{target['reached']}[/]")
    console.print(wanted)
    lines = [probe_line(suites["probe"]), *arm_lines(suites["tracking"]["arms"])]
    if suites["film"]["note"]:
        lines.append(f"no video: {suites['film']['note']}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


_TRACKING: Final = ("command", "achieved", "share", "stay upright", "W", "J/m", "cost")


def tracking_cells(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Cells of the table of commands."""
    cells = []
    for row in rows:
        command = f"{row['axis']} {row['command']:g} {UNITS.get(row['axis'], '')}".strip()
        achieved = _number(row["achieved"], "+.2f" if row["axis"] != STANDING else ".2f")
        if row["interval"] is not None and row["achieved"] is not None:
            achieved += f" ±{row['interval'][1] - row['achieved']:.2f}"
        cells.append(
            [
                STANDING if row["axis"] == STANDING else command,
                achieved,
                _number(row["share"], ".0%"),
                _rate(row),
                _number(row["power"], ".0f"),
                _number(row["energy"], ".0f"),
                _number(row["cost_of_transport"]),
            ]
        )
    return cells


def probe_line(result: Mapping[str, Any]) -> str:
    """What the probe found, in a sentence or two."""
    if result["note"]:
        return f"The probe of the hidden state says nothing: {result['note']}."
    line = (
        f"A linear probe of the {result['features']} hidden features tells slopes of "
        f"{result['slope']:.0%} from the flat in {result['accuracy']:.0%} of the moments of robots "
        f"that it did not learn from (chance: 50%), and {_rate_of(result['copies'])} of these "
        "robots by most of their moments."
    )
    if result["seen"] is not None:
        line += f" The same probe of what the network sees now: {result['seen']:.0%}."
    if result["privileged"]:
        line += " This is a teacher: it sees the ground."
    return line


def arm_lines(arms: Mapping[str, Any]) -> list[str]:
    """How the arms swing."""
    if arms["note"]:
        return [f"Arm swing is not measured: {arms['note']}."]
    lines = []
    for row in arms["rows"]:
        where = f"At {row['axis']} {row['command']:g}"
        if row["correlation"] is None:
            lines.append(f"{where} no arm was seen swinging.")
            continue
        lines.append(
            f"{where} shoulders correlate with the opposite hips by {row['correlation']:+.2f} and "
            f"swing by ±{row['amplitude']:.0f}°, in {row['episodes']} episodes."
        )
    return lines


def _origin(summary: Mapping[str, Any]) -> str:
    policy = summary["policy"]
    trained = policy["trained"]
    steps = f", trained for {trained['steps'] / 1e6:.1f}M steps" if "steps" in trained else ""
    sees = " and ".join(policy["sees"])
    return (
        f"{policy['folder']}: {policy['network']} that sees {sees}{steps}; physics at "
        f"{policy['physics_hz']:g} Hz, as in training"
    )


def _film(result: Mapping[str, Any]) -> str:
    if result["video"] is None:
        return f'<p class="faint">No video: {escape(str(result["note"]))}</p>'
    name = escape(str(result["video"]))
    return f'<video src="{name}" controls muted loop width="640"></video>'


def _dead(tracked: Mapping[str, Any]) -> str:
    zones = tracked["dead_zones"]
    if zones:
        return f"Followed by less than {FOLLOWED:.0%} are: {', '.join(zones)}."
    return "There are no dead zones: small commands are followed by at least half."


def _how(summary: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{k} {v}" for k, v in summary["versions"].items() if v)
    return (
        f"<code>{escape(summary['command'])}</code><br>seed {summary['seed']}, commit "
        f"{escape(str(summary['git_commit']))}<br>{escape(versions)}<br>weights "
        f"{summary['policy']['weights']}<br>In every episode the starting pose, the phase of the "
        "gait and the sensors' noise are random. Velocities are means after the first 2 s, in a "
        "level frame that looks where the base does. Every episode is in results.jsonl."
    )


def _target_rows(targets: Iterable[Mapping[str, Any]]) -> Iterable[list[str]]:
    for target in targets:
        kind = "met" if target["met"] else "missed"
        reached = f'<span class="{kind}">{escape(target["reached"])}</span>'
        yield [escape(target["what"]), escape(target["wanted"]), reached]


def _hardship_rows(varied: Iterable[Mapping[str, Any]]) -> Iterable[list[str]]:
    for suite in varied:
        for row in suite["rows"]:
            name = escape(f"{suite['title']}: {row['name']}")
            yield [name, _rate(row), _number(row["forward"])]


def _survival_rows(rows: Iterable[Mapping[str, Any]]) -> Iterable[list[str]]:
    for row in rows:
        yield [escape(row["name"]), _rate(row)]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """An HTML table."""
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def _image(png: bytes, what: str) -> str:
    data = b64encode(png).decode("ascii")
    return f'<img alt="{escape(what)}" src="data:image/png;base64,{data}">'


def _rate(row: Mapping[str, Any]) -> str:
    return _rate_of(row["survived"])


def _rate_of(rate: Mapping[str, Any]) -> str:
    return str(Rate(rate["successes"], rate["trials"]))


def _number(value: float | None, form: str = ".2f") -> str:
    return "–" if value is None else format(value, form)
