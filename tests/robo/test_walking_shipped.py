"""The walker that comes with the project does what is promised of it, as robo eval walk measures.

In fewer and shorter episodes; robo eval walk itself has 16 of 20 s.
"""

import numpy as np

from envs.humanoid.randomization import TERMS
from robo.walking.actor import WalkActor, load_walker
from robo.walking.evaluation.episodes import ALWAYS, Effort, Tally, make_batch, moments

COPIES = 8
SECONDS = 8.0
COMMANDS = {
    "forwards": (1.0, 0.0, 0.0),
    "backwards": (-0.5, 0.0, 0.0),
    "aside": (0.0, 0.4, 0.0),
    "turning": (0.0, 0.0, 0.8),
    "slowly forwards": (0.2, 0.0, 0.0),
    "slowly backwards": (-0.2, 0.0, 0.0),
    "slowly to the left": (0.0, 0.2, 0.0),
    "slowly to the right": (0.0, -0.2, 0.0),
    "slowly turning left": (0.0, 0.0, 0.2),
    "slowly turning right": (0.0, 0.0, -0.2),
    "standing": (0.0, 0.0, 0.0),
}
"""vx, vy (m/s), yaw rate (rad/s)."""


def test_it_walks_where_it_is_told():
    walker, told = load_walker(), np.repeat(list(COMMANDS.values()), COPIES, axis=0)
    with make_batch(walker, len(told), Effort(seconds=SECONDS, copies=COPIES)) as batch:
        batch.hold_commands(told)
        tally = Tally(batch.copies)
        for moment in moments(batch, WalkActor(walker, batch.copies), SECONDS):
            tally.add(moment)
    assert tally.survived.all()
    means = tally.velocity.reshape(len(COMMANDS), COPIES, 3).mean(axis=1)
    for (name, command), velocity in zip(COMMANDS.items(), means, strict=True):
        command = np.array(command)
        fastest = np.abs(command).max()
        if fastest == 0.0:
            assert np.abs(velocity).max() < 0.1, name
            continue
        share = velocity @ command / fastest**2
        assert share >= (0.5 if name.startswith("slowly") else 0.9), name
        assert share < 1.5, name
        # And not elsewhere.
        assert np.abs(velocity - share * command).max() < 0.15, name


def test_it_stays_upright_where_everything_is_randomised_and_it_is_pushed():
    walker, terms = load_walker(), tuple(name for name in TERMS if name not in ALWAYS)
    with make_batch(walker, 16, Effort(seconds=5.0, copies=16), terms=terms) as batch:
        batch.push_every = (1.0, 4.0)
        tally, pushed = Tally(16), np.zeros(16)
        for moment in moments(batch, WalkActor(walker, 16), 5.0):
            tally.add(moment)
            pushed = np.maximum(pushed, np.linalg.norm(moment.state.push, axis=1))
    np.testing.assert_allclose(
        pushed[tally.survived], batch.randomizer.draws["pushes"][tally.survived, 0]
    )
    assert tally.survived.sum() >= 13
