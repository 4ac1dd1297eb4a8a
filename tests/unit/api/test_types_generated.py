"""The generated types: that they are what the schemas say, and how they look in Python and in JSON."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from podling.api import types
from podling.api.types import (
    apiextensions_v1,
    apps_v1,
    authentication_v1,
    core_v1,
    events_v1,
    meta_v1,
    networking_v1,
)
from podling.api.types._model import ApiType

FOLDER = Path(types.__file__).parent
MODULES = sorted(p.stem for p in FOLDER.glob("*.py") if not p.stem.startswith("_"))


def generator() -> ModuleType:
    path = Path(__file__).parents[3] / "tools" / "generate_types.py"
    spec = importlib.util.spec_from_file_location("generate_types", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate_types"] = module
    spec.loader.exec_module(module)
    return module


def classes(module: str) -> list[type[ApiType]]:
    found = vars(importlib.import_module(f"podling.api.types.{module}")).values()
    return [
        cls
        for cls in found
        if isinstance(cls, type) and issubclass(cls, ApiType) and cls.__module__.endswith(f".{module}")
    ]


def test_committed_files_are_what_the_schemas_say() -> None:
    pytest.importorskip("kubernetes_validate")
    generated = generator().generate()
    assert {name: (FOLDER / name).read_text() for name in generated} == generated


@pytest.mark.parametrize("module", MODULES)
def test_every_type_survives_a_round_trip_with_its_zero_value(module: str) -> None:
    for cls in classes(module):
        empty = cls()
        assert msgspec.json.decode(msgspec.json.encode(empty), type=cls) == empty, cls


@pytest.mark.parametrize("module", MODULES)
def test_kind_version_and_metadata_come_first_so_that_metadata_is_found_at_its_first_occurrence(
    module: str,
) -> None:
    for cls in classes(module):
        names = list(json.loads(msgspec.json.encode(cls())))
        if names[:1] == ["kind"] and "metadata" in names:
            assert names[:3] == ["kind", "apiVersion", "metadata"], cls


def test_acronyms_are_one_word_and_python_words_get_an_underscore() -> None:
    assert {"pod_ip", "pod_ips", "host_ip"} <= set(core_v1.PodStatus.__struct_fields__)
    assert {"cluster_ip", "cluster_ips", "external_ips", "load_balancer_ip"} <= set(
        core_v1.ServiceSpec.__struct_fields__
    )
    assert {"host_ipc", "host_pid", "set_hostname_as_fqdn"} <= set(core_v1.PodSpec.__struct_fields__)
    assert {"pod_cidr", "pod_cidrs", "provider_id"} <= set(core_v1.NodeSpec.__struct_fields__)
    assert "continue_" in meta_v1.ListMeta.__struct_fields__
    assert "from_" in networking_v1.NetworkPolicyIngressRule.__struct_fields__
    assert {"ref", "schema", "not_", "x_kubernetes_int_or_string"} <= set(
        apiextensions_v1.JSONSchemaProps.__struct_fields__
    )


def test_json_names_are_kubernetes_own() -> None:
    status = core_v1.PodStatus(pod_ip="10.0.0.1", pod_ips=[core_v1.PodIP(ip="10.0.0.1")])
    assert json.loads(msgspec.json.encode(status)) == {"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]}
    props = apiextensions_v1.JSONSchemaProps(ref="#/x", x_kubernetes_list_map_keys=["a"])
    assert json.loads(msgspec.json.encode(props)) == {"$ref": "#/x", "x-kubernetes-list-map-keys": ["a"]}


def test_a_kind_names_itself() -> None:
    assert json.loads(msgspec.json.encode(apps_v1.Deployment()))["kind"] == "Deployment"
    assert authentication_v1.TokenRequest().api_version == "authentication.k8s.io/v1"
    assert core_v1.ObjectReference().kind is None


def test_optional_zero_values_survive_and_absent_ones_are_not_written() -> None:
    spec = core_v1.PodSpec(host_network=False, priority=0, hostname="", tolerations=[])
    written = json.loads(msgspec.json.encode(spec))
    assert written == {
        "containers": [],
        "hostNetwork": False,
        "priority": 0,
        "hostname": "",
        "tolerations": [],
    }


def test_required_fields_are_written_with_their_zero_value() -> None:
    assert json.loads(msgspec.json.encode(core_v1.ContainerStatus())) == {
        "image": "",
        "imageID": "",
        "name": "",
        "ready": False,
        "restartCount": 0,
    }
    assert json.loads(msgspec.json.encode(events_v1.Event()))["eventTime"] is None
    assert b'"metadata":{}' in msgspec.json.encode(core_v1.PodTemplateSpec())


def test_zero_values_are_not_shared_between_objects() -> None:
    core_v1.PodSpec().containers.append(core_v1.Container(name="a"))
    assert core_v1.PodSpec().containers == []
    core_v1.Pod().metadata.name = "a"
    assert core_v1.Pod().metadata.name is None


@pytest.mark.parametrize(
    ("replicas", "fits"), [(2**31 - 1, True), (2**31, False), (-(2**31), True), (-(2**31) - 1, False)]
)
def test_integers_have_the_bounds_of_their_format(replicas: int, fits: bool) -> None:
    body = b'{"replicas":%d}' % replicas
    if fits:
        assert msgspec.json.decode(body, type=apps_v1.DeploymentSpec).replicas == replicas
    else:
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(body, type=apps_v1.DeploymentSpec)


def test_fields_of_one_json_type_or_another_keep_which_it_was() -> None:
    body = b'{"type":"object","additionalProperties":false,"items":[{"type":"string"}]}'
    props = msgspec.json.decode(body, type=apiextensions_v1.JSONSchemaProps)
    assert props.additional_properties is False
    assert props.items == [apiextensions_v1.JSONSchemaProps(type="string")]
    probe = msgspec.json.decode(b'{"httpGet":{"port":"http"}}', type=core_v1.Probe)
    assert probe.http_get
    assert probe.http_get.port == "http"


def test_a_module_loads_only_what_it_refers_to() -> None:
    code = "import sys; from podling.api.types import core_v1; print(*sorted(m for m in sys.modules if 'api.types.' in m))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert loaded == [f"podling.api.types.{name}" for name in ("_model", "core_v1", "meta_v1")]
