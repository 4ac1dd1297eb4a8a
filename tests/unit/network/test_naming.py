from podling.network import naming
from podling.network.naming import Names


def test_interface_names_fit_and_tell_nodes_apart() -> None:
    one, other = Names("podling", "node-1"), Names("podling-node", "1")
    assert one.key != other.key
    assert one.table != other.table
    assert one.number != other.number
    for name in (one.bridge, one.veth("f" * 64)):
        assert len(name.encode()) <= 15


def test_a_node_knows_its_own_links_only() -> None:
    one, other = Names("a", "n"), Names("b", "n")
    assert one.is_veth(one.veth("sandbox"))
    assert not one.is_veth(other.veth("sandbox"))
    assert not one.is_veth(one.bridge)


def test_the_hosts_end_of_a_link_carries_the_pods_address() -> None:
    assert naming.address_in(naming.host_mac("10.42.0.77")) == "10.42.0.77"
    assert naming.address_in(naming.pod_mac("10.42.0.77")) is None
    assert naming.address_in(naming.gateway_mac("10.42.0.1")) is None
    assert naming.address_in(b"") is None


def test_hardware_addresses_are_locally_administered_unicast() -> None:
    for mac in (naming.pod_mac("10.0.0.1"), naming.host_mac("10.0.0.1"), naming.gateway_mac("10.0.0.1")):
        assert len(mac) == 6
        assert mac[0] & 0b11 == 0b10
