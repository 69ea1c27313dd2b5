"""How long who shows a certificate is who he is."""

from __future__ import annotations

from typing import Any, cast

import pytest

from phoenix.api.user import User
from phoenix.apiserver.access.authenticate import Authenticator
from phoenix.apiserver.target import Target
from phoenix.store.interface import Store
from tests.unit.apiserver.access.test_policy import Objects

CERTIFICATE = {"subject": ((("commonName", "ann"),),), "notAfter": "Jan  1 00:00:00 2031 GMT"}
IN_2030, IN_2031 = 1893456000.0, 1924992000.0


def authenticator(spec: dict[str, Any]) -> Authenticator:
    wire = {"metadata": {"name": "ann", "uid": "1"}, "spec": spec}
    store = cast(Store, Objects({Target(User, name="ann").key: wire}))
    made = Authenticator(store, admin_token="t", key=b"k", now=lambda: 0.0)
    made.load()
    return made


@pytest.mark.parametrize(
    ("spec", "ends"),
    [({}, IN_2031), ({"expiresAt": "2030-01-01T00:00:00Z"}, IN_2030), ({"expiresAt": "2039-01-01T00:00:00Z"}, IN_2031)],
)
def test_a_certificate_is_good_no_longer_than_its_user(spec: dict[str, Any], ends: float) -> None:
    identity = authenticator(spec).by_certificate(CERTIFICATE)
    assert identity is not None
    assert identity.expires_at == ends


def test_a_certificate_of_a_user_turned_off_is_nobodys() -> None:
    assert authenticator({"disabled": True}).by_certificate(CERTIFICATE) is None
