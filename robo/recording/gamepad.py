"""A gamepad as a device, through pygame (an extra); the cameras are shown in the terminal."""

import os
from dataclasses import replace
from typing import Any, Protocol, TextIO

import gymnasium
import numpy as np

from robo.errors import UserError
from robo.recording.device import NOTHING, Command, EpisodeStart, Event, Phase, Tick
from robo.recording.hand import AXES, Hand, Motion
from robo.recording.terminal import Screen

DEAD_ZONE = 0.12
"""A released stick rests this close to its centre."""

GRIP, PART, AGAIN, SKIP, SLOWER, FASTER, STOP, KEEP = range(8)
"""Buttons as pygame numbers them on common pads: A, B, X, Y, shoulders, back, start."""

EVENTS = {KEEP: Event.KEEP, AGAIN: Event.AGAIN, SKIP: Event.SKIP, STOP: Event.STOP}

HELP = (
    "left stick: forward, back, left, right    right stick: up, down, yaw    cross: pitch, roll",
    "A: gripper    B: arm or base    shoulders: slower, faster",
    "start: keep, next    X: record again    Y: skip this start    back: stop",
)


class Joystick(Protocol):
    """The part of `pygame.joystick.Joystick` used here."""

    def get_name(self) -> str:
        """Its product name."""
        ...

    def get_numaxes(self) -> int:
        """Number of axes."""
        ...

    def get_axis(self, number: int) -> float:
        """From -1 to 1; down and right are positive."""
        ...

    def get_numbuttons(self) -> int:
        """Number of buttons."""
        ...

    def get_button(self, number: int) -> bool:
        """Whether it is held."""
        ...

    def get_numhats(self) -> int:
        """Number of D-pads."""
        ...

    def get_hat(self, number: int) -> tuple[float, float]:
        """Right and up, each -1, 0 or 1."""
        ...


class Pad(Protocol):
    """Finds and refreshes joysticks."""

    def open(self) -> Joystick:
        """The first joystick; raises `UserError` where there is none."""
        ...

    def refresh(self) -> None:
        """Update its state."""
        ...

    def close(self) -> None:
        """Release it."""
        ...


class PygamePad:
    """Joysticks through pygame, without a window."""

    def open(self) -> Joystick:
        """See `Pad`."""
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
        os.environ.setdefault("SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS", "1")
        try:
            import pygame
        except ImportError:
            raise UserError(
                "a gamepad needs pygame: `pip install 'robo[gamepad]'`, or record with --device "
                "keyboard"
            ) from None
        pygame.init()
        if not pygame.joystick.get_count():
            raise UserError("no gamepad is connected; connect one or choose another --device")
        joystick: Joystick = pygame.joystick.Joystick(0)
        return joystick

    def refresh(self) -> None:
        """See `Pad`."""
        import pygame

        pygame.event.pump()

    def close(self) -> None:
        """See `Pad`."""
        import pygame

        pygame.quit()


class GamepadDevice:
    """A person with a gamepad. See `device.Device`.

    Args:
        pad: Where joysticks come from.
        stream: Terminal to write to; standard output when None.
    """

    name = "gamepad"
    paced = True

    def __init__(self, pad: Pad | None = None, stream: TextIO | None = None) -> None:
        self._pad: Pad = pad or PygamePad()
        self._stream = stream
        self._screen: Screen | None = None
        self._joystick: Joystick | None = None
        self._motion = Motion()
        self._held: frozenset[int] = frozenset()
        self._moved = False

    def open(self, env: "gymnasium.Env[Any, Any]") -> str:
        """See `Device`."""
        self._hand = Hand(env)
        self._joystick = self._pad.open()
        self._screen = Screen((self._joystick.get_name(), *HELP), self._stream)
        return ""

    def begin(self, start: EpisodeStart) -> None:
        """See `Device`."""
        self._motion = replace(
            self._motion, closed=self._hand.begin(start.observation.get("state")), part=0
        )
        self._moved = False

    def act(self, tick: Tick) -> Command:
        """See `Device`."""
        assert self._screen is not None
        self._pad.refresh()
        event = self._press()
        axes = self._axes()
        self._screen.show(tick.observation, tick.status, [self._line()])
        self._moved = self._moved or bool(axes.any())
        if tick.status.phase in (Phase.OVER, Phase.REPLAYING):
            return Command(event=event)
        if event is Event.KEEP and tick.status.phase is Phase.RECORDING:
            return Command(self._hand.goodbye(self._motion), event=event)
        if event is not None:
            return Command(event=event)
        if not self._moved:
            return NOTHING
        motion = replace(self._motion, axes=axes)
        return Command(self._hand.action(motion, 1 / tick.status.fps))

    def end(self, kept: bool) -> None:
        """See `Device`."""

    def close(self) -> None:
        """See `Device`."""
        if self._screen is not None:
            self._screen.close()
        if self._joystick is not None:
            self._joystick = None
            self._pad.close()

    def _axes(self) -> np.ndarray:
        """Values along `AXES`, from the sticks and the D-pad."""
        pad = self._joystick
        assert pad is not None
        sticks = [pad.get_axis(number) for number in range(pad.get_numaxes())]
        # On pads with six axes, a trigger's axis comes between the sticks'.
        right = (3, 4) if len(sticks) >= 6 else (2, 3)
        left_x, left_y, right_x, right_y = (
            _live(sticks[number]) if number < len(sticks) else 0.0 for number in (0, 1, *right)
        )
        roll, pitch = pad.get_hat(0) if pad.get_numhats() else (0.0, 0.0)
        return np.array([-left_y, -left_x, -right_y, roll, pitch, -right_x][: len(AXES)])

    def _press(self) -> Event | None:
        """Handle buttons pressed since the last tick; returns their event."""
        pad = self._joystick
        assert pad is not None
        held = frozenset(n for n in range(pad.get_numbuttons()) if pad.get_button(n))
        new, self._held = held - self._held, held
        motion = self._motion
        if GRIP in new:
            motion = replace(motion, closed=not motion.closed)
            self._moved = True
        if PART in new:
            motion = self._hand.next_part(motion)
        self._motion = motion.faster((FASTER in new) - (SLOWER in new))
        return next((EVENTS[button] for button in EVENTS if button in new), None)

    def _line(self) -> str:
        motion = self._motion
        grip = "closed" if motion.closed else "open"
        return f"moving the {self._hand.parts[motion.part]}, gripper {grip}, speed {motion.speed:g}"


def _live(value: float) -> float:
    """A stick's value with its dead zone removed."""
    if abs(value) < DEAD_ZONE:
        return 0.0
    return float(np.copysign((abs(value) - DEAD_ZONE) / (1 - DEAD_ZONE), value))
