"""Pod specs as what the runtime takes: each rule is the API reference's; where kubelet fixes it, its file is named."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from podstate_world import container, pod

from podling.agent.errors import ConfigFault
from podling.agent.podspec import environment, fields, names, resources, sandbox, security, servicelinks
from podling.agent.podspec.environment import Sources
from podling.agent.podspec.fields import Facts
from podling.api.types import core_v1
from podling.runtime.interface import NamespaceMode

FACTS = Facts(pod_ips=("10.42.0.5",), host_ips=("192.0.2.1",), allocatable={"cpu": "4", "memory": "8Gi"})


def sources(**given: Any) -> Sources:
    maps = {name: core_v1.ConfigMap(data=data) for name, data in given.get("maps", {}).items()}
    secrets = {
        name: core_v1.Secret(data={k: base64.b64encode(v.encode()).decode() for k, v in data.items()})
        for name, data in given.get("secrets", {}).items()
    }
    return Sources(facts=FACTS, links=given.get("links", {}), config_map=maps.get, secret=secrets.get)


def env(
    *variables: dict[str, Any], env_from: list[dict[str, Any]] | None = None, **given: Any
) -> dict[str, str]:
    made = container(env=list(variables), envFrom=env_from)
    return environment.build(pod(made), made, sources(**given)).variables


class TestEnvironment:
    def test_later_variables_refer_to_earlier_ones(self):
        assert env({"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2 $(NONE) $$(A)"}) == {
            "A": "1",
            "B": "12 $(NONE) $(A)",
        }

    def test_own_variables_win_over_whole_config_maps_and_those_over_links(self):
        made = env(
            {"name": "A", "value": "own"},
            env_from=[{"configMapRef": {"name": "m"}}],
            maps={"m": {"A": "map", "B": "map"}},
            links={"A": "link", "B": "link", "C": "link"},
        )
        assert made == {"A": "own", "B": "map", "C": "link"}

    def test_prefix_and_secret(self):
        made = env(env_from=[{"prefix": "P_", "secretRef": {"name": "s"}}], secrets={"s": {"KEY": "v"}})
        assert made == {"P_KEY": "v"}

    def test_keys_that_are_no_names_are_skipped_and_told(self):
        made = container(envFrom=[{"configMapRef": {"name": "m"}}])
        built = environment.build(pod(made), made, sources(maps={"m": {"a=b": "1", "ok.key-1": "2"}}))
        assert built.variables == {"ok.key-1": "2"}
        assert built.skipped == {"configmap default/m": ["a=b"]}

    @pytest.mark.parametrize(
        ("source", "why"),
        [
            ({"configMapKeyRef": {"name": "none", "key": "k"}}, 'configmap "none" not found'),
            ({"configMapKeyRef": {"name": "m", "key": "k"}}, "couldn't find key k in ConfigMap default/m"),
            ({"secretKeyRef": {"name": "none", "key": "k"}}, 'secret "none" not found'),
            ({"fieldRef": {"fieldPath": "status.nope"}}, "unsupported fieldPath: status.nope"),
        ],
    )
    def test_what_is_missing_is_named(self, source: dict[str, Any], why: str):
        with pytest.raises(ConfigFault, match=why.replace("(", r"\(")):
            env({"name": "X", "valueFrom": source}, maps={"m": {}})

    def test_optional_sources_may_be_missing(self):
        source = {"configMapKeyRef": {"name": "none", "key": "k", "optional": True}}
        assert env({"name": "X", "valueFrom": source}) == {}

    def test_pod_and_node_as_variables(self):
        made = env(
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIPs"}}},
            {"name": "UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        )
        assert made == {"IP": "10.42.0.5", "HOST": "192.0.2.1", "UID": "uid-1", "CPU": "4"}


@pytest.mark.parametrize(
    ("resource", "divisor", "wanted"),
    [
        ("requests.cpu", None, "1"),  # 250m, rounded up
        ("requests.cpu", "1m", "250"),
        ("limits.memory", "1Mi", "64"),
        ("limits.cpu", "1m", "4000"),  # not limited: the node's allocatable
        ("requests.memory", "1", "33554432"),
    ],
)
def test_resources_come_in_units_of_the_divisor(resource: str, divisor: str | None, wanted: str):
    made = container(resources={"requests": {"cpu": "250m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}})
    selector = core_v1.ResourceFieldSelector(resource=resource, divisor=divisor)
    assert fields.resource(pod(made), selector, "main", FACTS) == wanted


def test_labels_as_a_file_are_sorted_and_quoted():
    made = pod()
    made.metadata.labels = {"b": 'two "2"', "a": "1"}
    assert fields.field(made, "metadata.labels", FACTS) == 'a="1"\nb="two \\"2\\""'
    assert fields.field(made, "metadata.labels['a']", FACTS) == "1"


def service(name: str, namespace: str = "default", **spec: Any) -> core_v1.Service:
    body = {"metadata": {"name": name, "namespace": namespace}, "spec": spec}
    return msgspec.convert(body, core_v1.Service)


class TestServiceLinks:
    PORTS = ({"name": "http", "port": 80}, {"name": "dns-udp", "port": 53, "protocol": "UDP"})

    def test_variables_in_both_styles(self):
        made = servicelinks.variables(
            [service("my-db", clusterIP="10.43.0.9", ports=self.PORTS)], "default", links=True
        )
        assert made["MY_DB_SERVICE_HOST"] == "10.43.0.9"
        assert made["MY_DB_SERVICE_PORT"] == "80"
        assert made["MY_DB_SERVICE_PORT_DNS_UDP"] == "53"
        assert made["MY_DB_PORT"] == "tcp://10.43.0.9:80"
        assert made["MY_DB_PORT_53_UDP"] == "udp://10.43.0.9:53"
        assert made["MY_DB_PORT_80_TCP_ADDR"] == "10.43.0.9"

    def test_only_kubernetes_itself_without_links_and_across_namespaces(self):
        services = [
            service("kubernetes", clusterIP="10.43.0.1", ports=[{"port": 443}]),
            service("a", clusterIP="10.43.0.2", ports=[{"port": 1}]),
            service("b", "other", clusterIP="10.43.0.3", ports=[{"port": 1}]),
            service("headless", clusterIP="None", ports=[{"port": 1}]),
        ]
        assert {
            name.partition("_")[0] for name in servicelinks.variables(services, "default", links=False)
        } == {"KUBERNETES"}
        assert {
            name.partition("_")[0] for name in servicelinks.variables(services, "default", links=True)
        } == {
            "KUBERNETES",
            "A",
        }


class TestResources:
    """kubelet `pkg/kubelet/cm/helpers_linux.go` and `pkg/kubelet/qos/policy.go`."""

    @pytest.mark.parametrize(("milli", "shares"), [(0, 2), (1, 2), (100, 102), (1000, 1024), (10**9, 262144)])
    def test_shares(self, milli: int, shares: int):
        assert resources.shares(milli) == shares

    def test_limits_become_quota_and_memory(self):
        made = container(resources={"limits": {"cpu": "500m", "memory": "64Mi"}})
        found = resources.of_container(pod(made), made, memory_capacity=1 << 30)
        assert (found.cpu_quota, found.cpu_period) == (50000, 100000)
        assert found.memory_limit == 64 << 20
        assert found.cpu_shares == 512, "a request that is missing is the limit"

    def test_quota_has_a_floor(self):
        made = container(resources={"limits": {"cpu": "1m"}})
        assert resources.of_container(pod(made), made, memory_capacity=1).cpu_quota == 1000

    @pytest.mark.parametrize(
        ("given", "score", "parent"),
        [
            ({}, 1000, "besteffort/poduid-1"),
            ({"requests": {"memory": "512Mi"}}, 500, "burstable/poduid-1"),
            ({"requests": {"memory": "1"}}, 999, "burstable/poduid-1"),
            ({"requests": {"memory": "1Gi"}}, 3, "burstable/poduid-1"),
            (
                {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}},
                -997,
                "poduid-1",
            ),
        ],
    )
    def test_quality_of_service(self, given: dict[str, Any], score: int, parent: str):
        made = pod(container(resources=given))
        found = resources.of_container(made, made.spec.containers[0], memory_capacity=1 << 30)
        assert found.oom_score_adj == score
        assert resources.cgroup_parent(made) == parent

    def test_pod_is_bounded_only_if_all_its_containers_are(self):
        bounded = {"limits": {"memory": "64Mi"}}
        one = resources.of_pod(pod(container("a", resources=bounded), container("b", resources=bounded)))
        other = resources.of_pod(pod(container("a", resources=bounded), container("b")))
        assert one.memory_limit == 128 << 20
        assert other.memory_limit is None


class TestSecurity:
    def effective(self, own: dict[str, Any], **shared: Any) -> Any:
        made = container(securityContext=own)
        return security.of_container(pod(made, securityContext=shared), made, seccomp_root="/profiles")

    def test_container_goes_over_pod(self):
        found = self.effective({"runAsUser": 1}, runAsUser=2, runAsGroup=3, fsGroup=4, supplementalGroups=[5])
        assert (found.run_as_user, found.run_as_group, found.supplemental_groups) == (1, 3, (5, 4))

    def test_zero_is_a_user(self):
        assert self.effective({"runAsUser": 0}, runAsUser=2).run_as_user == 0

    def test_no_new_privileges_only_where_asked(self):
        assert self.effective({"allowPrivilegeEscalation": False}).no_new_privs
        assert not self.effective({}).no_new_privs

    def test_default_profile_unless_said_otherwise(self):
        assert self.effective({}).seccomp.kind == "RuntimeDefault"
        assert self.effective({"privileged": True}).seccomp.kind == "Unconfined"
        local = {"seccompProfile": {"type": "Localhost", "localhostProfile": "a/b.json"}}
        assert self.effective(local).seccomp.path == "/profiles/a/b.json"
        with pytest.raises(ConfigFault, match="relative path"):
            self.effective({"seccompProfile": {"type": "Localhost", "localhostProfile": "../b.json"}})

    @pytest.mark.parametrize(
        ("user", "image_user", "why"),
        [
            (None, "", "container has runAsNonRoot and image will run as root"),
            (None, "0:0", "container has runAsNonRoot and image will run as root"),
            (0, "1000", "container's runAsUser breaks non-root policy"),
            (None, "app", r"image has non-numeric user \(app\), cannot verify user is non-root"),
            (None, "1000:1000", ""),
            (5, "", ""),
        ],
    )
    def test_non_root_is_verified(self, user: int | None, image_user: str, why: str):
        made = container(securityContext={"runAsNonRoot": True, "runAsUser": user})
        if not why:
            security.verify_non_root(pod(made), made, image_user)
            return
        with pytest.raises(ConfigFault, match=why):
            security.verify_non_root(pod(made), made, image_user)


class TestNames:
    def test_host_name_is_cut_and_overridden(self):
        made = pod()
        made.metadata.name = "a" * 62 + "-bcd"
        assert names.host_name(made, "cluster.local") == ("a" * 62, "")
        made = pod(hostname="web", subdomain="sub")
        assert names.host_name(made, "cluster.local") == ("web", "sub.default.svc.cluster.local")

    def test_full_name_as_host_name_has_a_limit(self):
        made = pod(hostname="web", subdomain="sub", setHostnameAsFQDN=True)
        assert names.host_name(made, "cluster.local")[0] == "web.sub.default.svc.cluster.local"
        with pytest.raises(ConfigFault, match="is too long"):
            names.host_name(made, "x" * 60)

    def test_hosts_file(self):
        made = pod(
            hostname="web", subdomain="sub", hostAliases=[{"ip": "1.2.3.4", "hostnames": ["foo", "bar"]}]
        )
        text = names.hosts_file(made, ["10.42.0.5"], "cluster.local", "")
        assert text.startswith("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n")
        assert "10.42.0.5\tweb.sub.default.svc.cluster.local\tweb\n" in text
        assert text.endswith("\n# Entries added by HostAliases.\n1.2.3.4\tfoo\tbar\n")

    def test_hosts_file_on_the_hosts_network_is_the_hosts(self):
        text = names.hosts_file(pod(hostNetwork=True), [], "cluster.local", "127.0.0.1 host\n")
        assert text == "# Kubernetes-managed hosts file (host network).\n127.0.0.1 host\n"

    HOST = "search example.com\nnameserver 192.0.2.53 # main\noptions timeout:1\n"

    def dns(self, **spec: Any) -> Any:
        return names.dns(
            pod(**spec),
            cluster_dns=["10.43.0.10"],
            cluster_domain="cluster.local",
            host_resolv_conf=self.HOST,
        )

    def test_cluster_dns_first(self):
        found = self.dns()
        assert found.servers == ("10.43.0.10",)
        assert found.searches == (
            "default.svc.cluster.local",
            "svc.cluster.local",
            "cluster.local",
            "example.com",
        )
        assert found.options == ("ndots:5",)

    @pytest.mark.parametrize("spec", [{"dnsPolicy": "Default"}, {"hostNetwork": True}])
    def test_hosts_dns_where_the_host_is_meant(self, spec: dict[str, Any]):
        found = self.dns(**spec)
        assert (found.servers, found.searches, found.options) == (
            ("192.0.2.53",),
            ("example.com",),
            ("timeout:1",),
        )

    def test_config_is_merged_and_may_stand_alone(self):
        config = {
            "nameservers": ["1.1.1.1"],
            "searches": ["a.b"],
            "options": [{"name": "ndots", "value": "2"}],
        }
        assert self.dns(dnsConfig=config).options == ("ndots:2",)
        alone = self.dns(dnsPolicy="None", dnsConfig=config)
        assert (alone.servers, alone.searches) == (("1.1.1.1",), ("a.b",))


class TestSandbox:
    def config(self, **spec: Any) -> Any:
        return sandbox.config(
            pod(**spec),
            attempt=2,
            log_directory="/logs",
            dns=names.read_resolv_conf(""),
            cluster_domain="cluster.local",
        )

    def test_namespaces(self):
        assert self.config().namespaces.network is NamespaceMode.POD
        assert self.config(hostNetwork=True).namespaces.network is NamespaceMode.NODE
        assert self.config(shareProcessNamespace=True).namespaces.pid is NamespaceMode.POD
        assert self.config(hostPID=True).namespaces.pid is NamespaceMode.NODE

    def test_host_ports_are_mapped_unless_the_pod_is_on_the_host(self):
        ports = [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81}]
        made = pod(container(ports=ports))
        config = sandbox.config(
            made, attempt=0, log_directory="", dns=names.read_resolv_conf(""), cluster_domain="x"
        )
        assert [(m.host_port, m.container_port) for m in config.port_mappings] == [(8080, 80)]

    def test_labels_carry_the_pods_identity(self):
        labels = self.config().labels
        assert labels["io.kubernetes.pod.uid"] == "uid-1"
        assert labels["io.kubernetes.pod.namespace"] == "default"
