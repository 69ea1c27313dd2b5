"""What keeps a directory from being read at all.

Exception
└── DirectoryFault      it is gone, not allowed, no directory, unreadable, or too large
"""

from __future__ import annotations


class DirectoryFault(Exception):
    """Nothing can be said of what is in the directory, so nothing may be concluded from it.

    Args:
        reason: PascalCase word for programs: PathNotFound, NotADirectory, PathUnreadable, PathNotAllowed, TooManyFiles.
        message: what is wrong, where, and what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message
