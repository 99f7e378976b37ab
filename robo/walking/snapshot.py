"""A few seconds of film of a walker in training, acting by its mean actions."""

from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np

from envs.humanoid.batch import WalkBatch
from envs.humanoid.pictures import WalkCamera
from envs.rendering import OBSERVATION
from robo.video import VideoWriter, with_caption
from robo.walking.actor import WalkActor, Walker
from robo.walking.film import FPS

_SIZE: Final = (240, 320)
_SECONDS: Final = 1.6
_COMMANDS: Final = {
    "stand": (0.0, 0.0, 0.0),
    "forward 0.5 m/s": (0.5, 0.0, 0.0),
    "forward 1 m/s": (1.0, 0.0, 0.0),
    "left 0.4 m/s": (0.0, 0.4, 0.0),
    "turn 0.8 rad/s": (0.0, 0.0, 0.8),
}


def film_walker(path: Path, walker: Walker, terrain: str, title: str) -> None:
    """Write an mp4 of one robot, nothing randomised, under a few commands.

    It is reset when it falls. Rendered plainly, as training waits for it (8 s on one core).

    Args:
        path: The file.
        walker: Walker to film.
        terrain: One of `envs.humanoid.terrain.KINDS`, or "mixed".
        title: Text under the picture.

    Raises:
        RenderingUnavailableError: No GL library can render here.
        UserError: The file cannot be written.
    """
    actor = WalkActor(walker)
    with WalkBatch(walker.robot, 1, terrain=terrain, physics_hz=walker.physics_hz) as batch:
        batch.hold_commands(np.zeros(3))
        observation = batch.reset()
        camera = WalkCamera(batch, *_SIZE, OBSERVATION)
        every = round(batch.control_hz) // FPS
        with closing(camera), VideoWriter(path, FPS) as video:
            for line, command in _COMMANDS.items():
                batch.hold_commands(np.array(command))
                for moment in range(round(_SECONDS * batch.control_hz)):
                    step = batch.step(actor.act(observation))
                    observation = step.observation
                    actor.reset(step.terminated | step.truncated)
                    if moment % every == 0:
                        video.add(with_caption(camera.picture(), title, line))


__all__ = ["film_walker"]
