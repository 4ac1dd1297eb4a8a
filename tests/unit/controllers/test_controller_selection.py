"""`--controllers` as upstream's flag: see `IsControllerEnabled` in k8s.io/controller-manager."""

import pytest

from podling.cluster import switches
from podling.cluster.errors import BadConfig
from podling.controllers.registry import CONTROLLERS
from podling.controllers.selection import ALIASES, UnknownController, selected

KNOWN = ("job-controller", "cronjob-controller", "pod-garbage-collector-controller")
JOB, CRONJOB, PODGC = KNOWN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*", KNOWN),
        ("*,-cronjob", (JOB, PODGC)),
        ("-cronjob-controller,*", (JOB, PODGC)),
        ("job", (JOB,)),
        ("podgc, job", (JOB, PODGC)),
        ("-job", tuple(name for name in KNOWN if name != JOB)),
        ("job,-job,*", KNOWN),
        ("-job,job", ()),
        ("-cronjob,-job", (PODGC,)),
    ],
)
def test_star_is_all_a_name_is_one_minus_is_all_but_that_one_and_the_first_word_holds(text, expected):
    assert selected(text.split(","), KNOWN) == expected


def test_a_name_that_nobody_has_is_refused_with_the_list():
    with pytest.raises(
        UnknownController, match=r'"cronjobs" is not in the list of known controllers: cronjob-c.*, job-'
    ):
        selected(["*", "-cronjobs"], KNOWN)
    with pytest.raises(BadConfig, match=r"cannot use --controllers nobody: "):
        switches.rows("nobody")


def test_the_cluster_knows_all_of_the_table_by_either_name():
    assert [*switches.rows("*")] == [*CONTROLLERS]
    assert [*switches.rows("podgc")] == ["pod-garbage-collector-controller"]
    assert {name for name in ALIASES.values() if name in CONTROLLERS}
