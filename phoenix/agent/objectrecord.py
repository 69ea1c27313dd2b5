"""`object.json`: what an agent must remember of an object to adopt its process after a restart."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from phoenix.agent.launch import Launch
from phoenix.agent.lifecycle import Rejected
from phoenix.agent.records import ALT, write_durable


@dataclass(slots=True)
class ObjectRecord:
    """The agent's memory of one object; `save` after every change that a restart must not forget.

    `slot`: the active place, "" or "/alt". `ports`: of each place, by name. `effective`: what runs, or ran last, in the
    active place. `accounted`: the start whose end was already acted on.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    slot: str = ""
    ports: dict[str, dict[str, int]] = field(default_factory=dict)
    effective: Launch | None = None
    rejected: Rejected = field(default_factory=Rejected)
    restarts: int = 0
    failures: int = 0
    accounted: str = ""

    @property
    def active(self) -> str:
        """Workload id of the active place."""
        return self.uid + self.slot

    @property
    def beside(self) -> str:
        """Workload id of the other place."""
        return self.uid + (ALT if not self.slot else "")

    @property
    def active_ports(self) -> dict[str, int]:
        """Ports of what serves."""
        return self.ports.get(self.slot, {})

    def swap(self) -> None:
        """The other place is the active one from now on."""
        self.slot = "" if self.slot else ALT

    def save(self, folder: Path) -> None:
        """Durable on return. Raises OSError."""
        wire = asdict(self) | {"effective": self.effective.to_wire() if self.effective else None}
        write_durable(folder / "object.json", json.dumps(wire).encode())

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """The record, or None where there is none or another version wrote it."""
        try:
            wire: dict[str, Any] = json.loads((folder / "object.json").read_bytes())
            launch = Launch.from_wire(wire["effective"]) if wire["effective"] else None
            return cls(**(wire | {"effective": launch, "rejected": Rejected(**wire["rejected"])}))
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError):
            return None
