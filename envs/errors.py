"""The one error that a user may see."""


class UserError(ValueError):
    """Something the user can mend: one line that names the field or file and says what to do."""
