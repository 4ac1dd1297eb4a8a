import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podling.network.errors import AddressesExhausted, NetworkFault
from podling.network.ipam import Ipam


def test_the_first_pod_gets_the_address_behind_the_gateway() -> None:
    ipam = Ipam("10.42.3.0/24")
    assert ipam.gateway == "10.42.3.1"
    assert ipam.allocate("a") == "10.42.3.2"


def test_an_owner_keeps_its_address_when_it_asks_again() -> None:
    ipam = Ipam("10.42.3.0/24")
    assert ipam.allocate("a") == ipam.allocate("a")
    assert ipam.statistics().used == 1


def test_a_released_address_comes_again_only_after_all_others() -> None:
    ipam = Ipam("10.42.3.0/29")  # .2 to .6
    assert ipam.allocate("a") == "10.42.3.2"
    ipam.release("a")
    rest = []
    for number in range(4):
        rest.append(ipam.allocate(f"b{number}"))
    assert rest == ["10.42.3.3", "10.42.3.4", "10.42.3.5", "10.42.3.6"]
    assert ipam.allocate("c") == "10.42.3.2"


def test_a_full_range_says_so() -> None:
    ipam = Ipam("10.42.3.0/30")
    ipam.allocate("a")
    with pytest.raises(AddressesExhausted, match=r"all 1 of 10\.42\.3\.0/30"):
        ipam.allocate("b")


def test_adopted_addresses_are_not_given_again_and_allocation_goes_on_behind_them() -> None:
    ipam = Ipam("10.42.3.0/24")
    ipam.adopt("a", "10.42.3.9")
    assert ipam.address_of("a") == "10.42.3.9"
    assert ipam.allocate("b") == "10.42.3.10"


@pytest.mark.parametrize("address", ["10.42.3.0", "10.42.3.1", "10.42.3.255", "10.42.4.2"])
def test_addresses_that_no_pod_can_have_are_not_adopted(address: str) -> None:
    with pytest.raises(NetworkFault, match="not a Pod address"):
        Ipam("10.42.3.0/24").adopt("a", address)


def test_two_owners_cannot_adopt_one_address() -> None:
    ipam = Ipam("10.42.3.0/24")
    ipam.adopt("a", "10.42.3.2")
    ipam.adopt("a", "10.42.3.2")
    with pytest.raises(NetworkFault, match="taken"):
        ipam.adopt("b", "10.42.3.2")


def test_releasing_what_is_not_held_does_nothing() -> None:
    assert Ipam("10.42.3.0/24").release("nobody") is None


def test_a_range_without_room_for_a_pod_is_refused() -> None:
    with pytest.raises(NetworkFault, match="holds no Pod"):
        Ipam("10.42.3.0/31")


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=200))
def test_whatever_happens_addresses_are_unique_and_inside(moves: list[tuple[bool, int]]) -> None:
    ipam = Ipam("10.42.3.0/28")
    held: dict[str, str] = {}
    for take, number in moves:
        owner = str(number)
        if take:
            address = ipam.allocate(owner)
            assert held.get(owner, address) == address
            held[owner] = address
        else:
            assert ipam.release(owner) == held.pop(owner, None)
        assert len(set(held.values())) == len(held) == ipam.statistics().used
        network = ipaddress.IPv4Network("10.42.3.0/28")
        forbidden = {str(network[0]), str(network[1]), str(network[-1])}
        assert not forbidden & set(held.values())
        assert all(ipaddress.IPv4Address(address) in network for address in held.values())
