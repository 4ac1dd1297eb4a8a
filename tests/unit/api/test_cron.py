"""When schedules are due: robfig/cron's grammar and words, and the clock on the wall of any zone.

Sources: robfig/cron v3 (parser_test.go, spec_test.go), https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/.
"""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podling.api import cron, durations, timezones

NEW_YORK, BERLIN = timezones.load("America/New_York"), timezones.load("Europe/Berlin")


def epoch(text, zone=UTC):
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=zone)).timestamp()


def following(schedule, begin, count=1, zone=UTC):
    """The next times as they stand on the wall of `zone`, with their offset from UTC."""
    made, at, found = cron.parse(schedule, zone), epoch(begin, zone), []
    for _ in range(count):
        at = made.next(at)
        found.append(datetime.fromtimestamp(at, zone).isoformat())
    return found


@pytest.mark.parametrize(
    ("schedule", "begin", "due"),
    [
        ("* * * * *", "2024-05-01T10:00:00", "2024-05-01T10:01:00"),
        ("* * * * ?", "2024-05-01T10:00:59", "2024-05-01T10:01:00"),
        ("*/15 * * * *", "2024-05-01T10:45:00", "2024-05-01T11:00:00"),
        ("5/20 * * * *", "2024-05-01T10:05:00", "2024-05-01T10:25:00"),
        ("20-35/15 * * * *", "2024-05-01T10:21:00", "2024-05-01T10:35:00"),
        ("0 0 * * *", "2024-02-28T23:59:59", "2024-02-29T00:00:00"),
        ("0 0 29 2 *", "2024-03-01T00:00:00", "2028-02-29T00:00:00"),
        ("0 12 * Feb-mar MON,fri", "2024-01-01T00:00:00", "2024-02-02T12:00:00"),
        ("30 6-16/4 * * 1-5", "2024-05-03T14:30:00", "2024-05-06T06:30:00"),
        ("0 0 13 * 5", "2024-05-01T00:00:00", "2024-05-03T00:00:00"),  # both restricted: the 13th or a Friday
        ("0 0 13 * *", "2024-05-01T00:00:00", "2024-05-13T00:00:00"),
        ("0 0 */10 * Sun", "2024-05-02T00:00:00", "2024-05-05T00:00:00"),  # a step takes the star away
        ("0 0 */1 * Sun", "2024-05-02T00:00:00", "2024-05-05T00:00:00"),
        ("0 0 ?,1 * Sun", "2024-05-30T00:00:00", "2024-06-02T00:00:00"),  # one star in a list is enough
        ("@yearly", "2024-05-01T00:00:00", "2025-01-01T00:00:00"),
        ("@annually", "2024-05-01T00:00:00", "2025-01-01T00:00:00"),
        ("@monthly", "2024-05-01T00:00:00", "2024-06-01T00:00:00"),
        ("@weekly", "2024-05-01T00:00:00", "2024-05-05T00:00:00"),
        ("@daily", "2024-05-01T00:00:00", "2024-05-02T00:00:00"),
        ("@midnight", "2024-05-01T00:00:00", "2024-05-02T00:00:00"),
        ("@hourly", "2024-05-01T00:00:00", "2024-05-01T01:00:00"),
        ("@every 1h30m", "2024-05-01T00:00:07", "2024-05-01T01:30:07"),
        ("@every 10ms", "2024-05-01T00:00:07", "2024-05-01T00:00:08"),
        ("TZ=Asia/Tokyo 0 9 * * *", "2024-05-01T00:00:00", "2024-05-02T00:00:00"),
        ("CRON_TZ=Asia/Tokyo @daily", "2024-05-01T00:00:00", "2024-05-01T15:00:00"),
    ],
)
def test_the_next_time(schedule, begin, due):
    assert following(schedule, begin) == [f"{due}+00:00"]


def test_fractions_of_a_second_are_passed_over():
    assert cron.parse("* * * * *").next(59.999) == 60
    assert cron.parse("* * * * *").next(60.001) == 120
    assert cron.parse("@every 5s").next(1.75) == 6


