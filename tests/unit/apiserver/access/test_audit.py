"""The audit log: private, whole, turned over by size, honest about what it lost."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from phoenix.apiserver.access.audit import AuditLog, Record, backup
from phoenix.apiserver.access.config import AuditConfig
from phoenix.apiserver.access.identity import named
from tests.harness.eventually import eventually


def record(name: str = "x", **changes: Any) -> Record:
    base = Record(
        1.5, 2.25, "create", "/apis/phoenix.io/v1alpha1/namespaces/default/experiments", 201, named("ann", ("red",)),
        None, "phoenix.io", "v1alpha1", "experiments", "", "default", name, ("10.0.0.1", 1234), "kubectl/1",
    )  # fmt: skip
    return base._replace(**changes)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_record_is_an_event_of_audit_k8s_io(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    log = AuditLog(AuditConfig(path=path))
    log.start()
    log.record(record(through=named("root", ())))
    log.stop()
    (found,) = lines(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (found["apiVersion"], found["kind"], found["level"], found["stage"]) == (
        "audit.k8s.io/v1", "Event", "Metadata", "ResponseComplete",
    )  # fmt: skip
    assert found["user"] == {"username": "root", "groups": ["system:authenticated"]}
    assert found["impersonatedUser"] == {"username": "ann", "groups": ["red", "system:authenticated"]}
    assert found["objectRef"] == {
        "resource": "experiments", "namespace": "default", "name": "x", "apiGroup": "phoenix.io",
        "apiVersion": "v1alpha1",
    }  # fmt: skip
    assert found["responseStatus"] == {"metadata": {}, "code": 201}
    assert found["requestReceivedTimestamp"] == "1970-01-01T00:00:01.500000Z"
    assert found["sourceIPs"] == ["10.0.0.1"]


def test_it_is_turned_over_by_size_and_old_ones_go(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    for part in range(6):
        log = AuditLog(AuditConfig(path=path, max_bytes=500, backups=2))
        log.start()
        log.record(record(f"n{part}"))
        log.stop()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["audit.log", "audit.log.1", "audit.log.2"]
    assert lines(backup(path, 1))[0]["objectRef"]["name"] == "n5"  # type: ignore[index]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in tmp_path.iterdir())


def test_the_queue_is_bounded_and_says_what_it_dropped(tmp_path: Path) -> None:
    log = AuditLog(AuditConfig(path=tmp_path / "missing" / "audit.log", capacity=3))
    log.start()
    for number in range(5):
        log.record(record(str(number)))
    assert (log.waiting, log.dropped) == (3, 2)
    log.stop()


async def test_a_disk_that_cannot_be_written_is_said_and_found_well_again(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    log = AuditLog(AuditConfig(path=folder / "audit.log", required=True))
    log.start()
    assert log.refuses
    assert "later/audit.log" in log.broken
    log.record(record())
    folder.mkdir()

    async def written() -> int:
        return log.written

    await eventually(written, lambda count: count == 1, within_s=10, what="the record is in the file")
    assert not log.refuses
    log.stop()
    assert len(lines(folder / "audit.log")) == 1


def test_not_required_it_refuses_nothing(tmp_path: Path) -> None:
    log = AuditLog(AuditConfig(path=tmp_path / "missing" / "audit.log"))
    log.start()
    assert log.broken
    assert not log.refuses
    log.stop()


def test_off_it_keeps_nothing() -> None:
    log = AuditLog(AuditConfig())
    log.start()
    log.record(record())
    assert (log.waiting, log.written, log.dropped) == (0, 0, 0)
    log.stop()
