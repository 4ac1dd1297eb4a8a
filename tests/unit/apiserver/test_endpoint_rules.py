"""What the server refuses of Endpoints and EndpointSlices, in upstream's words."""

import msgspec
import pytest

from podling.api.types import core_v1, discovery_v1
from podling.apiserver.validation import endpoint_slice, endpoints


def made(type="IPv4", **fields):
    body = {"metadata": {"name": "s"}, "addressType": type, **fields}
    return msgspec.convert(body, discovery_v1.EndpointSlice)


def at(*addresses, **more):
    return {"endpoints": [{"addresses": list(addresses), **more}]}


def port(**fields):
    return {"ports": [{"protocol": "TCP", **fields}]}


def faults(found):
    return [str(fault) for fault in found]


@pytest.mark.parametrize(
    "good",
    [
        made(**at("10.0.0.1", hostname="a", nodeName="n")),
        made("IPv6", **at("fd00::1")),
        made("FQDN", **at("db.example.com")),
        made(**at("127.3.2.1")),
        made(ports=[{"name": "", "protocol": "TCP", "port": 80}, {"name": "b", "protocol": "UDP"}]),
    ],
)
def test_slices_that_are_well(good):
    assert faults(endpoint_slice.create(good)) == []


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (made(""), ["addressType: Required value"]),
        (made("IP"), ['addressType: Unsupported value: "IP": supported values: "FQDN", "IPv4", "IPv6"']),
        (made(**at()), ["endpoints[0].addresses: Required value: must contain at least 1 address"]),
        (
            made(**at("fd00::1")),
            ['endpoints[0].addresses[0]: Invalid value: "fd00::1": must be a valid IPv4 address'],
        ),
        (
            made(**at("nonsense")),
            [
                'endpoints[0].addresses[0]: Invalid value: "nonsense": must be a valid IPv4 address',
                'endpoints[0].addresses[0]: Invalid value: "nonsense": must be a valid IP address',
            ],
        ),
        (
            made(**at("0.0.0.0")),
            ['endpoints[0].addresses[0]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)'],
        ),
        (
            made(**at("169.254.1.1")),
            [
                'endpoints[0].addresses[0]: Invalid value: "169.254.1.1": may not be in the link-local range '
                "(169.254.0.0/16, fe80::/10)"
            ],
        ),
        (
            made("FQDN", **at("db")),
            [
                'endpoints[0].addresses[0]: Invalid value: "db": should be a domain with at least two segments '
                "separated by dots"
            ],
        ),
        (
            made(endpoints=[{"addresses": ["10.0.0.1"]}] * 1001),
            ["endpoints: Too many: 1001: must have at most 1000 items"],
        ),
        (
            made(**at("10.0.0.1", hints={"forZones": [{"name": "a"}, {"name": "a"}]})),
            ['endpoints[0].hints.forZones[1].name: Duplicate value: "a"'],
        ),
        (
            made(**at("10.0.0.1", hints={"forZones": [{"name": f"z{n}"} for n in range(9)]})),
            ["endpoints[0].hints.forZones: Too many: 9: must have at most 8 items"],
        ),
        (
            made(**port(protocol="HTTP")),
            ['ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"'],
        ),
        (
            made(ports=[{"name": "a", "protocol": "TCP"}, {"name": "a", "protocol": "TCP"}]),
            ['ports[1].name: Duplicate value: "a"'],
        ),
    ],
)
def test_slices_that_are_not(bad, expected):
    assert faults(endpoint_slice.create(bad)) == expected


def test_the_type_of_a_slices_addresses_stays():
    found = faults(endpoint_slice.update(made("IPv6"), made("IPv4")))
    assert found == ['addressType: Invalid value: "IPv6": field is immutable']


@pytest.mark.parametrize(
    ("subset", "expected"),
    [
        ({"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80, "protocol": "TCP"}]}, []),
        ({"notReadyAddresses": [{"ip": "10.0.0.1"}]}, []),
        ({}, ["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"]),
        (
            {"addresses": [{"ip": "x"}]},
            [
                'subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address, '
                "(e.g. 10.9.8.7 or 2001:db8::ffff)"
            ],
        ),
        (
            {"addresses": [{"ip": "224.0.0.7"}]},
            [
                'subsets[0].addresses[0].ip: Invalid value: "224.0.0.7": may not be in the link-local multicast '
                "range (224.0.0.0/24, ff02::/10)"
            ],
        ),
        (
            {
                "addresses": [{"ip": "10.0.0.1"}],
                "ports": [{"port": 0, "name": "a", "protocol": "TCP"}, {"port": 1, "protocol": "TCP"}],
            },
            [
                "subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                "subsets[0].ports[1].name: Required value",
            ],
        ),
    ],
)
def test_endpoints(subset, expected):
    body = msgspec.convert({"metadata": {"name": "e"}, "subsets": [subset]}, core_v1.Endpoints)
    assert faults(endpoints.create(body)) == expected
