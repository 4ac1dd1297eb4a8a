"""What goes wrong is one clear sentence and an exit code of its own, and leaves nothing half-made."""

from __future__ import annotations

import os
import signal
import socket
import subprocess

import pytest
from cli_world import PODLING, Cli, free_ranges


def sentence(done):
    """The only line of the complaint."""
    assert done.err.count("\n") == 1, done.err
    assert done.err.startswith("podling: ")
    return done.err.removeprefix("podling: ").strip()


def test_a_taken_port_names_who_has_it_and_leaves_nothing(cli):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = sentence(cli("up", "--port", str(port), code=5))
    assert said.startswith(f"cannot listen on 127.0.0.1:{port}: process ")
    assert "choose another with --port" in said
    cli.check_nothing_left()
    assert not cli.kubeconfig.exists()


def test_ranges_that_the_machine_routes_are_not_taken(cli, tmp_path):
    cli.up()
    pods = cli.status()["clusterCIDR"]
    other = Cli(f"{cli.name}-2", tmp_path / "elsewhere")
    other.folder.mkdir()
    said = sentence(other("up", "--cluster-cidr", pods, "--service-cidr", "10.255.0.0/24", code=2))
    assert said.startswith(f"cannot use {pods} for Pods or Services: this machine routes ")
    assert said.endswith("choose others with --cluster-cidr and --service-cidr")
    other.check_nothing_left()


def test_a_missing_tool_is_named(cli, tmp_path):
    (tmp_path / "empty").mkdir()
    said = sentence(cli("up", "--runtime", "oci", env={"PATH": str(tmp_path / "empty")}, code=6))
    assert said.startswith("cannot use --runtime oci: ")
    assert "podling doctor" in said
    cli.check_nothing_left()
    report = cli("doctor", "-o", "json", env={"PATH": str(tmp_path / "empty")}, code=6).document
    missing = [row for row in report if row["required"] and not row["ok"]]
    assert missing
    assert all(row["detail"] and row["cost"] and row["remedy"] for row in missing)


def test_a_full_disk_is_told(cli):
    cli.data_dir.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160k", "none", str(cli.data_dir)], check=True)
    try:
        done = cli.raw(*cli.command("up", "--port", "0"))
        assert done.code != 0
        assert "no space left on device" in done.err.lower() or "disk is full" in done.err, done.err
        cli("delete")
    finally:
        subprocess.run(["umount", "-l", str(cli.data_dir)], check=True)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["--cluster-cidr", "8.8.0.0/16"],
            "cannot use --cluster-cidr 8.8.0.0/16: it must be a private range",
        ),
        (["--cluster-cidr", "10.1"], "cannot use --cluster-cidr '10.1': "),
        (
            ["--cluster-cidr", "10.42.0.0/16", "--service-cidr", "10.42.0.0/20"],
            "cannot use --service-cidr 10.42.0.0/20: it overlaps",
        ),
        (
            ["--runtime", "docker"],
            "cannot use --runtime 'docker': it must be auto, oci, process, cri, simulated",
        ),
        (["--port", "70000"], "cannot use --port 70000: it must be between 0 and 65535"),
    ],
)
def test_settings_that_cannot_be_used_are_named(cli, words, complaint):
    assert sentence(cli("up", *words, code=2)).startswith(complaint)
    cli.check_nothing_left()


def test_a_data_folder_that_cannot_be_is_named(cli):
    done = cli.raw(PODLING, "up", "--data-dir", "/proc/none")
    assert (done.code, sentence(done)) == (1, "cannot use /proc/none: No such file or directory")


def test_what_is_not_there_says_so(cli):
    assert sentence(cli("status", code=4)).startswith(f"there is no cluster {cli.name!r} in ")
    assert sentence(cli("down", code=4)).startswith(f"there is no cluster {cli.name!r} in ")
    assert "is not up; '" in sentence(cli("get", "pods", code=4))
    assert "has never been up" in sentence(cli("kubeconfig", code=4))


def test_ranges_of_a_cluster_cannot_change(cli):
    cli.up()
    cli("down")
    assert "Pods carry its addresses" in sentence(cli("up", "--cluster-cidr", "10.200.0.0/16", code=2))


