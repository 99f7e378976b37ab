"""Checks of command-line arguments."""

from robo.errors import UserError


def checked_instruction(instruction: str) -> str:
    """The instruction without surplus whitespace.

    Raises:
        UserError: It is empty.
    """
    if not instruction.strip():
        raise UserError('the instruction is empty; say what to do, such as "bring me the sponge"')
    return " ".join(instruction.split())


def check_seed(seed: int) -> None:
    """Refuse a seed that no random generator accepts.

    Raises:
        UserError: It is negative.
    """
    if seed < 0:
        raise UserError(f"--seed is {seed}; it must be 0 or more")
