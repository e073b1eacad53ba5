"""The errors that Casebook raises on purpose, and the exit status that each stands for.

Every message is one sentence for the user: what is wrong (file, row, value) and what to do about it.
"""


class CasebookError(Exception):
    """A run that cannot go on for a reason that the user can act on; exit status 1."""

    exit_status = 1


class UsageError(CasebookError):
    """A wrong argument, path or setting; exit status 2."""

    exit_status = 2


class ContractError(CasebookError):
    """The data break a critical rule of their contract; exit status 1."""


class IntegrityError(CasebookError):
    """A file is not what its checksum says; the message names both checksums."""


class TransientError(CasebookError):
    """A passing fault (network, cluster): the only kind of error that stages retry."""
