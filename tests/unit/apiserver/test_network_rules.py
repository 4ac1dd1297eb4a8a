"""What the server refuses of NetworkPolicies, Ingresses, their classes and address ranges, in upstream's words.

Cases follow k8s.io/kubernetes/pkg/apis/networking/validation and k8s.io/apimachinery/pkg/util/validation/ip.go.
"""

from __future__ import annotations

import msgspec
import pytest

from podling.api.field import Path
from podling.api.types import networking_v1
from podling.apiserver.validation import (
    addresses,
    ingress,
    ingress_class,
    ip_address,
    network_policy,
    service_cidr,
)

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
NO_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
NO_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
BEYOND = "must not have bits set beyond the prefix length"
ZEROS = "must not have leading 0s in IP or prefix length"


def said(faults):
    return [str(fault) for fault in faults]


def policy(**spec):
    return msgspec.convert({"metadata": {"name": "p"}, "spec": spec}, networking_v1.NetworkPolicy)


def ports(*given):
    return policy(ingress=[{"ports": [*given]}])


def to(*peers):
    return policy(egress=[{"to": [*peers]}])


def block(cidr, *cut):
    return {"ipBlock": {"cidr": cidr, "except": [*cut]}}


@pytest.mark.parametrize(
    "good",
    [
        policy(),
        policy(podSelector={"matchLabels": {"a": "b"}}, policyTypes=["Egress", "Ingress"]),
        ports({"protocol": "TCP", "port": 80}, {"port": "dns"}, {"port": 32000, "endPort": 32768}, {}),
        to(block("192.168.0.0/16", "192.168.3.0/24"), block("fd00:192:168::/48", "fd00:192:168:3::/64")),
        to({"podSelector": {}, "namespaceSelector": {"matchLabels": {"c": "d"}}}),
    ],
)
def test_policies_that_are_well(good):
    assert said(network_policy.create(good)) == []


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (
            ports({"protocol": "ICMP", "port": 0}),
            [
                'spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"',
                "spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            ],
        ),
        (
            ports({"port": 80, "endPort": 79}, {"port": "http", "endPort": 90}, {"endPort": 90}),
            [
                "spec.ingress[0].ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`",
                "spec.ingress[0].ports[1].endPort: Invalid value: 90: may not be specified when `port` is non-numeric",
                "spec.ingress[0].ports[2].endPort: Invalid value: 90: may not be specified when `port` is not specified",
            ],
        ),
        (
            ports({"port": "a--b"}),
            ['spec.ingress[0].ports[0].port: Invalid value: "a--b": must not contain consecutive hyphens'],
        ),
        (to({}), ["spec.egress[0].to[0]: Required value: must specify a peer"]),
        (
            to({"podSelector": {}, **block("10.0.0.0/8")}),
            ["spec.egress[0].to[0]: Forbidden: may not specify both ipBlock and another peer"],
        ),
        (to(block("")), ["spec.egress[0].to[0].ipBlock.cidr: Required value"]),
        (to(block("10.0.0/8")), [f'spec.egress[0].to[0].ipBlock.cidr: Invalid value: "10.0.0/8": {NO_CIDR}']),
        (
            to(block("10.0.0.1/8", "11.0.0.0/16", "10.0.0.0/8", "fd00::/64", "x")),
            [
                f'spec.egress[0].to[0].ipBlock.cidr: Invalid value: "10.0.0.1/8": {BEYOND}',
                *(
                    f'spec.egress[0].to[0].ipBlock.except[{index}]: Invalid value: "{cidr}": '
                    "must be a strict subset of `cidr`"
                    for index, cidr in enumerate(("11.0.0.0/16", "10.0.0.0/8", "fd00::/64"))
                ),
                f'spec.egress[0].to[0].ipBlock.except[3]: Invalid value: "x": {NO_CIDR}',
            ],
        ),
        (
            policy(podSelector={"matchExpressions": [{"key": "a", "operator": "Likes"}]}),
            [
                'spec.podSelector.matchExpressions[0].operator: Invalid value: "Likes": not a valid selector operator'
            ],
        ),
        (
            policy(policyTypes=["Ingress", "Sideways"]),
            ['spec.policyTypes[1]: Unsupported value: "Sideways": supported values: "Ingress", "Egress"'],
        ),
        (
            policy(policyTypes=["Ingress", "Egress", "Egress"]),
            [
                'spec.policyTypes: Invalid value: ["Ingress","Egress","Egress"]: '
                "may not specify more than two policyTypes"
            ],
        ),
    ],
)
def test_policies_that_are_not(bad, expected):
    assert said(network_policy.create(bad)) == expected
    assert said(network_policy.update(bad, policy())) == expected


