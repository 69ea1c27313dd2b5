"""The table of kinds: which model an apiVersion and kind, a plural or a short name stands for."""

from __future__ import annotations

from phoenix.api.collector import Collector
from phoenix.api.core import Event, Namespace
from phoenix.api.experiment import Experiment
from phoenix.api.host import Host
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.loadprofile import LoadProfile
from phoenix.api.manifestsource import ManifestSource
from phoenix.api.meter import Meter
from phoenix.api.pipeline import PipelineDeployment, PipelineRevision, PipelineTemplate
from phoenix.api.pricebook import PriceBook
from phoenix.api.rbac import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from phoenix.api.user import User
from phoenix.apimachinery.meta import Resource

KINDS: tuple[type[Resource], ...] = (
    Experiment, PipelineDeployment, PipelineRevision, PipelineTemplate, LoadProfile, PriceBook,
    ManifestSource,
    Collector, LoadGenerator, Meter, Host, User, Role, RoleBinding, ClusterRole, ClusterRoleBinding, Event, Namespace,
)  # fmt: skip
"""All kinds, in the order discovery lists them."""

BY_GVK: dict[tuple[str, str], type[Resource]] = {(kind.info.api_version, kind.info.kind): kind for kind in KINDS}
BY_PLURAL: dict[tuple[str, str], type[Resource]] = {(kind.info.group, kind.info.plural): kind for kind in KINDS}
BY_WORD: dict[str, type[Resource]] = {
    word: kind
    for kind in KINDS
    for word in (kind.info.kind.lower(), kind.info.plural, kind.info.singular, *kind.info.short_names)
}
"""Everything a person may type for a kind: `experiments`, `experiment`, `exp`."""
