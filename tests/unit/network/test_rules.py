import pytest

from podling.network import rules
from podling.network.errors import NotSupported

HTTP = rules.forward("TCP", "", 8080, pod_ip="10.42.0.5", pod_port=80)
DNS = rules.forward("UDP", "192.0.2.7", 53, pod_ip="10.42.0.5", pod_port=53)


def table(*forwards: rules.Forward) -> str:
    return rules.table(
        "podling/c/n", bridge="pb-x", pods="10.42.0.0/24", cluster="10.42.0.0/16", forwards=forwards
    )


def test_the_table_replaces_its_predecessor_in_one_transaction() -> None:
    assert table().splitlines()[:3] == [
        "add table ip podling/c/n",
        "delete table ip podling/c/n",
        "table ip podling/c/n {",
    ]


def test_forwards_of_all_addresses_and_of_one_are_kept_apart() -> None:
    text = table(HTTP, DNS)
    assert "elements = { tcp . 8080 : 10.42.0.5 . 80 }" in text
    assert "elements = { 192.0.2.7 . udp . 53 : 10.42.0.5 . 53 }" in text
    assert "elements = { 10.42.0.5 . tcp . 80, 10.42.0.5 . udp . 53 }" in text


def test_a_change_takes_away_before_it_adds() -> None:
    assert rules.change("podling/c/n", add=[HTTP], remove=[DNS]).splitlines() == [
        "delete element ip podling/c/n bound_ports { 192.0.2.7 . udp . 53 }",
        "delete element ip podling/c/n backends { 10.42.0.5 . udp . 53 }",
        "add element ip podling/c/n ports { tcp . 8080 : 10.42.0.5 . 80 }",
        "add element ip podling/c/n backends { 10.42.0.5 . tcp . 80 }",
    ]


def test_two_host_ports_may_lead_to_one_place() -> None:
    more = rules.forward("TCP", "", 8081, pod_ip="10.42.0.5", pod_port=80)
    assert "elements = { 10.42.0.5 . tcp . 80 }" in table(HTTP, more)


@pytest.mark.parametrize("address", ["", "0.0.0.0"])
def test_no_address_means_every_address(address: str) -> None:
    assert rules.forward("TCP", address, 1, pod_ip="10.42.0.5", pod_port=2).host_ip == ""


def test_what_the_maps_cannot_say_is_refused_by_name() -> None:
    with pytest.raises(NotSupported, match="unknown protocol ICMP"):
        rules.forward("ICMP", "", 1, pod_ip="10.42.0.5", pod_port=1)
    with pytest.raises(NotSupported, match="no IPv6"):
        rules.forward("TCP", "::1", 1, pod_ip="10.42.0.5", pod_port=1)
