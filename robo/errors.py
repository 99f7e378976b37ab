"""The exception for a user's mistakes."""

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """Something that the user can fix; the message says what, why and what to do."""


@contextmanager
def user_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Turn a package's own exceptions, whose messages are written for users, into `UserError`."""
    try:
        yield
    except kinds as error:
        raise UserError(str(error)) from error
