"""Model M3, pods of a Kubernetes cluster, as a kubeletstats receiver with pod attributes sees them. Pure.

A pod has a seat (5 points) and one for each of its containers (4 points; three pods of ten have two). Pods are ordered
by deployment, so that churn goes through deployments one after another, as rollouts do; a pod is replaced with its
containers. A reset restarts the counters of a pod and its containers under the same names; phases multiply pods.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from phoenix.loadmodel.dynamics import STATIC, Dynamics, EventKind
from phoenix.loadmodel.errors import LoadModelError
from phoenix.loadmodel.gauges import NumberLaws, NumberValues
from phoenix.loadmodel.httpcounts import MAX_POINTS
from phoenix.loadmodel.numbershape import NumberMetric, NumberResource, PointLaw, number_unit
from phoenix.loadmodel.reading import Fields
from phoenix.loadmodel.seats import Ints, Move, Seating
from phoenix.loadmodel.units import Unit, UnitOf
from phoenix.otlp.encode import Attributes

POD_POINTS, CONTAINER_POINTS = 5, 4
_WITH_SIDECAR = 3
"""pods of ten that have a second container"""
_SCOPE = "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/kubeletstatsreceiver"
_MIB = float(1 << 20)
_SIZES = {"S": (5, 24, 300, 10), "M": (25, 120, 1_500, 50), "L": (100, 480, 6_000, 200)}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Every number of M3 decided."""

    namespaces: int
    deployments: int
    pods: int
    """over all deployments, dealt to them in turn"""
    nodes: int

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read M3's own fields; faults go to those of `fields`."""
        size = str(fields.raw("size") or "S")
        if size not in _SIZES:
            fields.fault("size", f"{size!r} is not known; use one of {', '.join(_SIZES)}")
        namespaces, deployments, pods, nodes = _SIZES.get(size, _SIZES["S"])
        return cls(
            namespaces=fields.whole("namespaces", namespaces, 1),
            deployments=fields.whole("deployments", deployments, 1),
            pods=fields.whole("pods", pods, 1),
            nodes=fields.whole("nodes", nodes, 1),
        )

    def scaled(self, scale: float) -> Self:
        """With `scale` times the deployments and pods, at least one of each."""
        return replace(self, deployments=max(1, round(self.deployments * scale)), pods=max(1, round(self.pods * scale)))


@dataclass(frozen=True, slots=True)
class _Pod:
    """Who a seat belongs to. `container` -1: the pod itself."""

    number: int
    seat: int
    deployment: int
    container: int


