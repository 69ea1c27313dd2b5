"""ManifestSource: a directory of manifests that keeps itself applied."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Self

from pydantic import Field, model_validator

from phoenix.api.patterns import ABSOLUTE_PATH, OPTIONAL_DNS_LABEL
from phoenix.apimachinery.meta import KindInfo, PrinterColumn, Resource, Status
from phoenix.apimachinery.model import Model
from phoenix.apimachinery.units import Duration

MANIFESTSOURCE_FINALIZER = "phoenix.io/manifestsource"


class DriftMode(StrEnum):
    """What is done when somebody else changes what was applied."""

    CORRECT = "Correct"
    DETECT = "Detect"


class DeletionPolicy(StrEnum):
    """What becomes of the applied objects when the source is deleted: MirrorPrune deletes them where `prune` is set."""

    MIRROR_PRUNE = "MirrorPrune"
    DELETE = "Delete"
    ORPHAN = "Orphan"


class ManifestSourceSpec(Model):
    """Which directory, and how it is kept applied."""

    path: str = Field(
        pattern=ABSOLUTE_PATH,
        max_length=4096,
        description="absolute path of a directory, on the host of the server process",
    )
    recurse: bool = Field(default=True, description="false: only files directly in the directory")
    include: list[str] = Field(
        default_factory=list,
        max_length=64,
        description="gitignore patterns of files to read; none: every .yaml, .yml and .json file",
    )
    ignore: list[str] = Field(
        default_factory=list,
        max_length=64,
        description="gitignore patterns of files and directories to leave out, besides those in .phoenixignore files",
    )
    prune: bool = Field(default=False, description="true: what is no longer in the directory is deleted")
    allow_empty: bool = Field(
        default=False, description="true: a directory without any manifest may delete everything it applied"
    )
    drift: DriftMode = Field(default=DriftMode.CORRECT, description="what to do when others change an applied field")
    suspend: bool = Field(default=False, description="true: the directory is not looked at")
    dry_run: bool = Field(default=False, description="true: say what would be applied, and do nothing")
    target_namespace: str = Field(
        default="",
        pattern=OPTIONAL_DNS_LABEL,
        max_length=63,
        description="namespace of manifests that name none, and the only one others may name; empty: default, and any",
    )
    interval: Duration = Field(default=Duration("10m"), description="how often everything is applied again")
    debounce: Duration = Field(
        default=Duration("100ms"), description="how long to wait for further changes of files before applying them"
    )
    prune_delay: Duration = Field(
        default=Duration("2s"),
        description="how long the directory must be unchanged before anything is deleted: a file half written, or "
        "moved in two steps, is not taken for one that is gone",
    )
    deletion_policy: DeletionPolicy = Field(
        default=DeletionPolicy.MIRROR_PRUNE, description="what becomes of its objects when the source is deleted"
    )

    @model_validator(mode="after")
    def _within_bounds(self) -> Self:
        if not 1 <= self.interval.seconds <= 86_400:
            msg = "interval must be between 1s and 24h"
            raise ValueError(msg)
        if not 0.01 <= self.debounce.seconds <= 60:
            msg = "debounce must be between 10ms and 1m"
            raise ValueError(msg)
        if self.prune_delay.seconds > 3600:
            msg = "pruneDelay must be at most 1h"
            raise ValueError(msg)
        return self


class InventoryEntry(Model):
    """One object that was applied."""

    id: str = Field(description="NAMESPACE_NAME_GROUP_KIND")
    v: str = Field(default="", description="version of its API")


class ManifestFault(Model):
    """One thing that keeps a manifest from being applied."""

    file: str = Field(default="", description="path below the directory; empty: the directory itself")
    line: int = Field(default=0, description="line from 1; 0: the file as a whole")
    object: str = Field(default="", description="the object concerned, as experiment/x; empty where there is none")
    field: str = Field(default="", description="path of the field at fault, such as spec.timing.duration")
    message: str = Field(default="", description="what is wrong, and what to do")


class DriftedObject(Model):
    """An applied object that others have changed."""

    id: str = Field(description="as in the inventory")
    fields: list[str] = Field(default_factory=list, description="paths that differ; empty: the object is gone")


class ManifestCounts(Model):
    """How much there is, and what was last done."""

    files: int = Field(default=0, description="manifest files read")
    objects: int = Field(default=0, description="objects in them")
    created: int = Field(default=0, description="objects the last change made (dryRun: would make)")
    configured: int = Field(default=0, description="objects the last change altered (dryRun: would alter)")
    unchanged: int = Field(default=0, description="objects that were as they should be")
    pruned: int = Field(default=0, description="objects the last change deleted")
    failed: int = Field(default=0, description="objects that could not be applied or deleted")


class ManifestSourceStatus(Status):
    """What was applied; conditions: Ready, Reconciling, Stalled."""

    last_applied_revision: str = Field(default="", description="sha256 of the files last applied without a fault")
    last_attempted_revision: str = Field(default="", description="sha256 of the files last looked at")
    last_applied_at: str = Field(default="", description="RFC 3339 UTC of the last change made to objects")
    counts: ManifestCounts = Field(default_factory=ManifestCounts, description="how much there is")
    errors: list[ManifestFault] = Field(default_factory=list, description="what is wrong, at most 20")
    errors_omitted: int = Field(default=0, description="how many more errors there are")
    drift: list[DriftedObject] = Field(default_factory=list, description="objects others have changed, at most 20")
    drift_omitted: int = Field(default=0, description="how many more have drifted")
    inventory: list[InventoryEntry] = Field(default_factory=list, description="what was applied")


class ManifestSource(Resource):
    """A directory of manifests that keeps itself applied."""

    info: ClassVar[KindInfo] = KindInfo(
        kind="ManifestSource",
        plural="manifestsources",
        namespaced=False,
        short_names=("ms",),
        categories=("phoenix",),
        columns=(
            PrinterColumn("Path", ".spec.path"),
            PrinterColumn("Ready", '.status.conditions[?(@.type=="Ready")].status'),
            PrinterColumn("Objects", ".status.counts.objects", "integer"),
            PrinterColumn("Status", '.status.conditions[?(@.type=="Ready")].message'),
            PrinterColumn("Revision", ".status.lastAppliedRevision", priority=1),
            PrinterColumn("Age", ".metadata.creationTimestamp", "date"),
        ),
        description="A directory of manifests that keeps itself applied.",
    )
    spec: ManifestSourceSpec = Field(description="which directory, and how it is kept applied")
    status: ManifestSourceStatus = Field(default_factory=ManifestSourceStatus, description="what was applied")
