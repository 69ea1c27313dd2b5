"""The gate remembers who asks: so many of them, those who asked last."""

from __future__ import annotations

from typing import cast

import pytest
from aiohttp.test_utils import make_mocked_request

from phoenix.api.collector import Collector
from phoenix.apiserver.access import gate as module
from phoenix.apiserver.access import tokens
from phoenix.apiserver.access.caller import Caller
from phoenix.apiserver.access.config import AccessConfig
from phoenix.apiserver.access.gate import Access
from phoenix.apiserver.target import Target
from phoenix.store.interface import Store
from tests.unit.apiserver.access.test_policy import Objects

KEY = b"k"


def test_those_who_asked_last_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_CALLERS", 3)
    names = [f"c{number}" for number in range(9)]
    objects = {Target(Collector, "ns", name).key: {"metadata": {"name": name, "uid": name}} for name in names}
    access = Access(cast(Store, Objects(objects)), admin_token="admin", config=AccessConfig(key=KEY), now=lambda: 0.0)

    def who(token: str) -> Caller:
        return access.identify(make_mocked_request("GET", "/", {"Authorization": f"Bearer {token}"}))

    def child(name: str) -> Caller:
        return who(tokens.sign(tokens.Claims("collectors", "ns", name, name, 1.0), KEY))

    admin, first = who("admin"), child("c0")
    for name in names[1:]:
        child(name)
        assert who("admin") is admin
        assert child("c0") is first
    once = child("c5")
    assert child("c5") is once
    for name in ("c6", "c7", "c8"):
        child(name)
    assert who("admin") is not admin, "three others have asked since"