@dataclass(frozen=True, slots=True)
class ClusterModel:
    """M3, scaled."""

    cluster: Cluster
    dynamics: Dynamics = STATIC

    def _pods(self) -> list[tuple[int, int]]:
        """(deployment, ordinal) of every pod there may be, deployment by deployment."""
        most = math.ceil(self.cluster.pods * self.dynamics.most_instances)
        numbers = range(most)
        deployments = self.cluster.deployments
        return [
            (deployment, number) for deployment in range(deployments) for number in numbers[deployment::deployments]
        ]

    def _seats(self) -> list[_Pod]:
        seats: list[_Pod] = []
        for deployment, number in self._pods():
            pod = len(seats)
            seats += [_Pod(number, pod, deployment, -1), _Pod(number, pod, deployment, 0)]
            if number % 10 < _WITH_SIDECAR:
                seats.append(_Pod(number, pod, deployment, 1))
        return seats

    def seating(self) -> Seating:
        """Pods deployment by deployment, each with its containers behind it."""
        if self.cluster.pods * self.dynamics.most_instances * 10 > MAX_POINTS:
            raise LoadModelError([f"otlp: {self.cluster.pods} pods have more than {MAX_POINTS} points: use fewer"])
        seating = Seating(base=self.cluster.pods)
        groups: dict[int, list[int]] = {}
        nodes: dict[int, list[int]] = {}
        for place in self._seats():
            points = POD_POINTS if place.container < 0 else CONTAINER_POINTS
            seat = seating.add(points, points, place.number)
            groups.setdefault(place.number, []).append(seat)
            nodes.setdefault(place.number % self.cluster.nodes, []).append(seat)
        seating.churning = [tuple(seats) for seats in groups.values()]
        seating.resetting = list(seating.churning)
        for event in self.dynamics.events:
            if event.kind is EventKind.NODE_DRAIN:
                seating.moves.append(Move(tuple(nodes.get(0, ())), event.at_ns))
            elif event.kind is EventKind.CRASH_LOOP:
                # The first pod's first container; restarts are evenly spread.
                seating.moves += [
                    Move((1,), event.at_ns + event.duration_ns * turn // event.count) for turn in range(event.count)
                ]
        return seating

    def unit_of(self, seed: int) -> UnitOf[NumberLaws]:
        """Pods and containers with names by the seed."""
        seats = self._seats()

        def unit(seat: int, generations: Ints) -> Unit[NumberLaws]:
            place = seats[seat]
            pod = self._resource(seed, place, int(generations[place.seat]))
            if place.container < 0:
                return number_unit(_pod(pod))
            restarts = int(generations[seat] - generations[place.seat])
            rng = np.random.default_rng([seed, 5, seat, int(generations[seat])])
            name = ("app", "sidecar")[place.container]
            own: Attributes = (("k8s.container.name", name), ("container.id", _hex(rng, 64)))
            return number_unit(_container((*pod, *own), restarts))

        return unit

    def _resource(self, seed: int, place: _Pod, generation: int) -> Attributes:
        rng = np.random.default_rng([seed, 4, place.seat, generation])
        deployment, node = f"app-{place.deployment:03d}", (place.number + generation) % self.cluster.nodes
        suffix, uid = _hex(rng, 12), _hex(rng, 32)
        return (
            ("k8s.cluster.name", "prod-1"),
            ("k8s.namespace.name", f"team-{place.deployment % self.cluster.namespaces:02d}"),
            ("k8s.deployment.name", deployment),
            ("k8s.pod.name", f"{deployment}-{suffix[:8]}-{suffix[8:]}{place.number}"),
            ("k8s.pod.uid", f"{uid[:8]}-{uid[8:12]}-{uid[12:16]}-{uid[16:20]}-{uid[20:]}"),
            ("k8s.node.name", f"node-{node:03d}"),
        )

    def values(self, rng: np.random.Generator, interval_s: float) -> NumberValues:
        """Counters and gauges."""
        return NumberValues(rng, interval_s)


def _hex(rng: np.random.Generator, digits: int) -> str:
    return rng.bytes((digits + 1) // 2).hex()[:digits]


def _pod(attributes: Attributes) -> NumberResource:
    ways = ("receive", "transmit")
    return NumberResource(
        "pod",
        attributes,
        _SCOPE,
        [
            NumberMetric(
                "k8s.pod.network.io",
                "By",
                [PointLaw((("direction", way), ("interface", "eth0")), rate=50_000.0) for way in ways],
                monotonic=True,
            ),
            NumberMetric(
                "k8s.pod.network.errors",
                "{error}",
                [PointLaw((("direction", way), ("interface", "eth0")), rate=0.01) for way in ways],
                monotonic=True,
            ),
            NumberMetric("k8s.pod.phase", "", [PointLaw((), level=2.0, steady=True)]),
        ],
    )


def _container(attributes: Attributes, restarts: int) -> NumberResource:
    return NumberResource(
        "container",
        attributes,
        _SCOPE,
        [
            NumberMetric("container.cpu.time", "s", [PointLaw((), rate=0.15)], monotonic=True, integer=False),
            NumberMetric("container.memory.working_set", "By", [PointLaw((), level=180 * _MIB)]),
            NumberMetric("container.filesystem.usage", "By", [PointLaw((), level=40 * _MIB)]),
            NumberMetric("k8s.container.restarts", "{restart}", [PointLaw((), level=float(restarts), steady=True)]),
        ],
    )