def test_cidrs_that_a_policy_had_may_stay_anywhere_in_it():
    old = to(block("10.0.0.1/8", "010.1.0.0/16"))
    moved = policy(ingress=[{"from": [block("10.0.0.1/8", "010.1.0.0/16")]}])
    assert said(network_policy.update(moved, old)) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("10.1.2.3", []),
        ("FE80::0abc", []),
        ("010.1.2.3", ["must not have leading 0s"]),
        ("::ffff:1.2.3.4", ["must not be an IPv4-mapped IPv6 address"]),
        ("fe80::1%eth0", [NO_IP]),
        ("300.1.2.3", [NO_IP]),
        ("", [NO_IP]),
    ],
)
def test_addresses_in_old_fields(value, expected):
    assert [fault.detail for fault in addresses.legacy_ip(value, Path("ip"))] == expected
    assert said(addresses.legacy_ip(value, Path("ip"), kept=[value])) == []


@pytest.mark.parametrize(
    ("value", "old", "new"),
    [
        ("10.0.0.0/8", [], []),
        ("2001:db8::/64", [], []),
        ("2001:DB8::/64", [], ['must be in canonical form ("2001:db8::/64")']),
        ("1.1.01.0/24", [ZEROS], [ZEROS]),
        ("192.168.0.0/016", [ZEROS], [ZEROS]),
        ("1.2.3.4/24", [BEYOND], [BEYOND]),
        ("2001:db8::1/64", [BEYOND], [BEYOND]),
        (
            "::ffff:1.1.1.0/120",
            ["must not have an IPv4-mapped IPv6 address"],
            ["must not have an IPv4-mapped IPv6 address"],
        ),
        ("10.0.0.0/33", [NO_CIDR], [NO_CIDR]),
        (f"10.0.0.0/{'9' * 5000}", [NO_CIDR], [NO_CIDR]),
        ("10.0.0.0/255.0.0.0", [NO_CIDR], [NO_CIDR]),
        ("10.0.0.0", [NO_CIDR], [NO_CIDR]),
    ],
)
def test_cidrs_in_old_fields_and_new_ones(value, old, new):
    assert [fault.detail for fault in addresses.legacy_cidr(value, Path("cidr"))] == old
    assert [fault.detail for fault in addresses.cidr(value, Path("cidr"))] == new


BACKEND = {"service": {"name": "web", "port": {"number": 80}}}


def site(*rules, annotations=None, **spec):
    body = {"rules": [*rules], **spec}
    meta = {"name": "site", "annotations": annotations}
    return msgspec.convert({"metadata": meta, "spec": body}, networking_v1.Ingress)


def rule(path="/", kind="Prefix", host="shop.example.com", **backend):
    paths = [{"path": path, "pathType": kind, "backend": backend or BACKEND}]
    return {"host": host, "http": {"paths": paths}}


