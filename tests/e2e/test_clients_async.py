"""kubernetes_asyncio and kr8s, unmodified, with the kubeconfig that Phoenix writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import kr8s
import kubernetes_asyncio
import pytest
from kr8s.asyncio.objects import Namespace, new_class
from kubernetes_asyncio import client, config, dynamic, watch
from kubernetes_asyncio.client.exceptions import ApiException

from tests.harness.compatibility import row
from tests.harness.served import Served, experiment, served

pytestmark = pytest.mark.e2e
AT = ("phoenix.io", "v1alpha1", "default", "experiments")
ASYNCIO, KR8S = "kubernetes_asyncio", "kr8s"
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("async")) as found:
        yield found


@pytest.fixture
async def api(server: Served) -> AsyncIterator[client.ApiClient]:
    settings = client.Configuration()
    await config.load_kube_config(server.kubeconfig, client_configuration=settings)
    async with client.ApiClient(settings) as found:
        yield found


async def test_asyncio_custom_objects(api: client.ApiClient) -> None:
    objects, version = client.CustomObjectsApi(api), kubernetes_asyncio.__version__
    with row(ASYNCIO, "create, get, patch, status, apply, delete of a custom object", version=version):
        await objects.create_namespaced_custom_object(*AT, experiment("life"))
        change = {"metadata": {"labels": {"merged": "1"}}}
        await objects.patch_namespaced_custom_object(*AT, "life", change, _content_type=MERGE)
        said = await objects.patch_namespaced_custom_object_status(
            *AT, "life", {"status": {"progress": 0.5}}, _content_type=MERGE
        )
        assert (said["metadata"]["labels"]["merged"], said["status"]["progress"]) == ("1", 0.5)
        for _ in range(2):
            await objects.patch_namespaced_custom_object(
                *AT, "applied", experiment("applied"), field_manager="one", _content_type=APPLY
            )
        applied = await objects.get_namespaced_custom_object(*AT, "applied")
        assert applied["metadata"]["managedFields"][0]["manager"] == "one"
        with pytest.raises(ApiException) as refused:
            await objects.get_namespaced_custom_object(*AT, "nobody")
        assert refused.value.status == 404
    with row(ASYNCIO, "watch: what there is, changes, deletion", version=version):
        seen: list[tuple[str, str]] = []
        async with asyncio.timeout(40), watch.Watch().stream(objects.list_namespaced_custom_object, *AT) as stream:
            async for event in stream:
                seen.append((event["type"], event["object"]["metadata"]["name"]))
                if seen[-1] == ("ADDED", "life"):
                    await objects.delete_namespaced_custom_object(*AT, "life")
                if event["type"] == "DELETED":
                    break
        assert seen[-1] == ("DELETED", "life")
    with row(ASYNCIO, "dynamic client: discovery, list, create, delete", version=version):
        dynamic_client = await dynamic.DynamicClient(api)
        experiments = await dynamic_client.resources.get(api_version="phoenix.io/v1alpha1", kind="Experiment")
        await experiments.create(body=experiment("dyn"), namespace="default")
        listed = await experiments.get(namespace="default")
        assert "dyn" in {item.metadata.name for item in listed.items}
        await experiments.delete(name="dyn", namespace="default")
    with row(ASYNCIO, "core/v1 as typed models", version=version):
        assert "default" in {item.metadata.name for item in (await client.CoreV1Api(api).list_namespace()).items}
    await objects.delete_namespaced_custom_object(*AT, "applied")


async def test_kr8s_objects(server: Served) -> None:
    api, version = await kr8s.asyncio.api(kubeconfig=server.kubeconfig), kr8s.__version__
    kind = new_class(kind="Experiment", version="phoenix.io/v1alpha1", namespaced=True)
    found = await kind(experiment("kr", of="kr8s"), api=api)
    with row(KR8S, "create, refresh, patch, status, label, annotate", version=version):
        await found.create()
        await found.patch({"status": {"progress": 0.25}}, subresource="status")
        await found.label({"more": "1"})
        await found.annotate({"more": "2"})
        await found.refresh()
        assert (found.raw["status"]["progress"], found.labels["more"], found.annotations["more"]) == (0.25, "1", "2")
        await (await kind(experiment("kr-applied", of="kr8s"), api=api)).create()
    with row(KR8S, "wait for a condition", version=version):
        await found.wait("condition=Accepted=False", timeout=10)
    with row(KR8S, "get by short name and selector, namespaces, whoami", version=version):
        assert sorted([item.name async for item in api.get("exp", namespace="default", label_selector="of=kr8s")]) == [
            "kr", "kr-applied",
        ]  # fmt: skip
        assert "default" in [item.name async for item in Namespace.list(api=api)]
        assert await api.whoami()
    with row(KR8S, "watch and delete", version=version):
        seen: list[str] = []
        async with asyncio.timeout(40):
            async for type_, item in api.watch("experiments", namespace="default", label_selector="of=kr8s"):
                seen.append(f"{type_} {item.name}")
                if seen[-1] == "ADDED kr":
                    await found.delete()
                if type_ == "DELETED":
                    break
        assert seen[-1] == "DELETED kr"
        assert not await found.exists()
