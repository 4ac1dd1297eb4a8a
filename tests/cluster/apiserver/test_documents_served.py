"""Documents about the server itself: version, health, discovery and OpenAPI, in the forms that clients ask for."""

from __future__ import annotations

import pytest

V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


async def test_the_version(api):
    found = (await api.get("/version")).json
    assert (found["major"], found["minor"], found["gitVersion"][:6]) == ("1", "37", "v1.37.")


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
async def test_health_is_one_word(api, path):
    answer = await api.get(path)
    assert (answer.status, answer.text) == (200, "ok")


async def test_discovery_plain_and_aggregated(api):
    assert (await api.get("/api")).json["versions"] == ["v1"]
    groups = (await api.get("/apis")).json["groups"]
    assert {"apps", "batch", "rbac.authorization.k8s.io"} <= {group["name"] for group in groups}
    core = (await api.get("/api", headers={"accept": AGGREGATED})).json
    [version] = core["items"][0]["versions"]
    pods = next(one for one in version["resources"] if one["resource"] == "pods")
    assert {"log", "exec", "status", "binding", "eviction"} <= {
        sub["subresource"] for sub in pods["subresources"]
    }


async def test_openapi_v3_is_kept_by_its_hash(api):
    index = (await api.get("/openapi/v3")).json["paths"]
    url = index["api/v1"]["serverRelativeURL"]
    answer = await api.get(url)
    assert "io.k8s.api.core.v1.Pod" in answer.json["components"]["schemas"]
    assert "immutable" in answer.headers["Cache-Control"]
    again = await api.get(url, headers={"if-none-match": answer.headers["ETag"]})
    assert (again.status, again.text) == (304, "")
    assert (await api.get("/openapi/v3/apis/nothing/v1")).status == 404


async def test_openapi_v2_in_both_forms(api):
    plain = await api.get("/openapi/v2")
    assert plain.content_type == "application/json"
    assert plain.json["swagger"] == "2.0"
    assert "io.k8s.api.core.v1.Pod" in plain.json["definitions"]
    packed = await api.send("GET", "/openapi/v2", headers={"accept": V2_PROTOBUF})
    assert packed.content_type == "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
    assert packed.body.startswith(b"\x0a\x032.0")
    again = await api.get("/openapi/v2", headers={"if-none-match": plain.headers["ETag"]})
    assert again.status == 304
    other = await api.get("/openapi/v2", headers={"accept": "text/html"})
    assert other.status == 406
    assert (await api.get("/openapi/v2/apis")).status == 404


async def test_the_keys_of_tokens_are_published(secured, client_of):
    api = client_of(secured.server)
    issuer = (await api.get("/.well-known/openid-configuration")).json
    keys = (await api.get("/openid/v1/jwks")).json["keys"]
    assert issuer["jwks_uri"].endswith("/openid/v1/jwks")
    assert keys[0]["kid"]


async def test_without_a_key_nothing_of_tokens_is_served(api):
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    assert (await api.get("/.well-known/openid-configuration")).status == 404
    assert (await api.get("/openid/v1/jwks")).status == 404
    assert (await api.post(f"{accounts}/default/token", {"spec": {"audiences": []}})).status == 404