@pytest.mark.parametrize(
    "good",
    [
        site(rule()),
        site(rule(host="*.example.com"), rule(host=""), {"host": "only.example.com"}),
        site(defaultBackend={"service": {"name": "web", "port": {"name": "http"}}}),
        site(rule(resource={"apiGroup": "a.io", "kind": "Bucket", "name": "b"})),
        site(rule(service={"name": "1st", "port": {"number": 1}})),
        site(
            rule("/a//b", "ImplementationSpecific"), tls=[{"hosts": ["*.a.com", "b.com"], "secretName": "s"}]
        ),
        site(rule(), annotations={ingress.CLASS_ANNOTATION: "nginx"}, ingressClassName="nginx"),
    ],
)
def test_ingresses_that_are_well(good):
    assert said(ingress.create(good)) == []


AT = "spec.rules[0].http.paths[0]"


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (site(), ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]),
        (
            site(rule("shop")),
            [f'{AT}.path: Invalid value: "shop": must be an absolute path'],
        ),
        (
            site(rule("//a/..", "Exact")),
            [
                f"{AT}.path: Invalid value: \"//a/..\": must not contain '//'",
                f"{AT}.path: Invalid value: \"//a/..\": cannot end with '/..'",
            ],
        ),
        (
            site(rule("a", "ImplementationSpecific")),
            [f'{AT}.path: Invalid value: "a": must be an absolute path'],
        ),
        (site(rule(kind="")), [f"{AT}.pathType: Required value: pathType must be specified"]),
        (
            site(rule(kind="Regex")),
            [
                f'{AT}.pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"'
            ],
        ),
        (
            site({"host": "a.com", "http": {"paths": []}}),
            ["spec.rules[0].http.paths: Required value"],
        ),
        (
            site(rule(host="10.1.2.3")),
            ['spec.rules[0].host: Invalid value: "10.1.2.3": must be a DNS name, not an IP address'],
        ),
        (site(rule(host="a.com:80")), [f'spec.rules[0].host: Invalid value: "a.com:80": {SUBDOMAIN}']),
        (
            site(rule(resource={"kind": "Bucket", "name": "b"}, **BACKEND)),
            [f'{AT}.backend: Invalid value: "": cannot set both resource and service backends'],
        ),
        (
            site(rule(resource={"kind": "", "name": "a/b"})),
            [
                f"{AT}.backend.resource.kind: Required value",
                f"{AT}.backend.resource.name: Invalid value: \"a/b\": may not contain '/'",
            ],
        ),
        (
            site(defaultBackend={}),
            ['spec.defaultBackend: Invalid value: "": resource or service backend is required'],
        ),
        (
            site(defaultBackend={"service": {"name": "", "port": {"name": "http", "number": 80}}}),
            [
                "spec.defaultBackend.service.name: Required value",
                'spec.defaultBackend: Invalid value: "": cannot set both port name & port number',
            ],
        ),
        (
            site(defaultBackend={"service": {"name": "web"}}),
            ["spec.defaultBackend: Required value: port name or number is required"],
        ),
        (
            site(defaultBackend={"service": {"name": "web", "port": {"number": 70000}}}),
            [
                "spec.defaultBackend.service.port.number: Invalid value: 70000: must be between 1 and 65535, inclusive"
            ],
        ),
        (
            site(rule(), tls=[{"hosts": ["-"], "secretName": "_"}]),
            [
                f'spec.tls[0].hosts[0]: Invalid value: "-": {SUBDOMAIN}',
                f'spec.tls[0].secretName: Invalid value: "_": {SUBDOMAIN}',
            ],
        ),
        (site(rule(), ingressClassName="_"), [f'spec.ingressClassName: Invalid value: "_": {SUBDOMAIN}']),
    ],
)
def test_ingresses_that_are_not(bad, expected):
    assert said(ingress.create(bad)) == expected
    assert said(ingress.update(bad, site(rule()))) == expected


def test_an_annotation_must_agree_with_the_class_of_a_new_ingress_only():
    torn = site(rule(), annotations={ingress.CLASS_ANNOTATION: "a"}, ingressClassName="b")
    assert said(ingress.create(torn)) == [
        'annotations.kubernetes.io/ingress.class: Invalid value: "a": '
        "must match `ingressClassName` when both are specified"
    ]
    assert said(ingress.update(torn, torn)) == []


