"""What can go wrong besides an answer of the API.

    Exception
    ├── ConfigError        the client's own settings are missing or wrong; nothing was sent
    └── ApiError           (phoenix.apimachinery.errors)
        ├── Unavailable    no answer came
        └── Undecodable    an answer came that the API would not give

The last two are ApiErrors so that whoever handles a failed request need not know how it failed.
"""

from __future__ import annotations

from phoenix.apimachinery.errors import ApiError


class ConfigError(Exception):
    """A kubeconfig, endpoint file, CA or token that cannot be used; says which file and what to do."""


class Unavailable(ApiError):
    """No answer came. A write may or may not have happened: read before writing again.

    `server` is the address that was tried.
    """

    code, reason = 503, "Unavailable"

    def __init__(self, server: str, problem: str, hint: str) -> None:
        super().__init__(f"{server} gave no answer: {problem}; {hint}")
        self.server = server


class Undecodable(ApiError):
    """Something answered, but not in the API's words (a proxy, another program, another version)."""

    code, reason = 502, "Undecodable"
