"""What a Pod calls itself: host name, domain, ``/etc/hosts`` and resolver settings.

(Source: concepts/services-networking/dns-pod-service, tasks/network/customize-hosts-file-for-pods.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from podling.agent.errors import ConfigFault
from podling.api.types import core_v1
from podling.runtime.interface import DnsConfig

HOST_NAME_MAX = 63
FQDN_MAX = 64
_HEADER = "# Kubernetes-managed hosts file.\n"
_HOST_HEADER = "# Kubernetes-managed hosts file (host network).\n"
_LOCAL = """127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
fe00::\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""


def host_name(pod: core_v1.Pod, cluster_domain: str) -> tuple[str, str]:
    """The name that ``hostname`` prints and the domain ("" if none).  Raises ``ConfigFault``."""
    spec = pod.spec or core_v1.PodSpec()
    if spec.hostname_override:
        return spec.hostname_override, ""
    name = spec.hostname or _short(pod.metadata.name or "")
    domain = ""
    if spec.subdomain:
        domain = f"{spec.subdomain}.{pod.metadata.namespace}.svc.{cluster_domain}"
    if spec.set_hostname_as_fqdn and domain:
        full = f"{name}.{domain}"
        if len(full) > FQDN_MAX:
            raise ConfigFault(
                f"failed to construct FQDN from pod hostname and cluster domain, FQDN {full} is too long "
                f"({FQDN_MAX} characters is the max, {len(full)} characters requested)"
            )
        return full, domain
    return name, domain


def hosts_file(pod: core_v1.Pod, pod_ips: Sequence[str], cluster_domain: str, host_file: str) -> str:
    """The managed ``/etc/hosts``; on the host's network the host's own file with the aliases added."""
    spec = pod.spec or core_v1.PodSpec()
    if spec.host_network:
        return _HOST_HEADER + host_file + _aliases(spec.host_aliases or [])
    name, domain = host_name(pod, cluster_domain)
    if domain and not name.endswith(domain):
        name = f"{name}.{domain}\t{name}"
    own = "".join(f"{ip}\t{name}\n" for ip in pod_ips)
    return _HEADER + _LOCAL + own + _aliases(spec.host_aliases or [])


def dns(
    pod: core_v1.Pod, *, cluster_dns: Sequence[str], cluster_domain: str, host_resolv_conf: str
) -> DnsConfig:
    """The Pod's resolver settings from its ``dnsPolicy`` and ``dnsConfig``."""
    spec = pod.spec or core_v1.PodSpec()
    host = read_resolv_conf(host_resolv_conf)
    if spec.dns_policy == "None":
        base = DnsConfig()
    elif wants_cluster_dns(pod) and cluster_dns:
        namespace = pod.metadata.namespace
        searches = (f"{namespace}.svc.{cluster_domain}", f"svc.{cluster_domain}", cluster_domain)
        base = DnsConfig(
            servers=tuple(cluster_dns), searches=_unique([*searches, *host.searches]), options=("ndots:5",)
        )
    else:
        base = host
    extra = spec.dns_config
    if extra is None:
        return base
    return DnsConfig(
        servers=_unique([*base.servers, *(extra.nameservers or [])]),
        searches=_unique([*base.searches, *(extra.searches or [])]),
        options=_merge_options(base.options, extra.options or []),
    )


def wants_cluster_dns(pod: core_v1.Pod) -> bool:
    spec = pod.spec or core_v1.PodSpec()
    policy = spec.dns_policy or "ClusterFirst"
    return policy == "ClusterFirstWithHostNet" or (policy == "ClusterFirst" and not spec.host_network)


def read_resolv_conf(text: str) -> DnsConfig:
    """The lines that matter of a resolv.conf; the last ``search`` counts."""
    servers: list[str] = []
    searches: list[str] = []
    options: list[str] = []
    for line in text.splitlines():
        keyword, *values = line.split("#")[0].split() or [""]
        if keyword == "nameserver":
            servers += values[:1]
        elif keyword == "search":
            searches = [value.rstrip(".") or "." for value in values]
        elif keyword == "options":
            options = values
    return DnsConfig(servers=tuple(servers), searches=tuple(searches), options=tuple(options))


def _short(name: str) -> str:
    return name[:HOST_NAME_MAX].rstrip("-.") if len(name) > HOST_NAME_MAX else name


def _aliases(aliases: Iterable[core_v1.HostAlias]) -> str:
    lines = [f"{alias.ip}\t{chr(9).join(alias.hostnames or [])}\n" for alias in aliases]
    return "\n# Entries added by HostAliases.\n" + "".join(lines) if lines else ""


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _merge_options(base: Iterable[str], extra: Iterable[core_v1.PodDNSConfigOption]) -> tuple[str, ...]:
    """Options by name; the Pod's own go over the inherited."""
    merged = dict(_split(option) for option in base)
    for option in extra:
        merged[option.name or ""] = option.value or ""
    return tuple(f"{name}:{value}" if value else name for name, value in merged.items() if name)


def _split(option: str) -> tuple[str, str]:
    name, _, value = option.partition(":")
    return name, value
