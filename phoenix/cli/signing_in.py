"""Who one is to a server, and the kubeconfig that remembers it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from phoenix.cli.errors import CliError
from phoenix.cli.wire import send
from phoenix.client.errors import ConfigError
from phoenix.client.http import HttpClient
from phoenix.client.kubeconfig import KubeConfig, load, put, set_current

WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
Wire = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Names:
    """What a sign-in is called in a kubeconfig."""

    context: str
    cluster: str
    user: str


async def who_am_i(client: HttpClient) -> Wire:
    """UserInfo of whoever the credentials are of. Raises ApiError."""
    found: Wire = (await send(client, "POST", WHO, _REVIEW))["status"]["userInfo"]
    return found


def names_for(server: str, user: str, context: str | None) -> Names:
    """As `kubectl config` would have them: a cluster by its address, a user of it, a context of both."""
    cluster = urlsplit(server).netloc.replace(".", "-")
    return Names(context or f"{user}@{cluster}", cluster, f"{user}/{cluster}")


def remember(config: KubeConfig, names: Names, server: str, tls: Mapping[str, Any], user: Mapping[str, Any]) -> Path:
    """Write cluster, user and context, and make that the current one; the file. Raises ConfigError."""
    namespace = dict(config.contexts[names.context].value) if names.context in config.contexts else {}
    context = {**namespace, "cluster": names.cluster, "user": names.user}
    for section, name, value in (
        ("clusters", names.cluster, {"server": server, **tls}),
        ("users", names.user, user),
        ("contexts", names.context, context),
    ):
        put(config, section, name, value)
        config = load(config.files, required=False)
    return set_current(config, names.context)


def forget(config: KubeConfig, context: str) -> Path:
    """Remove a context, and its user and cluster where no other context has them; the file. Raises CliError."""
    if context not in config.contexts:
        raise CliError(f'there is no context "{context}" in {config.named}', config.listed("contexts"))
    gone = config.contexts[context].value
    path = put(config, "contexts", context, None)
    for section, part in (("users", "user"), ("clusters", "cluster")):
        config = load(config.files, required=False)
        name = str(gone.get(part) or "")
        shared = any(entry.value.get(part) == name for entry in config.contexts.values())
        if name in getattr(config, section) and not shared:
            put(config, section, name, None)
    config = load(config.files, required=False)
    if config.current == context:
        set_current(config, "")
    return path


def embedded(path: Path, what: str) -> str:
    """A PEM file as a kubeconfig carries it. Raises ConfigError."""
    try:
        return base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        msg = f"{what} {path} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error
