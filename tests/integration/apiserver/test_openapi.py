"""OpenAPI documents as kubectl, old and new, asks for them."""

from __future__ import annotations

from typing import Any

from phoenix.api.scheme import KINDS
from phoenix.apiserver.openapi_v2 import _types
from tests.integration.apiserver.conftest import GROUP_PATH, Http

PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"


async def test_v2_as_protobuf_says_what_v2_as_json_says(http: Http) -> None:
    as_json = (await http("GET", "/openapi/v2")).body
    headers = {"Authorization": f"Bearer {http.server.token}", "Accept": PROTOBUF}
    async with http.session.get(http.server.url + "/openapi/v2", headers=headers) as got:
        # kubectl reads the Content-Type with Go's mime package, which knows no @.
        assert got.headers["Content-Type"] == "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
        etag, body = got.headers["ETag"], await got.read()
    document = _types()["Document"].FromString(body)
    assert document.swagger == as_json["swagger"] == "2.0"
    assert {item.name for item in document.paths.path} == set(as_json["paths"])
    found = {item.name: item.value for item in document.definitions.additional_properties}
    assert found.keys() == as_json["definitions"].keys()
    experiment = found["io.phoenix.v1alpha1.Experiment"]
    spec = next(item.value for item in experiment.properties.additional_properties if item.name == "spec")
    wire = as_json["definitions"]["io.phoenix.v1alpha1.Experiment"]["properties"]["spec"]
    assert [item.name for item in spec.properties.additional_properties] == list(wire["properties"])
    assert list(spec.required) == wire["required"]
    headers["If-None-Match"] = etag
    async with http.session.get(http.server.url + "/openapi/v2", headers=headers) as got:
        assert got.status == 304


async def test_every_patch_in_v2_names_its_kind_and_takes_field_validation(http: Http) -> None:
    paths: dict[str, Any] = (await http("GET", "/openapi/v2")).body["paths"]
    patched = set()
    for item in paths.values():
        if "patch" in item:
            patched.add(item["patch"]["x-kubernetes-group-version-kind"]["kind"])
            assert "fieldValidation" in [parameter["name"] for parameter in item["patch"]["parameters"]]
            assert item["patch"]["consumes"]
    assert {kind.info.kind for kind in KINDS} == patched


async def test_nothing_in_v2_is_v3s_alone(http: Http) -> None:
    text = await http("GET", "/openapi/v2")
    assert "#/components/" not in str(text.body)

    def look(schema: Any) -> None:
        if isinstance(schema, dict):
            assert not schema.keys() & {"nullable", "oneOf", "anyOf"} or "properties" not in schema
            for value in schema.values():
                look(value)

    look(text.body["definitions"])


async def test_a_document_is_sent_again_only_when_it_changed(http: Http) -> None:
    index = await http("GET", "/openapi/v3")
    url = index.body["paths"][GROUP_PATH[1:]]["serverRelativeURL"]
    first = await http("GET", url)
    assert "immutable" in first.headers["Cache-Control"]
    assert first.headers["Expires"].endswith("GMT")
    for path, answer in (("/openapi/v3", index), (url, first)):
        for tag in (answer.headers["ETag"], f'"other", W/{answer.headers["ETag"]}'):
            assert (await http("GET", path, If_None_Match=tag)).code == 304
        assert (await http("GET", path, If_None_Match='"other"')).code == 200
    assert (await http("GET", "/openapi/v3/apis/nobody/v1")).code == 404
    assert (await http("GET", "/openapi/v4")).code == 404
