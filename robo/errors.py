"""The error that is a user's mistake."""


class UserError(Exception):
    """Something that the user can put right; the message says what, why and what to do."""
