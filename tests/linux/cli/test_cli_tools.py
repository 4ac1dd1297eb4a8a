"""The commands for people without kubectl, images and kubeconfigs."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
import tarfile
from pathlib import Path

import yaml
from cli_world import EXAMPLES, PODLING

HELLO = str(EXAMPLES / "myapp-pod.yaml")


def test_get_apply_and_logs_do_without_kubectl(cli):
    cli.up()
    assert cli("apply", "-f", HELLO).out == "pod/myapp-pod created\n"
    cli.wait_ready("myapp-pod")
    assert cli("apply", "-f", HELLO).out == "pod/myapp-pod unchanged\n"
    head, line = cli("get", "po").out.splitlines()
    assert head.split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert line.split()[:4] == ["myapp-pod", "1/1", "Running", "0"]
    wide = cli("get", "pods", "-o", "wide", "-l", "app=myapp").out
    assert re.search(r"myapp-pod +1/1 +Running +0 +\S+ +10\.\d+\.\d+\.\d+ +" + cli.name, wide)
    assert "No resources found" in cli("get", "pods", "-l", "app=other").err
    assert yaml.safe_load(cli("get", "pods", "myapp-pod", "-o", "yaml").out)["kind"] == "Pod"
    assert cli("get", "pods", "-A", "-o", "name").out == "pod/myapp-pod\n"
    assert cli("logs", "myapp-pod").out == "Hello Kubernetes!\n"
    stamped = cli("logs", "myapp-pod", "--timestamps", "--tail", "1").out
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\S+Z Hello Kubernetes!\n", stamped)


def test_the_kubeconfig_is_merged_and_nothing_is_lost(cli, tmp_path):
    mine = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "work",
        "clusters": [{"name": "work", "cluster": {"server": "https://192.0.2.1"}}],
        "contexts": [{"name": "work", "context": {"cluster": "work", "user": "me"}}],
        "users": [{"name": "me", "user": {"token": "secret"}}],
        "preferences": {"colors": True},
    }
    cli.kubeconfig.write_text(yaml.safe_dump(mine))
    cli.up("--no-switch")
    merged = yaml.safe_load(cli.kubeconfig.read_text())
    assert merged["current-context"] == "work"
    assert [one["name"] for one in merged["contexts"]] == ["work", f"podling-{cli.name}"]
    assert merged["users"][0] == mine["users"][0]
    assert merged["preferences"] == {"colors": True}
    assert cli.kubeconfig.stat().st_mode & 0o777 == 0o600
    printed = yaml.safe_load(cli("kubeconfig").out)
    assert printed["current-context"] == f"podling-{cli.name}"
    other = tmp_path / "other"
    cli("kubeconfig", "--into", str(other))
    assert yaml.safe_load(other.read_text())["current-context"] == f"podling-{cli.name}"
    cli("delete")
    assert yaml.safe_load(cli.kubeconfig.read_text()) == mine
    assert yaml.safe_load(other.read_text())["contexts"] == []


def test_images_are_loaded_listed_and_removed(cli, tmp_path):
    def image(*words, code=0):
        done = cli.raw(PODLING, "image", words[0], *words[1:], "--data-dir", str(cli.data_dir))
        assert done.code == code, done.err
        return done

    archive = tmp_path / "image.tar"
    archive.write_bytes(docker_archive("example.test/tiny:1", {"greeting": b"hello\n"}))
    assert "example.test/tiny:1" in image("load", str(archive)).out
    (row,) = image("ls", "-o", "json").document
    assert row["tags"] == ["example.test/tiny:1"]
    assert "example.test/tiny:1" in image("ls").out
    assert "removed" in image("rm", "example.test/tiny:1").out
    assert image("ls", "-o", "json").document == []
    assert "there is no such image" in image("rm", "example.test/tiny:1", code=1).err
    image("load", str(archive), "--name", "mine")
    (row,) = image("ls", "-o", "json").document
    assert row["tags"] == ["docker.io/library/mine:latest", "example.test/tiny:1"]
    assert "docker.io/library/mine:latest, example.test/tiny:1 removed" in image("prune", "--all").out
    assert "0.0 MB of images removed" in image("prune").out
    assert "no such file" in image("load", "./nothing.tar", code=2).err
    assert "cannot load app:dev: no such file, and " in image("load", "app:dev", code=1).err
    archive.write_bytes(b"this is no archive")
    assert "not a whole tar archive" in image("load", str(archive), code=1).err
    assert image("pull", "127.0.0.1:1/none", code=1).err.startswith(
        "podling: cannot pull image 127.0.0.1:1/none"
    )


def test_the_built_in_image_comes_back_when_it_is_wanted(cli):
    cli.up()
    cli("apply", "-f", HELLO)
    cli.wait_ready("myapp-pod")
    done = cli.raw(PODLING, "image", "rm", "busybox", "--data-dir", str(cli.data_dir))
    assert done.code == 0, done.err
    cli("apply", "-f", "-", input=Path(HELLO).read_text().replace("myapp-pod", "again"))
    cli.wait_ready("again")


def docker_archive(tag, files):
    """What ``docker save`` writes of an image of one layer."""
    layer = tar_of(files)
    diff = "sha256:" + hashlib.sha256(layer).hexdigest()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [diff]},
        "config": {},
    }
    manifest = [{"Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]
    return tar_of(
        {
            "config.json": json.dumps(config).encode(),
            "layer.tar": layer,
            "manifest.json": json.dumps(manifest).encode(),
        }
    )


def tar_of(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def test_help_answers_without_loading_a_command(cli):
    code = "import sys; from podling.cli import main; main.app(['--help'], standalone_mode=False); print([m for m in sys.modules if m.startswith('podling.')])"
    said = cli.raw(sys.executable, "-c", code).out
    assert "Start a cluster and return when its node is Ready" in said
    loaded = said.splitlines()[-1]
    assert loaded == "['podling.cli', 'podling.cli.main']"


def test_the_doctor_tries_what_containers_need(cli):
    report = {row["name"]: row for row in cli("doctor", "-o", "json").document}
    required = ["container tools", "control groups", "overlay file system", "network namespaces"]
    assert all(report[name]["ok"] and report[name]["required"] for name in required), report
    assert report["Pods"]["detail"] == "run by runtime oci"
    assert re.search(r"✓ +container tools +/\S+conmon, /\S+", cli("doctor").out)


def test_the_doctor_says_what_is_cut_down(cli):
    """A score or limit that this process may not give is not given; that stops nothing."""
    found = next(row for row in cli("doctor", "-o", "json").document if row["name"] == "scores and limits")
    may = int(re.search(r"CapBnd:\s+(\w+)", Path("/proc/self/status").read_text())[1], 16) >> 24 & 1
    assert (found["ok"], found["required"]) == (bool(may), False)
    assert may or "oom_score_adj stays at" in found["detail"]


def test_the_doctor_says_what_a_missing_privilege_costs(cli):
    caged = ["setpriv", "--bounding-set", "-sys_admin,-net_admin"]
    done = cli.raw(*caged, *cli.command("doctor", "-o", "json"))
    assert done.code == 6, done.err
    report = {row["name"]: row for row in done.document}
    for name in ("overlay file system", "network namespaces"):
        row = report[name]
        assert not row["ok"], row
        assert "Operation not permitted" in row["detail"]
        assert row["cost"], row
        assert "CAP_SYS_ADMIN" in row["remedy"], row
    assert report["Pods"]["detail"] == "run by runtime process"
    assert "not isolated: network" in report["Pods"]["cost"]