@pytest.mark.parametrize("schedule", ["0 0 31 2 *", "0 0 30 2 *", ", * * * *"])
def test_a_schedule_that_can_never_be_due(schedule):
    assert cron.parse(schedule).next(epoch("2024-05-01T00:00:00")) is None


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ("", "empty spec string"),
        ("* * *", "expected exactly 5 fields, found 3: [* * *]"),
        ("0 * * * * *", "expected exactly 5 fields, found 6: [0 * * * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* 0-24 * * *", "end of range (24) above maximum (23): 0-24"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("* * * * 7", "end of range (7) above maximum (6): 7"),
        ("9-4 * * * *", "beginning of range (9) beyond end of range (4): 9-4"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("*/2/3 * * * *", "too many slashes: */2/3"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("-5 * * * *", 'failed to parse int from : strconv.Atoi: parsing "": invalid syntax'),
        ("*/-1 * * * *", "negative number (-1) not allowed: -1"),
        ("* * * mai *", 'failed to parse int from mai: strconv.Atoi: parsing "mai": invalid syntax'),
        (f"{10**19} * * * *", f'failed to parse int from {10**19}: strconv.Atoi: parsing "{10**19}": value out of range'),
        ("@never", "unrecognized descriptor: @never"),
        ("@every", "unrecognized descriptor: @every"),
        ("@every 5", 'failed to parse duration @every 5: time: missing unit in duration "5"'),
        ("TZ=Europe/Atlantis * * * * *", "provided bad location Europe/Atlantis: unknown time zone Europe/Atlantis"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_in_the_words_of_upstream(schedule, why):
    with pytest.raises(ValueError) as caught:
        cron.parse(schedule)
    assert str(caught.value) == why


def test_a_time_that_the_clock_leaves_out_in_spring_is_left_out():
    assert following("30 2 * * *", "2024-03-09T12:00:00", 2, NEW_YORK) == [
        "2024-03-11T02:30:00-04:00",
        "2024-03-12T02:30:00-04:00",
    ]
    assert following("30 * * * *", "2024-03-10T01:00:00", 2, NEW_YORK) == [
        "2024-03-10T01:30:00-05:00",
        "2024-03-10T03:30:00-04:00",
    ]


def test_a_time_that_the_clock_shows_twice_in_autumn_is_due_twice():
    assert following("30 1 * * *", "2024-11-03T00:00:00", 3, NEW_YORK) == [
        "2024-11-03T01:30:00-04:00",
        "2024-11-03T01:30:00-05:00",
        "2024-11-04T01:30:00-05:00",
    ]
    assert following("0 3 * * *", "2024-10-27T00:00:00", 1, BERLIN) == ["2024-10-27T03:00:00+01:00"]


def test_a_midnight_that_does_not_exist_is_left_out():
    sao_paulo = timezones.load("America/Sao_Paulo")
    assert following("0 0 * * *", "2018-11-03T12:00:00", 1, sao_paulo) == ["2018-11-05T00:00:00-02:00"]
    assert following("0 5 * * 0", "2018-11-03T12:00:00", 1, sao_paulo) == ["2018-11-04T05:00:00-02:00"]


# A plain model: look at every minute.

ZONES = [UTC, NEW_YORK, BERLIN, timezones.load("Australia/Lord_Howe"), timezones.load("Asia/Kolkata")]
CHANGES = [
    "2024-03-09T20:00:00",
    "2024-03-31T00:00:00",
    "2024-04-06T00:00:00",
    "2024-10-05T12:00:00",
    "2024-10-27T00:00:00",
    "2024-11-03T03:00:00",
    "2024-12-30T00:00:00",
    "2024-02-28T00:00:00",
]


def field_of(low, high):
    number = st.integers(low, high)
    step = st.integers(1, high).map("/{}".format)
    pair = st.tuples(number, number).map(lambda ends: "{}-{}".format(*sorted(ends)))
    plain = st.one_of(st.just("*"), st.just("?"), number.map(str), pair)
    item = st.one_of(plain, st.tuples(plain, step).map("".join))
    return st.one_of(st.just("*"), item, st.lists(item, min_size=1, max_size=3).map(",".join))


def meant(text, low, high):
    """The values of a field, and whether it is open, written out from the documentation."""
    values, star = set(), False
    for part in text.split(","):
        ends, _, step = part.partition("/")
        first, _, last = ends.partition("-")
        opened = first in "*?"
        start = low if opened else int(first)
        end = high if opened or (step and not last) else int(last or first)
        values.update(value for value in range(start, end + 1) if (value - start) % int(step or 1) == 0)
        star = star or (opened and int(step or 1) == 1)
    return values, star


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(field_of(0, 59), field_of(0, 23), field_of(1, 31), field_of(1, 12), field_of(0, 6)),
    st.sampled_from(ZONES),
    st.sampled_from(CHANGES),
    st.integers(0, 3 * 86400),
)
def test_agrees_with_looking_at_every_minute(fields, zone, begin, offset):
    bounds = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)]
    (minute, _), (hour, _), (day, dstar), (month, _), (weekday, wstar) = (
        meant(text, *ends) for text, ends in zip(fields, bounds, strict=True)
    )

    def fits(at):
        wall = datetime.fromtimestamp(at, zone)
        dates = (wall.day in day, (wall.weekday() + 1) % 7 in weekday)
        on_day = all(dates) if dstar or wstar else any(dates)
        return on_day and wall.month in month and wall.hour in hour and wall.minute in minute

    after = epoch(begin) + offset
    horizon = after + 4 * 86400
    plain = next((at for at in range(int(after // 60 + 1) * 60, int(horizon), 60) if fits(at)), None)
    found = cron.parse(" ".join(fields), zone).next(after)
    assert found == plain if plain is not None else found is None or found >= horizon // 60 * 60


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("0", 0), ("5s", 5_000_000_000), ("-1.5h", -5_400_000_000_000), ("1h15m30.918s", 4_530_918_000_000),
     ("+.5ms", 500_000), ("1us2µs3ns", 3_003)],
)  # fmt: skip
def test_durations_are_written_as_in_go(text, nanoseconds):
    assert durations.parse(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("3", 'time: missing unit in duration "3"'),
        ("3 days", 'time: unknown unit " days" in duration "3 days"'),
        (".s", 'time: invalid duration ".s"'),
        ("9999999h", 'time: invalid duration "9999999h"'),
    ],
)
def test_what_is_no_duration(text, why):
    with pytest.raises(ValueError) as caught:
        durations.parse(text)
    assert str(caught.value) == why


@pytest.mark.parametrize("name", ["Europe/Atlantis", "europe", "Europe", "zone.tab"])
def test_an_unknown_zone(name):
    with pytest.raises(ValueError, match=f"unknown time zone {name}"):
        timezones.load(name)


@pytest.mark.parametrize("name", ["../etc/passwd", "/etc/localtime"])
def test_a_zone_is_no_path(name):
    with pytest.raises(ValueError, match="invalid location name"):
        timezones.load(name)
