"""The kubeconfig of a state folder: rewritten at each start, without losing what somebody put there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from phoenix.apiserver.credentials import write_client_files


def written(state: Path, url: str = "http://127.0.0.1:1", token: str = "t") -> dict[str, Any]:
    write_client_files(state, url, token, None)
    assert (state / "kubeconfig").stat().st_mode & 0o777 == 0o600
    return json.loads((state / "kubeconfig").read_text())


def change(state: Path, found: dict[str, Any]) -> None:
    """As kubectl writes it back: YAML."""
    with (state / "kubeconfig").open("w") as file:
        YAML(typ="safe", pure=True).dump(found, file)


def test_from_nothing(tmp_path: Path) -> None:
    found = written(tmp_path)
    assert found["current-context"] == "phoenix"
    assert found["contexts"][0]["context"] == {"namespace": "default", "cluster": "phoenix", "user": "admin"}
    assert written(tmp_path) == found


def test_address_and_token_are_new_and_the_namespace_stays(tmp_path: Path) -> None:
    found = written(tmp_path)
    found["contexts"][0]["context"]["namespace"] = "team-a"
    change(tmp_path, found)
    again = written(tmp_path, "http://127.0.0.1:2", "u")
    assert again["contexts"][0]["context"]["namespace"] == "team-a"
    assert again["clusters"] == [{"name": "phoenix", "cluster": {"server": "http://127.0.0.1:2"}}]
    assert again["users"] == [{"name": "admin", "user": {"token": "u"}}]


def test_contexts_and_users_of_others_stay(tmp_path: Path) -> None:
    found = written(tmp_path)
    found["users"].append({"name": "ann", "user": {"token": "12345"}})
    found["contexts"].append({"name": "ann", "context": {"cluster": "phoenix", "user": "ann"}})
    found["current-context"] = "ann"
    found["preferences"] = {"colors": True}
    change(tmp_path, found)
    again = written(tmp_path)
    assert [entry["name"] for entry in again["users"]] == ["admin", "ann"]
    assert again["users"][1]["user"]["token"] == "12345"
    assert again["current-context"] == "ann"
    assert again["preferences"] == {"colors": True}
    again["contexts"].pop()
    change(tmp_path, again)
    assert written(tmp_path)["current-context"] == "phoenix", "of a context that is no more"


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00", "contexts: 5\nusers: [7]\n", "a: 2026-01-01\n"])
def test_what_is_no_kubeconfig_is_written_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "kubeconfig").write_text(text)
    found = written(tmp_path)
    assert [len(found[section]) for section in ("clusters", "users", "contexts")] == [1, 1, 1]
