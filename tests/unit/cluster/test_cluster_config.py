"""A cluster's settings are checked once, in words, and keep what running Pods depend on."""

import json
from pathlib import Path

import pytest

from podling.cluster import config as settings
from podling.cluster.config import ClusterConfig
from podling.cluster.errors import BadConfig
from podling.cluster.layout import Layout, cluster_names, default_data_dir
from podling.cluster.routes import routed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "Two Words"}, "--name 'Two Words'"),
        ({"name": "a" * 41}, "--name"),
        ({"name": "../up"}, "--name"),
        ({"port": 70000}, "--port 70000"),
        ({"runtime": "docker"}, "--runtime 'docker'"),
        ({"runtime": "cri"}, "--runtime cri: name its socket with --runtime-endpoint"),
        ({"request_timeout": "0s"}, "--request-timeout 0s: it must be a second or more"),
        ({"max_requests_inflight": -1}, "--max-requests-inflight -1: it must be 0 or more"),
        ({"max_parallel_image_pulls": 0}, "--max-parallel-image-pulls 0: it must be 1 or more"),
        ({"image_gc_low_threshold": 90}, "--image-gc-low-threshold 90 with --image-gc-high-threshold 85"),
        ({"image_gc_high_threshold": 101}, "--image-gc-high-threshold 101: both are percents"),
        ({"max_mutating_requests_inflight": -5}, "--max-mutating-requests-inflight -5: it must be 0 or more"),
        ({"event_ttl": "an hour"}, "--event-ttl 'an hour': cannot read 'an hour' as a duration"),
        ({"event_ttl": "10ms"}, "--event-ttl 10ms: it must be a second or more"),
        ({"cluster_cidr": "10.42.0.1/16"}, "--cluster-cidr '10.42.0.1/16': 10.42.0.1/16 has host bits set"),
        ({"pod_manifest_path": "here"}, "--pod-manifest-path 'here': it must be an absolute path"),
        ({"cluster_cidr": "8.8.0.0/16"}, "must be a private range"),
        ({"cluster_cidr": "10.42.0.0/28"}, "prefix must be between /8 and /24"),
        ({"service_cidr": "10.42.7.0/24"}, "overlaps --cluster-cidr 10.42.0.0/16"),
    ],
)
def test_a_setting_that_cannot_work_is_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(BadConfig) as caught:
        ClusterConfig.new(**change)
    assert words in str(caught.value)


def test_ranges_cannot_change_under_running_pods() -> None:
    with pytest.raises(BadConfig, match="podling delete"):
        ClusterConfig().amended(cluster_cidr="10.60.0.0/16")
    assert ClusterConfig().amended(cluster_cidr="10.42.0.0/16", port=7000).port == 7000


def test_events_are_kept_for_an_hour_or_as_long_as_was_said() -> None:
    assert ClusterConfig().request_seconds == 60
    assert ClusterConfig.new(request_timeout="90s").request_seconds == 90
    assert ClusterConfig().event_ttl_seconds == 3600
    assert ClusterConfig.new(event_ttl="1h30m").event_ttl_seconds == 5400
    assert ClusterConfig().amended(event_ttl="90s").event_ttl_seconds == 90


def test_settings_survive_the_file_and_are_private(tmp_path: Path) -> None:
    layout = Layout(tmp_path, "a")
    config = ClusterConfig(name="a", port=7443)
    settings.save(layout, config)
    assert settings.load(layout) == config
    assert layout.config.stat().st_mode & 0o777 == 0o600
    assert cluster_names(tmp_path) == ["a"]


def test_a_cluster_that_was_never_made_has_no_settings(tmp_path: Path) -> None:
    assert settings.load(Layout(tmp_path, "a")) is None
    assert cluster_names(tmp_path / "nowhere") == []


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"name": "a", "colour": "blue"})])
def test_a_damaged_file_is_a_sentence_not_a_traceback(tmp_path: Path, text: str) -> None:
    layout = Layout(tmp_path, "a")
    layout.cluster.mkdir(parents=True)
    layout.config.write_text(text)
    with pytest.raises(BadConfig, match=r"cannot read .*cluster\.json"):
        settings.load(layout)


def test_the_data_folder_follows_the_user() -> None:
    home = Path("/home/ann")
    assert default_data_dir(root=True, home=home, environ={}) == Path("/var/lib/podling")
    assert default_data_dir(root=False, home=home, environ={}) == home / ".local/share/podling"
    assert default_data_dir(root=False, home=home, environ={"XDG_DATA_HOME": "/x"}) == Path("/x/podling")
    assert default_data_dir(root=True, home=home, environ={"PODLING_DATA_DIR": "/y"}) == Path("/y")


def test_the_context_is_podling_or_podling_name() -> None:
    assert ClusterConfig().context == "podling"
    assert ClusterConfig(name="b").context == "podling-b"


def test_clusters_of_one_machine_get_ranges_of_their_own() -> None:
    first = ClusterConfig()
    second = ClusterConfig(name="b").beside(first.ranges, pods=None, services=None)
    third = ClusterConfig(name="c").beside([*first.ranges, *second.ranges], pods=None, services=None)
    assert ClusterConfig().beside([], pods=None, services=None) == first
    assert (second.cluster_cidr, second.service_cidr) == ("10.44.0.0/16", "10.45.0.0/16")
    assert third.cluster_cidr == "10.46.0.0/16"


def test_a_route_inside_a_range_is_avoided_and_one_around_it_is_not() -> None:
    table = (
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n"
        "br0\t00052A0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    )
    networks = routed(table)
    assert [str(one) for one in networks] == ["10.0.0.0/8", "10.42.5.0/24"]
    assert ClusterConfig().beside(networks, pods=None, services=None).cluster_cidr == "10.44.0.0/16"
    given = ClusterConfig(cluster_cidr="10.9.0.0/16").beside(networks, pods="10.9.0.0/16", services=None)
    assert (given.cluster_cidr, given.service_cidr) == ("10.9.0.0/16", "10.43.0.0/16")
    odd = ClusterConfig(cluster_cidr="10.43.0.0/16").beside([], pods="10.43.0.0/16", services=None)
    assert odd.service_cidr == "10.45.0.0/16"


def test_equal_names_in_two_data_folders_are_two_clusters() -> None:
    assert Layout(Path("/var/lib/podling"), "a").identity == "a"
    assert Layout(Path("/x"), "a").identity != Layout(Path("/y"), "a").identity


@pytest.mark.parametrize(
    ("grace", "monitor", "lease"), [("50s", 5.0, 40), ("4m", 5.0, 40), ("10s", 1.0, 8), ("2s", 0.2, 1)]
)
def test_a_short_grace_period_has_nodes_say_sooner_that_they_live(
    grace: str, monitor: float, lease: int
) -> None:
    config = ClusterConfig.new(node_monitor_grace_period=grace)
    assert (config.monitor_seconds, config.lease_seconds) == (monitor, lease)
    assert config.lease_seconds < config.grace_seconds


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"node_monitor_grace_period": "soon"}, "--node-monitor-grace-period 'soon'"),
        ({"node_monitor_grace_period": "1s"}, "it must be 2 seconds or more"),
        ({"event_ttl": "0s"}, "--event-ttl 0s: it must be a second or more"),
        ({"default_not_ready_toleration_seconds": -1}, "--default-not-ready-toleration-seconds -1"),
        ({"default_unreachable_toleration_seconds": -1}, "--default-unreachable-toleration-seconds -1"),
    ],
)
def test_times_that_make_no_sense_are_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(BadConfig) as caught:
        ClusterConfig.new(**change)
    assert words in str(caught.value)
