"""Faults of the cooling on the simulated site, in virtual time: the sequence of verdicts, and that
what a what-if calls safe does happen safely."""

from __future__ import annotations

import pytest

from collectors.profile import library
from core.cooling.ride import air_s
from core.points import parse_point
from core.redundancy.report import RedundancyModel
from core.vocabulary import Severity
from simulator.scenarios import load_scenarios
from simulator.site import PlantModel
from tests.support.conditions import Reading, status, view
from tests.support.simulator import SUMMER_NOON, UTILITIES, demo_site, plant, run

AFTERNOON = SUMMER_NOON + 3 * 3600.0  # 16:00 at the site, its hottest hour
PROFILES = library()
POLL_S = 5.0


class Watched:
    """The simulated plant and the model that judges what its devices say, read without a wire."""

    def __init__(self, start: float = AFTERNOON) -> None:
        self.plant: PlantModel = plant(start)
        self.model = RedundancyModel(demo_site())
        used = [n.device for n in demo_site().power if n.device]
        used += [parse_point(p).device for n in demo_site().power for p in n.demand]
        used += [unit.device for unit in demo_site().cooling.units]
        used += [parse_point(p).device for z in demo_site().cooling.zones for p in z.inlet]
        used += [parse_point(tank.level).device for tank in demo_site().fuel.tanks]
        profile = {device.id: PROFILES.load(device.profile) for device in demo_site().devices}
        self.points = []
        for name in dict.fromkeys(used):
            for point in self.plant.values(name):
                parsed = parse_point(f"{name}/{point}")
                if profile[name].may_have(parsed.name):
                    self.points.append((name, point))
        self.devices = {device.id: status(device.id) for device in demo_site().devices}

    def report(self):
        return self.model.evaluate(self._view(), self.devices, self.plant.time)

    def what_if(self, *out: str):
        return self.model.what_if(self._view(), self.devices, self.plant.time, out=out)

    def _view(self):
        readings = (self._reading(device, point) for device, point in self.points)
        return view(*readings)

    def _reading(self, device: str, point: str) -> Reading:
        """One point; a device may say how bad its state is: `active/warning`."""
        value = self.plant.values(device)[point]
        severity = Severity.OK
        if isinstance(value, str) and "/" in value:
            value, _, word = value.partition("/")
            severity = Severity[word.upper()]
        return Reading(f"{device}/{point}", value, severity, time=self.plant.time)

    def play(self, seconds: float, faults=None):
        """The distinct reports while the plant runs, one look every poll."""
        end = self.plant.time + seconds
        while self.plant.time < end:
            run(self.plant, POLL_S, faults)
            yield self.report()


def sequence(reports, pick) -> list:
    """What is picked, each time it changes."""
    found: list = []
    for report in reports:
        if not found or found[-1] != pick(report):
            found.append(pick(report))
    return found


def group(report, name="hall-1-crahs"):
    return next(each for each in report.groups if each.id == name)


def test_crah_failure_on_a_hot_afternoon_is_degraded_and_full_again():
    step = load_scenarios()["crah-failure"].steps[0]
    failed = {step.fault: frozenset(step.target.find(demo_site()))}
    watched = Watched()

    def play():
        yield watched.report()
        yield from watched.play(step.until - step.at, failed)
        yield from watched.play(120)

    reports = list(play())
    seen = sequence(reports, lambda r: (group(r).status, group(r).spare, r.zones[0].status))
    # One unit of each board has failed: neither board carries the hall alone any more.
    assert seen == [(3, 6, 3), (2, 4, 1), (3, 6, 3)]
    assert sequence(reports, lambda r: r.status) == [3, 1, 3]
    during = [r for r in reports if r.status == 1]
    assert {r.headline for r in during} == {
        "hall-1 would not be cooled enough after the failure of any of ats-m1, ats-m2, ups-m1, "
        "ups-m2, crah-board-1 and 1 more"
    }
    words = "hall-1-crahs: 4 of 6 spare units left: crah-1 has a fault; crah-2 has a fault"
    assert all(words in r.reasons for r in during)
    assert {r.zones[1].status for r in reports} == {3}
    assert max(r.zones[0].inlet_c for r in reports) > reports[0].zones[0].inlet_c + 2.5