def test_what_was_taken_once_of_an_ingress_may_stay_wrong():
    secret = site(rule(), tls=[{"secretName": "_"}])
    assert said(ingress.update(secret, secret)) == []
    wildcard = site(rule("shop", host="*.example.com"))
    assert said(ingress.update(wildcard, wildcard)) == []
    assert said(ingress.update(wildcard, site(rule()))) != []


def shown(*points):
    status = {"loadBalancer": {"ingress": [*points]}}
    return msgspec.convert({"metadata": {"name": "site"}, "status": status}, networking_v1.Ingress)


def test_where_an_ingress_is_found_is_an_address_or_a_name():
    at = "status.loadBalancer.ingress[0]"
    bad = shown({"ip": "01.2.3.4", "hostname": "1.2.3.4"})
    name = f'{at}.hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address'
    assert said(ingress.update_status(shown({"ip": "1.2.3.4", "hostname": "a.com"}), shown())) == []
    assert said(ingress.update_status(bad, shown())) == [
        f'{at}.ip: Invalid value: "01.2.3.4": must not have leading 0s',
        name,
    ]
    assert said(ingress.update_status(bad, bad)) == [name]


def sort(controller="example.com/c", **parameters):
    spec = {"controller": controller, "parameters": parameters or None}
    return msgspec.convert({"metadata": {"name": "c"}, "spec": spec}, networking_v1.IngressClass)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (sort(), []),
        (sort(kind="K", name="n", scope="Namespace", namespace="x"), []),
        (sort(""), ["spec.controller: Required value"]),
        (
            sort("nginx"),
            [
                'spec.controller: Invalid value: "nginx": must be a domain-prefixed path (such as "acme.io/foo")'
            ],
        ),
        (
            sort("a.io/b c"),
            [
                'spec.controller: Invalid value: "b c": Invalid path (regex used for validation is '
                "'[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')"
            ],
        ),
        (
            sort("a.io/" + "x" * 250),
            ["spec.controller: Too long: may not be more than 250 bytes"],
        ),
        (
            sort(scope="Cluster", namespace="x"),
            [
                "spec.parameters.kind: Required value",
                "spec.parameters.name: Required value",
                "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'",
            ],
        ),
        (
            sort(kind="K", name="n", scope="Namespace"),
            ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
        ),
        (sort(kind="K", name="n"), ["spec.parameters.scope: Required value"]),
        (
            sort(kind="K", name="n", scope="All"),
            ['spec.parameters.scope: Unsupported value: "All": supported values: "Cluster", "Namespace"'],
        ),
    ],
)
def test_ingress_classes(given, expected):
    assert said(ingress_class.create(given)) == expected


def test_the_controller_of_a_class_never_changes():
    assert said(ingress_class.update(sort("b.io/c"), sort("a.io/c"))) == [
        'spec.controller: Invalid value: "b.io/c": field is immutable'
    ]


def address(**parent):
    spec = {"parentRef": parent}
    return msgspec.convert({"metadata": {"name": "10.1.2.3"}, "spec": spec}, networking_v1.IPAddress)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (address(resource="services", namespace="default", name="web"), []),
        (address(), ["spec.parentRef: Required value"]),
        (
            address(group="_", namespace="a/b"),
            [
                f'spec.parentRef.group: Invalid value: "_": {SUBDOMAIN}',
                "spec.parentRef.resource: Required value",
                "spec.parentRef.name: Required value",
                "spec.parentRef.namespace: Invalid value: \"a/b\": may not contain '/'",
            ],
        ),
    ],
)
def test_whose_an_address_is(given, expected):
    assert said(ip_address.create(given)) == expected


