"""``podling controllers`` and ``podling up --controllers``: seen from outside on a cluster of simulated Pods."""

CRONJOB = "cronjob-controller"


def states(cli):
    return {each["name"]: each for each in cli("controllers", "-o", "json").document}


def test_controllers_are_listed_switched_off_and_on_again_and_the_switch_is_remembered(cli):
    cli.up("--runtime", "simulated", "--controllers", "*,-cronjob")
    found = states(cli)
    assert [name for name, each in found.items() if not each["on"]] == [CRONJOB]
    assert found["serviceaccount-controller"]["reconciled"] > 0
    assert found["serviceaccount-controller"]["last_error"] == ""
    lines = cli("controllers").out.splitlines()
    assert lines[0].split()[:3] == ["NAME", "STATE", "QUEUED"]
    assert any(line.split() == [CRONJOB, "off"] for line in lines)

    cli("down")
    cli("up")
    assert not states(cli)[CRONJOB]["on"]

    cli("down")
    cli("up", "--controllers", "*")
    assert all(each["on"] for each in states(cli).values())


def test_a_controller_that_there_is_not_is_refused_with_the_list_and_nothing_is_made(cli):
    refused = cli("up", "--controllers", "*,-nobody", code=2)
    assert '"nobody" is not in the list of known controllers' in refused.err
    assert CRONJOB in refused.err
    assert not cli.layout.config.exists()


def test_a_cluster_that_is_down_has_no_controllers_to_list(cli):
    assert "there is no cluster" in cli("controllers", code=4).err
    cli.up("--runtime", "simulated")
    cli("down")
    assert "is not up" in cli("controllers", code=4).err