def test_a_mains_failure_that_the_generators_take_over_is_no_fault_of_the_cooling():
    watched = Watched()
    reports = [watched.report(), *watched.play(180, {"mains_lost": UTILITIES})]
    states = {watched.plant.values(f"chiller-{n}")["state"] for n in (1, 2, 3, 4)}
    assert states <= {"on", "standby"}
    for name in ("chiller-machines", "condenser-pumps", "dry-coolers", "hall-1-crahs"):
        assert sequence(reports, lambda r, name=name: group(r, name).status) == [3]
    assert sequence(reports, lambda r: r.zones[0].status) == [3]


def test_a_chiller_failure_leaves_the_designed_spare_and_hangs_the_halls_on_the_other_board():
    watched = Watched()
    reports = [watched.report(), *watched.play(60, {"failed": frozenset(("chiller-1",))})]
    machines = sequence(reports, lambda r: group(r, "chiller-machines").spare)
    assert machines == [2, 1]
    last = reports[-1]
    assert group(last, "chiller-machines").status == 3
    assert [zone.status for zone in last.zones] == [1, 1]
    assert "hall-2 would not be cooled enough after the failure of any of ats-m2, mcc-2" in (
        last.zones[1].reasons
    )


@pytest.mark.parametrize(
    ("out", "failed"),
    [
        ("crah-board-1", [f"crah-{n}" for n in (1, 3, 5, 7, 9, 11)]),
        ("ups-m1", [f"crah-{n}" for n in range(1, 25, 2)] + [f"pump-{n}" for n in (1, 3, 5, 7)]),
        ("ups-m2", [f"crah-{n}" for n in range(2, 25, 2)] + [f"pump-{n}" for n in (2, 4, 6)]),
        ("mcc-1", ["chiller-1", "chiller-3", "pump-9", "dry-cooler-1", "dry-cooler-3"]),
        ("mcc-2", ["chiller-2", "chiller-4", "pump-8", "pump-10", "dry-cooler-2", "dry-cooler-4"]),
    ],
)
def test_what_a_what_if_does_not_call_unsafe_keeps_the_halls_cool_when_it_is_played(out, failed):
    watched = Watched()
    answer = watched.what_if(out)
    assert answer.verdict == "reduced", answer.reasons
    assert {
        unit for each in answer.groups if each.kind == "cooling" for unit in each.missing
    } == set(failed)
    run(watched.plant, 1800, {"failed": frozenset(failed)})
    for hall in watched.plant.machines.halls.values():
        assert hall.cold_c < 27.0, out


def test_what_a_what_if_calls_unsafe_for_the_cooling_overheats_when_it_is_played():
    failed = [f"crah-{n}" for n in range(1, 11)]
    watched = Watched()
    answer = watched.what_if(*failed)
    assert answer.verdict == "unsafe"
    assert [over.id for over in answer.overloaded] == ["hall-1-crahs"]
    run(watched.plant, 1800, {"failed": frozenset(failed)})
    assert watched.plant.machines.halls["hall-1"].cold_c > 27.0
    assert watched.report().zones[0].status == 0


def test_a_hall_without_chillers_or_without_air_lasts_at_least_as_long_as_is_said():
    hall = demo_site().cooling.zones[0]
    watched = Watched()
    said = watched.report().zones[0]
    run(
        watched.plant,
        said.ride_through_s,
        {"failed": frozenset(f"chiller-{n}" for n in range(1, 5))},
    )
    assert watched.plant.machines.halls["hall-1"].cold_c < hall.allowable_c
    watched = Watched()
    lasts_s = air_s(hall, said.heat_kw, said.inlet_c)
    assert 20 < lasts_s < said.ride_through_s
    run(watched.plant, lasts_s, {"failed": frozenset(f"crah-{n}" for n in range(1, 13))})
    assert watched.plant.machines.halls["hall-1"].cold_c < hall.allowable_c