def test_an_address_never_changes_hands():
    mine, yours = (address(resource="services", name=name) for name in ("mine", "yours"))
    assert said(ip_address.update(mine, mine)) == []
    assert said(ip_address.update(yours, mine)) == [
        'spec.parentRef: Invalid value: {"name":"yours","resource":"services"}: field is immutable'
    ]


def ranges(*cidrs):
    return msgspec.convert(
        {"metadata": {"name": "r"}, "spec": {"cidrs": [*cidrs]}}, networking_v1.ServiceCIDR
    )


FOUR, SIX = "10.0.0.0/24", "2001:db8::/64"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (ranges(FOUR), []),
        (ranges(SIX, FOUR), []),
        (ranges(), ["spec.cidrs: Required value: at least one CIDR required"]),
        (
            ranges(FOUR, SIX, FOUR),
            [
                f'spec.cidrs: Invalid value: {{"CIDRs":["{FOUR}","{SIX}","{FOUR}"]}}: may only hold up to 2 values'
            ],
        ),
        (ranges("10.0.0.1/24"), [f'spec.cidrs[0]: Invalid value: "10.0.0.1/24": {BEYOND}']),
        (
            ranges(FOUR, "10.1.0.0/24"),
            [
                f'spec.cidrs: Invalid value: ["{FOUR}","10.1.0.0/24"]: may specify no more than one IP for each IP '
                "family, i.e 192.168.0.0/24 and 2001:db8::/64"
            ],
        ),
    ],
)
def test_service_ranges(given, expected):
    assert said(service_cidr.create(given)) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (ranges(FOUR), ranges(FOUR), []),
        (ranges(FOUR), ranges(FOUR, SIX), []),
        (ranges(FOUR), ranges(SIX), [f'spec.cidrs[0]: Invalid value: "{SIX}": field is immutable']),
        (ranges(FOUR, SIX), ranges(FOUR), [f'spec.cidrs: Invalid value: ["{FOUR}"]: field is immutable']),
        (
            ranges(FOUR),
            ranges(SIX, FOUR),
            [f'spec.cidrs[0]: Invalid value: "{SIX}": field is immutable'],
        ),
    ],
)
def test_a_range_may_only_be_given_its_other_family(old, new, expected):
    assert said(service_cidr.update(new, old)) == expected


def test_the_old_annotation_for_the_class_of_a_new_ingress_is_told_of():
    annotated = site(rule(), annotations={ingress.CLASS_ANNOTATION: "nginx"})
    told = (
        "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"
    )
    assert [*ingress.warnings(annotated, None)] == [told]
    assert [*ingress.warnings(annotated, annotated)] == []
    both = site(rule(), annotations={ingress.CLASS_ANNOTATION: "nginx"}, ingressClassName="nginx")
    assert [*ingress.warnings(both, None)] == []


OLD_CIDR = "will be considered invalid in a future Kubernetes release"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("10.0.0.0/8", []),
        ("2001:db8::/64", []),
        (
            "1.2.3.4/24",
            [
                'c: CIDR value "1.2.3.4/24" is ambiguous in this context (should be "1.2.3.0/24" or "1.2.3.4/32"?)'
            ],
        ),
        ("010.0.0.0/8", [f'c: non-standard CIDR value "010.0.0.0/8" {OLD_CIDR}: use "10.0.0.0/8"']),
        (
            "2001:DB8::/64",
            ['c: IPv6 CIDR value "2001:DB8::/64" should be in RFC 5952 canonical format ("2001:db8::/64")'],
        ),
        ("x", []),
    ],
)
def test_cidrs_that_may_be_misread(value, expected):
    assert [*addresses.cidr_warnings(value, Path("c"))] == expected


def test_every_cidr_of_a_policy_is_looked_at():
    (told,) = network_policy.warnings(to(block("2001:db8::/32", "2001:DB8::/64")), None)
    assert told.startswith("spec.egress[0].to[0].ipBlock.except[0]: IPv6 CIDR value")
