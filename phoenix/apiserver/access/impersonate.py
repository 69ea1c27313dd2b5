"""Acting as somebody else, as `kubectl --as` does: allowed by the verb `impersonate` on users and groups."""

from __future__ import annotations

from multidict import CIMultiDictProxy

from phoenix.apimachinery.errors import BadRequest
from phoenix.apiserver.access.authenticate import Authenticator
from phoenix.apiserver.access.caller import Caller
from phoenix.apiserver.access.identity import Identity, named
from phoenix.apiserver.access.requests import forbidden
from phoenix.apiserver.access.rules import Attributes


def impersonated(caller: Caller, headers: CIMultiDictProxy[str], authenticator: Authenticator) -> Identity:
    """Whom the Impersonate-* headers name. Without a group named, a User has those of his object.

    Raises:
        BadRequest: groups without a user.
        Forbidden: the caller may not act as him.
    """
    name, groups = headers.get("Impersonate-User", ""), tuple(headers.getall("Impersonate-Group", ()))
    if not name:
        msg = "Impersonate-Group needs Impersonate-User"
        raise BadRequest(msg)
    wanted = [Attributes("impersonate", "", "users", name=name)]
    wanted += [Attributes("impersonate", "", "groups", name=group) for group in groups]
    for asked in wanted:
        if not caller.policy.allows(asked):
            raise forbidden(caller.identity, asked)
    user = authenticator.user(name)
    if user is not None and not groups:
        groups = user.groups
    return named(name, groups)
