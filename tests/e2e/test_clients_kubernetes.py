"""The official Python client, unmodified, with the kubeconfig that Phoenix writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import kubernetes
import pytest
from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException

from tests.harness.compatibility import row
from tests.harness.served import Served, experiment, served

pytestmark = pytest.mark.e2e
NAME, VERSION = "kubernetes (Python)", kubernetes.__version__
AT = ("phoenix.io", "v1alpha1", "default", "experiments")
CREATED_IS_NONE = "the library answers None where the server says 201"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("kubernetes")) as found:
        yield found


@pytest.fixture
def api(server: Served) -> Iterator[client.ApiClient]:
    with config.new_client_from_config(server.kubeconfig) as found:
        yield found


@pytest.fixture
def objects(api: client.ApiClient) -> client.CustomObjectsApi:
    return client.CustomObjectsApi(api)


def test_one_object_through_its_life(objects: client.CustomObjectsApi) -> None:
    with row(NAME, "create, get, replace, delete of a custom object", version=VERSION):
        made = objects.create_namespaced_custom_object(*AT, experiment("life"))
        assert made["metadata"]["uid"]
        got, replaced = replace_with_label(objects, "life", "more")
        assert replaced["metadata"]["labels"]["more"] == "yes"
        with pytest.raises(ApiException) as stale:
            objects.replace_namespaced_custom_object(*AT, "life", {**got, "spec": experiment("x")["spec"]})
        assert (stale.value.status, stale.value.reason) == (409, "Conflict")
    with row(NAME, "patch: merge, JSON, status subresource", version=VERSION):
        merged = objects.patch_namespaced_custom_object(*AT, "life", {"metadata": {"labels": {"merged": "1"}}})
        assert merged["metadata"]["labels"]["merged"] == "1"
        steps = [{"op": "replace", "path": "/metadata/labels/merged", "value": "2"}]
        stepped = objects.patch_namespaced_custom_object(
            *AT, "life", steps, _content_type="application/json-patch+json"
        )
        assert stepped["metadata"]["labels"]["merged"] == "2"
        said = objects.patch_namespaced_custom_object_status(*AT, "life", {"status": {"progress": 0.5}})
        assert said["status"]["progress"] == 0.5
        assert objects.get_namespaced_custom_object_status(*AT, "life")["status"]["progress"] == 0.5
    with row(NAME, "errors as ApiException with a Status", version=VERSION):
        for status, call in (
            (404, lambda: objects.get_namespaced_custom_object(*AT, "nobody")),
            (409, lambda: objects.create_namespaced_custom_object(*AT, experiment("life"))),
            (422, lambda: objects.create_namespaced_custom_object(*AT, {**experiment("y"), "spec": {}})),
        ):
            with pytest.raises(ApiException) as refused:
                call()
            assert refused.value.status == status
            assert '"kind":"Status"' in refused.value.body
    objects.delete_namespaced_custom_object(*AT, "life")


def replace_with_label(objects: client.CustomObjectsApi, name: str, label: str) -> tuple[Any, Any]:
    """What was read and what it became. As every client must, it reads again where a controller wrote in between."""
    for _ in range(20):
        got = objects.get_namespaced_custom_object(*AT, name)
        got["metadata"]["labels"][label] = "yes"
        try:
            return got, objects.replace_namespaced_custom_object(*AT, name, got)
        except ApiException as error:
            if error.status != 409:
                raise
    pytest.fail(f"{name} was written by somebody else each of 20 times")


def test_server_side_apply(objects: client.CustomObjectsApi) -> None:
    def apply(manager: str, seed: int, **more: Any) -> Any:
        wire = experiment("applied")
        wire["spec"]["source"]["load"]["seed"] = seed
        return objects.patch_namespaced_custom_object(
            *AT, "applied", wire, field_manager=manager, _content_type="application/apply-patch+yaml", **more
        )

    with row(NAME, "server-side apply: owners, conflicts, force", version=VERSION, note=CREATED_IS_NONE):
        apply("one", 1)
        with pytest.raises(ApiException) as conflict:
            apply("two", 2)
        assert conflict.value.status == 409
        assert "one" in conflict.value.body
        taken = apply("two", 2, force=True)
        assert taken["spec"]["source"]["load"]["seed"] == 2
        assert {entry["manager"] for entry in taken["metadata"]["managedFields"]} >= {"one", "two"}
    objects.delete_namespaced_custom_object(*AT, "applied")


def test_lists(objects: client.CustomObjectsApi) -> None:
    for number in range(5):
        objects.create_namespaced_custom_object(*AT, experiment(f"listed-{number}", of="lists"))
    with row(NAME, "list: selector, pages, all namespaces, delete collection", version=VERSION):
        names, token = [], None
        while token != "":
            page = objects.list_namespaced_custom_object(*AT, label_selector="of=lists", limit=2, _continue=token or "")
            names += [item["metadata"]["name"] for item in page["items"]]
            token = page["metadata"].get("continue", "")
        assert names == [f"listed-{number}" for number in range(5)]
        everywhere = objects.list_custom_object_for_all_namespaces(AT[0], AT[1], AT[3])
        assert len(everywhere["items"]) >= 5
        objects.delete_collection_namespaced_custom_object(*AT, label_selector="of=lists")


def test_watch(objects: client.CustomObjectsApi) -> None:
    with row(NAME, "watch from a version: added, modified, deleted", version=VERSION):
        since = objects.list_namespaced_custom_object(*AT)["metadata"]["resourceVersion"]

        def change() -> None:
            objects.create_namespaced_custom_object(*AT, experiment("watched"))
            objects.delete_namespaced_custom_object(*AT, "watched")

        changing = threading.Thread(target=change)
        changing.start()
        seen: list[str] = []
        stream = watch.Watch()
        for event in stream.stream(
            objects.list_namespaced_custom_object, *AT, resource_version=since, timeout_seconds=20,
            field_selector="metadata.name=watched",
        ):  # fmt: skip
            assert event["object"]["metadata"]["name"] == "watched"
            seen.append(event["type"])
            if event["type"] == "DELETED":
                stream.stop()
        changing.join()
        assert (seen[0], seen[-1]) == ("ADDED", "DELETED")
        assert set(seen[1:-1]) <= {"MODIFIED"}


def test_dynamic_client(api: client.ApiClient) -> None:
    with row(NAME, "dynamic client: discovery, apply, status, list, watch, delete", version=VERSION):
        dynamic_client = dynamic.DynamicClient(api)
        experiments = dynamic_client.resources.get(api_version="phoenix.io/v1alpha1", kind="Experiment")
        assert experiments.namespaced
        made = dynamic_client.server_side_apply(
            experiments, body=experiment("dyn"), namespace="default", field_manager="dynamic"
        )
        assert made.metadata.managedFields[0].manager == "dynamic"
        changed = experiments.status.patch(
            body={"status": {"progress": 0.25}}, name="dyn", namespace="default",
            content_type="application/merge-patch+json",
        )  # fmt: skip
        assert changed.status.progress == 0.25
        assert "dyn" in {item.metadata.name for item in experiments.get(namespace="default").items}
        seen = [
            (event["type"], event["object"].metadata.name)
            for event in experiments.watch(namespace="default", timeout=1, name="dyn")
        ]
        assert seen[0] == ("ADDED", "dyn")
        experiments.delete(name="dyn", namespace="default")


def test_core_kinds_and_reviews(api: client.ApiClient) -> None:
    core = client.CoreV1Api(api)
    with row(NAME, "core/v1: namespaces and events as typed models", version=VERSION):
        core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name="typed")))
        assert "typed" in {item.metadata.name for item in core.list_namespace().items}
        watched = [
            event["object"].metadata.name for event in watch.Watch().stream(core.list_namespace, timeout_seconds=1)
        ]
        assert "typed" in watched
        core.delete_namespace("typed")
        assert core.list_event_for_all_namespaces().kind == "EventList"
    with row(NAME, "version, discovery, self subject review, access review", version=VERSION):
        assert client.VersionApi(api).get_code().git_version.startswith("v1.")
        listed = client.CustomObjectsApi(api).get_api_resources(AT[0], AT[1]).resources
        assert {"experiments", "experiments/status", "hosts"} <= {item.name for item in listed}
        me = client.AuthenticationV1Api(api).create_self_subject_review(client.V1SelfSubjectReview())
        assert me.status.user_info.username
        asked = client.V1ResourceAttributes(verb="delete", group="phoenix.io", resource="experiments")
        review = client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=asked))
        assert client.AuthorizationV1Api(api).create_self_subject_access_review(review).status.allowed
