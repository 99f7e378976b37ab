"""`robo data validate`: integrity, then quality, then a score for every episode."""

from pathlib import Path

from robo.data.dataset_stats import sampled_image_stats
from robo.data.errors import DatasetFormatError
from robo.data.findings import EpisodeReport, Finding, Report, Severity, error
from robo.data.integrity import check_image_stats, check_set
from robo.data.lerobot_reader import Dataset
from robo.data.quality import screen_set

SAMPLED_IMAGES = 60


def validate(root: Path, *, images: bool = True) -> Report:
    """Find what is wrong with a dataset.

    Args:
        root: Its folder.
        images: Whether to decode and check videos, which takes most of the time.
    """
    report = Report(str(root))
    findings = list(check_set(root))
    try:
        dataset = Dataset(root)
        report.fps = dataset.fps
        if len(dataset):
            findings += screen_set(dataset, images=images)
            findings += _image_stats(dataset) if images else []
    except DatasetFormatError as problem:
        if not any(finding.severity is Severity.ERROR for finding in findings):
            findings.append(error("meta", str(problem)))
    else:
        report.episodes = [
            EpisodeReport(
                index=episode.index,
                frames=episode.length,
                success=episode.info.success,
                score=_score([f for f in findings if f.episode == episode.index]),
            )
            for episode in dataset.episodes
        ]
    order = list(Severity)
    report.findings = sorted(
        findings,
        key=lambda f: (order.index(f.severity), -1 if f.episode is None else f.episode, f.check),
    )
    return report


def _image_stats(dataset: Dataset) -> list[Finding]:
    found: list[Finding] = []
    for camera in dataset.cameras:
        try:
            measured = sampled_image_stats(dataset, camera, SAMPLED_IMAGES)
            found += check_image_stats(dataset, camera, measured)
        except DatasetFormatError:
            continue  # already reported for the video or the statistics
    return found


def _score(findings: list[Finding]) -> float:
    """1 minus the penalties, at least 0; 0 with an error."""
    return max(0.0, 1.0 - sum(finding.penalty for finding in findings))
