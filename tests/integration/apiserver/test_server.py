"""The server around the API: TLS, token, files, discovery, health, errors, restart."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import stat
from pathlib import Path

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phoenix.apiserver.access import builtin
from phoenix.apiserver.openapi import group_document
from phoenix.apiserver.server import ApiServer, ServerConfig
from phoenix.store.errors import StoreLocked
from tests.integration.apiserver.conftest import EXPERIMENTS, GROUP_PATH, Http, experiment


async def test_tls_token_and_files_survive_a_restart(tmp_path: Path) -> None:
    config = ServerConfig(state=tmp_path / "state", port=0)
    seen = []
    for _ in range(2):
        async with ApiServer(config) as server, aiohttp.ClientSession() as session:
            assert server.url.startswith("https://127.0.0.1:")
            assert server.ca_file is not None
            http = Http(server, session, ssl.create_default_context(cafile=server.ca_file))
            assert (await http("GET", EXPERIMENTS)).code == 200
            local = server.url.replace("127.0.0.1", "localhost")
            async with session.get(f"{local}/livez", ssl=http.tls) as got:
                assert await got.text() == "ok"
            seen.append((server.token, (config.state / "server.crt").read_bytes()))
            endpoint = json.loads((config.state / "endpoint.json").read_text())
            assert endpoint["server"] == server.url
            assert Path(endpoint["tokenFile"]).read_text() == server.token
            kubeconfig = json.loads((config.state / "kubeconfig").read_text())
            assert kubeconfig["users"][0]["user"]["token"] == server.token
            ca = base64.b64decode(kubeconfig["clusters"][0]["cluster"]["certificate-authority-data"])
            assert ca == Path(endpoint["caFile"]).read_bytes()
    assert seen[0] == seen[1]
    assert stat.S_IMODE(config.state.stat().st_mode) == 0o700
    private = ["ca.key", "server.key", "token", "kubeconfig", "endpoint.json", "ca.crt", "server.crt"]
    assert {stat.S_IMODE((config.state / name).stat().st_mode) for name in private} == {0o600}


async def test_objects_and_versions_survive_a_restart(tmp_path: Path) -> None:
    config = ServerConfig(state=tmp_path, port=0, tls=False)
    async with ApiServer(config) as server, aiohttp.ClientSession() as session:
        made = await Http(server, session, None)("POST", EXPERIMENTS, experiment("a"))
    async with ApiServer(config) as server, aiohttp.ClientSession() as session:
        http = Http(server, session, None)
        assert (await http("GET", f"{EXPERIMENTS}/a")).body == made.body
        watch = await http.watch(f"{EXPERIMENTS}?resourceVersion=1")
        assert await watch.take(1) == [("ADDED", "a")]
        watch.close()


async def test_a_second_server_on_the_same_state_is_refused_and_leaves_nothing_open(
    server: ApiServer, tmp_path: Path
) -> None:
    with pytest.raises(StoreLocked):
        await ApiServer(ServerConfig(state=tmp_path / "state", port=0, tls=False)).start()


def test_plain_http_is_for_loopback_only(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="leave tls on"):
        ServerConfig(state=tmp_path, host="0.0.0.0", tls=False)


@pytest.mark.parametrize("path", ["/api", "/apis", "/metrics", "/openapi/v3", EXPERIMENTS, "/nope", "/", "/healthz/x"])
async def test_nothing_but_health_and_version_is_open(http: Http, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {http.server.token}"}):
        async with http.session.get(http.server.url + path, headers=headers) as got:
            assert got.status == 401
            assert (await got.json())["reason"] == "Unauthorized"
            assert http.server.token not in await got.text()


async def test_health_version_and_metrics(http: Http) -> None:
    for path in ("/healthz", "/livez", "/readyz"):
        async with http.session.get(http.server.url + path) as got:
            assert (got.status, await got.text()) == (200, "ok")
    async with http.session.get(http.server.url + "/version/") as got:
        assert (await got.json())["gitVersion"].startswith("v1.32.")
    await http("POST", EXPERIMENTS, experiment("a"))
    metrics = (await http("GET", "/metrics")).body
    assert 'phoenix_apiserver_requests_total{code="201",resource="experiments",verb="POST"} 1.0' in metrics
    built_in = len(builtin.objects())
    assert f"phoenix_store_revision {2 + built_in:.1f}" in metrics, "the default namespace, what is built in, and one"


@pytest.mark.parametrize("slash", ["", "/"])
async def test_discovery_lists_every_kind_with_its_status(http: Http, slash: str) -> None:
    assert (await http("GET", f"/api{slash}")).body["versions"] == ["v1"]
    groups = (await http("GET", f"/apis{slash}")).body["groups"]
    assert [group["name"] for group in groups] == ["phoenix.io", "rbac.authorization.k8s.io"]
    assert (await http("GET", f"/apis/phoenix.io{slash}")).body["preferredVersion"]["version"] == "v1alpha1"
    resources = {entry["name"]: entry for entry in (await http("GET", f"{GROUP_PATH}{slash}")).body["resources"]}
    assert resources["experiments"]["shortNames"] == ["exp"]
    assert resources["experiments/status"]["singularName"] == ""
    assert "pipelinerevisions/status" not in resources
    core = {entry["name"] for entry in (await http("GET", f"/api/v1{slash}")).body["resources"]}
    assert core == {"events", "namespaces", "namespaces/status"}


async def test_aggregated_discovery_says_so_in_its_content_type(http: Http) -> None:
    form = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    got = await http("GET", "/apis", Accept=f"{form},application/json")
    assert got.headers["Content-Type"] == form
    assert got.body["items"][0]["versions"][0]["resources"][0]["resource"] == "experiments"
    again = await http("GET", "/apis", Accept=form, If_None_Match=got.headers["ETag"])
    assert again.code == 304


def test_every_patch_path_takes_field_validation() -> None:
    # kubectl judges by any one of them, in random order: one without it is a rare refusal to apply.
    for name in ("apis/phoenix.io/v1alpha1", "api/v1"):
        document = json.loads(group_document(name).body)
        patches = [item["patch"] for item in document["paths"].values() if "patch" in item]
        assert len(patches) >= 3
        for patch in patches:
            assert "fieldValidation" in {parameter["name"] for parameter in patch["parameters"]}
            assert patch["requestBody"]["content"]
            assert patch["x-kubernetes-group-version-kind"]["kind"]


async def test_openapi_documents_are_named_by_their_hash(http: Http) -> None:
    paths = (await http("GET", "/openapi/v3")).body["paths"]
    url = paths["apis/phoenix.io/v1alpha1"]["serverRelativeURL"]
    document = await http("GET", url)
    assert "immutable" in document.headers["Cache-Control"]
    schemas = document.body["components"]["schemas"]
    kinds = {schema["x-kubernetes-group-version-kind"][0]["kind"] for schema in schemas.values() if len(schema) > 1}
    assert {"Experiment", "Host"} <= kinds
    assert (await http("GET", url.replace("hash=", "hash=0"))).body == document.body  # redirected to the right one


async def test_tables_have_the_printer_columns(http: Http) -> None:
    wire = experiment("a")
    await http("POST", EXPERIMENTS, wire)
    status = {"status": {"phase": "Running", "progress": 0.25}}
    await http("PATCH", f"{EXPERIMENTS}/a/status", status, content_type="application/merge-patch+json")
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    table = (await http("GET", f"{EXPERIMENTS}?limit=500", Accept=accept)).body
    names = [column["name"] for column in table["columnDefinitions"]]
    assert names == ["Name", "Phase", "Verdict", "Progress", "Reason", "Age"]
    assert table["rows"][0]["cells"][:4] == ["a", "Running", None, 0.25]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert (await http("GET", EXPERIMENTS, Accept="text/html")).code == 406


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type", "code", "reason"),
    [
        ("GET", f"{GROUP_PATH}/namespaces/default/nothings", None, "", 404, "NotFound"),
        ("GET", "/apis/phoenix.io/v9/experiments", None, "", 404, "NotFound"),
        ("GET", f"{GROUP_PATH}/experiments/a", None, "", 404, "NotFound"),
        ("PATCH", EXPERIMENTS, b"{}", "application/json", 405, "MethodNotAllowed"),
        ("HEAD", f"{EXPERIMENTS}?watch=true", None, "", 405, None),
        ("POST", "/apis", b"{}", "application/json", 405, "MethodNotAllowed"),
        ("POST", EXPERIMENTS, b'{"a": \n nope}', "application/json", 400, "BadRequest"),
        ("POST", EXPERIMENTS, b"[]", "application/json", 400, "BadRequest"),
        ("POST", EXPERIMENTS, b"", "application/json", 400, "BadRequest"),
        ("POST", EXPERIMENTS, b"a: 1", "application/yaml", 422, "Invalid"),
        ("POST", EXPERIMENTS, b"a=1", "text/plain", 415, "UnsupportedMediaType"),
        ("POST", EXPERIMENTS, b" " * (3 * 2**20 + 1), "application/json", 413, "RequestEntityTooLarge"),
        ("POST", EXPERIMENTS, b"[" * 200 + b"]" * 200, "application/json", 400, "BadRequest"),
        ("GET", f"{EXPERIMENTS}?limit=many", None, "", 400, "BadRequest"),
        ("GET", f"{EXPERIMENTS}?labelSelector=,,%3D", None, "", 400, "BadRequest"),
    ],
)
async def test_every_error_is_a_status(
    http: Http, method: str, path: str, body: bytes | None, content_type: str, code: int, reason: str | None
) -> None:
    answer = await http(method, path, body, content_type=content_type)
    assert answer.code == code, answer.body
    if reason is not None:
        assert (answer.body["kind"], answer.body["reason"], answer.body["code"]) == ("Status", reason, code)


async def test_a_patch_cannot_build_what_a_body_may_not_hold(http: Http) -> None:
    await http("POST", EXPERIMENTS, experiment("a"))
    path = "/spec/source/x"
    deep = [{"op": "add", "path": path + "/x" * number, "value": {}} for number in range(900)]
    wide = [{"op": "add", "path": "/spec/pad", "value": "x" * 500_000}]
    wide += [{"op": "copy", "from": "/spec", "path": f"/spec/copy{number}"} for number in range(12)]
    for patch, code in ((deep, 400), (wide, 422)):
        answer = await http("PATCH", f"{EXPERIMENTS}/a", patch, content_type="application/json-patch+json")
        assert answer.code == code, answer.body


async def test_bad_json_says_where(http: Http) -> None:
    answer = await http("POST", EXPERIMENTS, b'{"a": 1,\n "b": nope}')
    assert "line 2, column 7" in answer.body["message"]


async def test_what_is_not_http_gets_a_status_too(server: ApiServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    writer.write(b"NOT HTTP AT ALL\r\n\r\n")
    async with asyncio.timeout(40):
        answer = await reader.read()
    assert b'"kind":"Status"' in answer
    assert answer.startswith(b"HTTP/1.1 400") or answer.startswith(b"HTTP/1.0 400")
    writer.close()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_PLACES = st.sampled_from(
    ["apiVersion", "kind", "metadata", "metadata.name", "metadata.labels", "metadata.finalizers", "spec.source",
     "metadata.resourceVersion", "metadata.namespace", "metadata.ownerReferences", "metadata.generateName",
     "metadata.annotations", "metadata.managedFields", "spec", "spec.variants", "spec.timing", "spec.timing.duration",
     "spec.analysis", "status", "metadata.generation", "spec.ttlAfterFinished"]
)  # fmt: skip


async def test_no_body_makes_the_server_fail(http: Http) -> None:
    """Odd values in every place of an otherwise good object: refused or taken, never a 500."""
    cases: list[tuple[str, object, str]] = []

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(_PLACES, _JSON, st.sampled_from(["POST", "PUT", "PATCH", "STATUS"]))
    def collect(place: str, value: object, method: str) -> None:
        cases.append((place, value, method))

    collect()
    await http("POST", EXPERIMENTS, experiment("live"))
    merge = "application/merge-patch+json"
    for place, value, method in cases:
        wire: dict[str, object] = experiment("live" if method != "POST" else "")
        *parents, last = place.split(".")
        at = wire
        for parent in parents:
            at = at[parent]  # type: ignore[assignment]
        at[last] = value
        match method:
            case "POST":
                answer = await http("POST", EXPERIMENTS, wire)
            case "PUT":
                answer = await http("PUT", f"{EXPERIMENTS}/live", wire)
            case "PATCH":
                answer = await http("PATCH", f"{EXPERIMENTS}/live", wire, content_type=merge)
            case _:
                answer = await http("PATCH", f"{EXPERIMENTS}/live/status", wire, content_type=merge)
        assert answer.code < 500, (place, value, method, answer.body)
        assert answer.code != 500
    assert (await http("GET", EXPERIMENTS)).code == 200