def test_bad_files_name_file_line_and_field(cli, tmp_path):
    cli.up()
    broken = tmp_path / "broken.yaml"
    broken.write_text("apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n  labels: {a: b\nspec: {}\n")
    said = sentence(cli("apply", "-f", str(broken), code=2))
    assert said.startswith(f"cannot read {broken}: line 6: ")
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: a%s}]%s}\n"
    said = sentence(cli("apply", "-f", "-", input=pod % ("", ""), code=1))
    assert said == (
        'Error from server (Invalid): Pod "x" is invalid: spec.containers[0].image: Required value'
    )
    said = sentence(cli("apply", "-f", "-", input=pod % (", image: b", ", hostnam: y"), code=1))
    assert said == (
        'Error from server (BadRequest): Pod in version "v1" cannot be handled as a Pod: strict decoding error: '
        'unknown field "spec.hostnam"'
    )
    assert sentence(cli("apply", "-f", str(tmp_path / "none.yaml"), code=2)).endswith(
        "none.yaml: No such file or directory"
    )
    assert sentence(cli("get", "foos", code=2)).startswith("there is no kind 'foos'")
    assert sentence(cli("logs", "nope", code=1)) == 'Error from server (NotFound): pods "nope" not found'


def test_a_kubeconfig_that_cannot_be_used_is_named_and_the_cluster_is_up_all_the_same(cli):
    cli.kubeconfig.write_text("{{{")
    done = cli.up()
    assert f"{cli.kubeconfig}" in done.out
    assert "the cluster is up all the same" in done.out
    assert f"kubectl --kubeconfig {cli.layout.kubeconfig} get nodes" in done.out
    assert cli.status()["state"] == "ready"
    assert sentence(cli("kubeconfig", "--into", "/proc/none/file", code=1)).startswith(
        "cannot write /proc/none/file"
    )
    cli.kubeconfig.unlink()


def test_delete_goes_on_where_it_was_stopped(cli):
    cli.up()
    lock = cli.kubeconfig.with_name("kubeconfig.lock")
    lock.touch()
    assert "another program holds" in sentence(cli("delete", code=1))
    assert cli.layout.cluster.exists()
    lock.unlink()
    cli("delete")
    assert f"podling-{cli.name}" not in cli.kubeconfig.read_text()


def test_a_namesake_in_another_folder_keeps_its_context(cli, tmp_path):
    cli.up()
    other = Cli(cli.name, tmp_path / "elsewhere")
    other.folder.mkdir()
    try:
        other("up", "--kubeconfig", str(cli.kubeconfig))
        cli("delete")
        assert f"server: {other.status()['server']}\n" in cli.kubeconfig.read_text()
    finally:
        other("delete")


def test_a_damaged_cluster_can_be_seen_and_deleted(cli):
    cli.up()
    cli("down")
    cli.layout.config.write_text("{")
    (row,) = cli.raw(PODLING, "ls", "--data-dir", str(cli.data_dir), "-o", "json").document
    assert (row["name"], row["state"]) == (cli.name, "broken")
    assert "cannot read" in sentence(cli("up", code=2))
    cli("delete")


def test_a_damaged_store_is_named(cli):
    cli.up()
    cli("down")
    for extra in ("-wal", "-shm"):
        cli.layout.store.with_name(cli.layout.store.name + extra).unlink(missing_ok=True)
    cli.layout.store.write_bytes(b"this is no database" * 1000)
    said = sentence(cli("up", code=7))
    assert said.startswith("cannot open the store"), said
    assert str(cli.layout.store) in said


def test_a_process_that_hangs_is_told_and_does_not_outlive_delete(cli):
    cli.up()
    pid = cli.status()["pid"]
    os.kill(pid, signal.SIGSTOP)
    assert cli("status", "-o", "json", code=4).document["state"] == "not answering"
    cli("delete")
    cli.check_nothing_left()


def test_ctrl_c_in_up_leaves_nothing(cli):
    words = cli.command("up", "--port", "0")
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=cli.environment
    ) as process:
        assert "runtime" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
    assert process.returncode == 130
    assert "interrupted" in said
    cli.check_nothing_left()


def test_one_range_may_be_given_and_the_other_is_found(cli):
    pods, _ = free_ranges(cli.name)
    cli("up", "--port", "0", "--cluster-cidr", pods)
    status = cli.status()
    assert (status["state"], status["clusterCIDR"]) == ("ready", pods)


def test_what_cannot_be_applied_is_told(cli):
    cli.up()
    assert "there is no object in it" in sentence(cli("apply", "-f", "-", input="---\n", code=2))
    broken = cli.folder / "bytes"
    broken.write_bytes(b"\xff\xfe\x00")
    assert "cannot read" in sentence(cli("apply", "-f", str(broken), code=2))
    assert "cannot use --name" in sentence(cli.raw(PODLING, "status", "--name", "a" * 300))
