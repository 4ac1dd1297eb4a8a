"""Which nftables rules a node wants, as the text that ``nft -f -`` takes in one transaction (pure).

One table per node, of its own name, so that clusters, nodes and other programs never touch each other's:

* what Pods send beyond the cluster leaves with the node's address (masquerade), as does what the Pods of other nodes
  send through this one;
* a ``hostPort`` leads to its Pod: two maps, for ports of one host address and of all of them, looked up for packets
  from outside and from the node itself.  Where the caller sits on the same bridge (another Pod, or the Pod itself) or on
  the node's loopback, the answer must come back through the node: those, and only those, are masqueraded;
* Pods may not use the door that this opens towards the node's 127.0.0.0/8 (``route_localnet``, CVE-2020-8558).

An ordinary Pod changes nothing here: the rules speak of ranges.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .errors import NotSupported

PROTOCOLS = ("tcp", "udp", "sctp")
_ANY = ("", "0.0.0.0")


@dataclass(frozen=True, slots=True)
class Forward:
    """One ``hostPort``; ``host_ip`` "" stands for every address of the node."""

    protocol: str
    host_ip: str
    host_port: int
    pod_ip: str
    pod_port: int

    @property
    def claim(self) -> tuple[str, str, int]:
        """What two Pods cannot both have."""
        return (self.protocol, self.host_ip, self.host_port)


def forward(protocol: str, host_ip: str, host_port: int, *, pod_ip: str, pod_port: int) -> Forward:
    """A checked ``Forward``.  Raises ``NotSupported`` for what the maps cannot say."""
    name = protocol.lower()
    if name not in PROTOCOLS:
        raise NotSupported(f"cannot forward hostPort {host_port}: unknown protocol {protocol}")
    if ":" in host_ip:
        raise NotSupported(f"cannot forward hostPort {host_port} of {host_ip}: this network has no IPv6")
    address = "" if host_ip in _ANY else host_ip
    return Forward(name, address, host_port, pod_ip, pod_port)


def table(name: str, *, bridge: str, pods: str, cluster: str, forwards: Iterable[Forward] = ()) -> str:
    """The whole table, replacing what there was under its name."""
    wanted = list(forwards)
    return f"""\
add table ip {name}
delete table ip {name}
table ip {name} {{
  map ports {{
    type inet_proto . inet_service : ipv4_addr . inet_service
    {_elements(_any_address(wanted))}
  }}
  map bound_ports {{
    type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
    {_elements(_one_address(wanted))}
  }}
  set backends {{
    type ipv4_addr . inet_proto . inet_service
    {_elements(_backends(wanted))}
  }}
  chain spoofed {{
    type filter hook prerouting priority raw
    iifname "{bridge}" ip daddr 127.0.0.0/8 drop
  }}
  chain forwards {{
    dnat ip to ip daddr . meta l4proto . th dport map @bound_ports
    dnat ip to meta l4proto . th dport map @ports
  }}
  chain incoming {{
    type nat hook prerouting priority dstnat
    fib daddr type local jump forwards
  }}
  chain own {{
    type nat hook output priority -100
    fib daddr type local jump forwards
  }}
  chain outgoing {{
    type nat hook postrouting priority srcnat
    ct status dnat ip saddr {{ {pods}, 127.0.0.0/8 }} ip daddr . meta l4proto . th dport @backends masquerade
    ip saddr {cluster} ip daddr != {cluster} fib daddr type unicast oifname != {{ "{bridge}", "lo" }} masquerade fully-random
  }}
}}
"""


def change(name: str, *, add: Iterable[Forward] = (), remove: Iterable[Forward] = ()) -> str:
    """One transaction that takes some forwards away and puts others in."""
    lines = []
    for verb, forwards in (("delete", list(remove)), ("add", list(add))):
        for holder, entries in (
            ("ports", _any_address(forwards)),
            ("bound_ports", _one_address(forwards)),
            ("backends", _backends(forwards)),
        ):
            keys = entries if verb == "add" else [entry.split(" : ")[0] for entry in entries]
            if keys:
                lines.append(f"{verb} element ip {name} {holder} {{ {', '.join(keys)} }}")
    return "".join(f"{line}\n" for line in lines)


def drop_table(name: str) -> str:
    """Remove the table, whether or not it exists."""
    return f"add table ip {name}\ndelete table ip {name}\n"


def _any_address(forwards: Iterable[Forward]) -> list[str]:
    return [f"{f.protocol} . {f.host_port} : {f.pod_ip} . {f.pod_port}" for f in forwards if not f.host_ip]


def _one_address(forwards: Iterable[Forward]) -> list[str]:
    return [
        f"{f.host_ip} . {f.protocol} . {f.host_port} : {f.pod_ip} . {f.pod_port}"
        for f in forwards
        if f.host_ip
    ]


def _backends(forwards: Iterable[Forward]) -> list[str]:
    """Where forwards lead to; several host ports may lead to one place."""
    return list(dict.fromkeys(f"{f.pod_ip} . {f.protocol} . {f.pod_port}" for f in forwards))


def _elements(entries: list[str]) -> str:
    return f"elements = {{ {', '.join(entries)} }}" if entries else "# none"
