"""Core records as JSON-ready dictionaries: one function per record, names as documented.

Owns the shape of each record on the wire (api/schemas.py documents it, a test compares the two).
Knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from api.times import iso
from core.levels import MonthLevels
from core.metering import Carbon
from core.quality import LEVEL_NAMES, Quality
from core.redundancy.words import STATUS_NAMES
from core.snapshot import (
    Alarm,
    Answered,
    CaseResult,
    Consequences,
    Event,
    FuelStatus,
    GroupStatus,
    Kpi,
    LoadStatus,
    MaintenanceStatus,
    Overload,
    Planned,
    RedundancyReport,
    SingleFailure,
    Snapshot,
    WhatIf,
    ZoneStatus,
)

Doc = dict[str, Any]

"""Redundancy status by its code (core.snapshot.GroupStatus)."""

_COLUMNS = orjson.OPT_SERIALIZE_NUMPY


def dumps(doc: object) -> bytes:
    """JSON bytes; numpy arrays are taken as they are, NaN becomes null."""
    return orjson.dumps(doc, option=_COLUMNS)


def stamped(snapshot: Snapshot, doc: Doc) -> Doc:
    """The document under the version and time of its snapshot."""
    return {"version": snapshot.version, "time": iso(snapshot.time)} | doc


def quality_level(quality: int) -> str:
    """`good`, `uncertain` or `bad` of a quality byte."""
    return LEVEL_NAMES[Quality(quality).level]


def kpi(figure: Kpi) -> Doc:
    return {
        "id": figure.id,
        "value": figure.value,
        "unit": figure.unit,
        "category": figure.category,
        "scope": figure.scope or None,
        "window": figure.window or None,
        "span_s": figure.span_s,
        "coverage": figure.coverage,
        "estimated_ratio": figure.estimated_ratio,
        "quality": quality_level(figure.quality),
        "reason": figure.reason or figure.quality.reason,
        "inputs": figure.inputs,
    }


def carbon(factors: Carbon | None) -> Doc | None:
    """The emission factors of the site file, for whoever audits a figure."""
    if factors is None:
        return None
    return {
        "grid_g_per_kwh": factors.grid_g_per_kwh,
        "diesel_kg_per_l": factors.diesel_kg_per_l,
        "year": factors.year,
        "scope": factors.scope,
        "source": factors.source,
    }


def group(status: GroupStatus) -> Doc:
    return {
        "id": status.id,
        "scheme": status.scheme,
        "status": STATUS_NAMES[status.status],
        "status_code": status.status,
        "spare": status.spare,
        "design": status.design,
        "load_kw": status.load_kw,
        "capacity_kw": status.capacity_kw,
        "headroom_kw": status.headroom_kw,
        "available": status.available,
        "missing": status.missing,
        "reasons": status.reasons,
        "case": status.case,
        "kind": status.kind,
    }


def zone(status: ZoneStatus) -> Doc:
    return {
        "id": status.id,
        "status": STATUS_NAMES[status.status],
        "status_code": status.status,
        "heat_kw": status.heat_kw,
        "inlet_c": status.inlet_c,
        "ride_through_s": status.ride_through_s,
        "gap_s": status.gap_s,
        "groups": status.groups,
        "loads": status.loads,
        "reasons": status.reasons,
    }


def cooling(zones: Sequence[ZoneStatus], groups: Sequence[GroupStatus]) -> Doc:
    """Zones, and the groups that cool them, which stand among all groups as well."""
    return {
        "zones": [zone(status) for status in zones],
        "groups": [status.id for status in groups if status.kind == "cooling"],
    }


def fuel(status: FuelStatus) -> Doc:
    return {
        "status": STATUS_NAMES[status.status],
        "status_code": status.status,
        "all_h": status.all_h,
        "one_out_h": status.one_out_h,
        "required_h": status.required_h,
        "worst_tank": status.worst_tank,
        "litres": status.litres,
        "use_l_per_h": status.use_l_per_h,
        "unknown": status.unknown,
        "reasons": status.reasons,
    }


def load(status: LoadStatus) -> Doc:
    return {
        "id": status.id,
        "state": status.state,
        "supply": status.supply,
        "demand_kw": status.demand_kw,
        "feeds": status.feeds,
        "energised_feeds": status.energised_feeds,
        "min_feeds": status.min_feeds,
        "reasons": status.reasons,
    }


def overload(node: Overload) -> Doc:
    return {
        "id": node.id,
        "load_kw": node.load_kw,
        "capacity_kw": node.capacity_kw,
        "loads": node.loads,
    }


def case(result: CaseResult) -> Doc:
    return {
        "lost_loads": result.lost_loads,
        "unprotected_loads": result.unprotected_loads,
        "overloaded": [overload(node) for node in result.overloaded],
        "unchecked": result.unchecked,
        "assumed": result.assumed,
        "unknown": result.unknown,
    }


def single_failure(failure: SingleFailure) -> Doc:
    return {
        "out": failure.out,
        "lost_loads": failure.lost_loads,
        "unprotected_loads": failure.unprotected_loads,
        "overloaded": failure.overloaded,
        "zones": failure.zones,
    }


def redundancy_headline(report: RedundancyReport) -> Doc:
    return {
        "status": STATUS_NAMES[report.status],
        "status_code": report.status,
        "headline": report.headline,
        "reasons": report.reasons,
        "as_planned": report.planned is not None and report.planned.all and report.status < 3,
    }


def redundancy(report: RedundancyReport) -> Doc:
    return redundancy_headline(report) | {
        "groups": [group(status) for status in report.groups],
        "loads": [load(status) for status in report.loads],
        "single_failures": [single_failure(failure) for failure in report.single_failures],
        "cases": _cases(report.cases),
        "unchecked": report.unchecked,
        "assumed": report.assumed,
        "unknown": report.unknown,
        "cooling": cooling(report.zones, report.groups),
        "fuel": None if report.fuel is None else fuel(report.fuel),
        "planned": planned(report.planned),
        "state": report.state,
    }


def what_if(answer: WhatIf) -> Doc:
    doc = {
        "verdict": answer.verdict,
        "reasons": answer.reasons,
        "lost_loads": answer.lost_loads,
        "unprotected_loads": answer.unprotected_loads,
        "overloaded": [overload(node) for node in answer.overloaded],
        "unchecked": answer.unchecked,
        "assumed": answer.assumed,
        "groups": [group(status) for status in answer.groups],
        "cases": _cases(answer.cases),
        "cooling": cooling(answer.zones, answer.groups),
    }
    return doc if answer.consequences is None else doc | consequences(answer.consequences, doc)


def consequences(told: Consequences, doc: Doc) -> Doc:
    """What an answer means one by one, and how far it holds; `doc` is the answer."""
    was = told.groups_before
    return {
        "groups": [
            each | {"before": _group_before(was[each["id"]]) if each["id"] in was else None}
            for each in doc["groups"]
        ],
        "loads": [_load_after(status, told.loads_before[status.id]) for status in told.loads],
        "batteries": [
            {
                "id": one.id,
                "load_kw": one.load_kw,
                "load_kw_before": one.load_kw_before,
                "lasts_s": one.lasts_s,
                "lasts_s_before": one.lasts_s_before,
                "required_s": one.required_s,
                "bridges": one.bridges,
                "bridges_before": one.bridges_before,
            }
            for one in told.batteries
        ],
        "fuel": None if told.fuel is None else fuel(told.fuel),
        "fuel_before": None if told.fuel_before is None else fuel(told.fuel_before),
        "validity": {
            "state": told.validity.state,
            "load_kw": told.validity.load_kw,
            "holds_to_kw": told.validity.holds_to_kw,
            "oldest_s": told.validity.oldest_s,
        },
    }


def _load_after(status: LoadStatus, before: LoadStatus) -> Doc:
    doc = load(status)
    del doc["supply"]  # that of the moment, not of the answer
    return doc | {"state_before": before.state}


def _group_before(status: GroupStatus) -> Doc:
    return {
        "status": STATUS_NAMES[status.status],
        "status_code": status.status,
        "spare": status.spare,
    }


def maintenance(status: MaintenanceStatus) -> Doc:
    window = status.window
    return {
        "id": window.id,
        "state": status.state,
        "start": iso(window.start),
        "end": iso(window.end),
        "nodes": window.nodes,
        "reason": window.reason,
        "announced_by": window.announced_by,
        "in_site_file": window.fixed,
        "out": status.out,
        "unseen": status.unseen,
        "taken": status.taken,
        "announced": answered(status.announced),
        "now": answered(status.now),
        "worse": status.worse,
        "closed": iso(status.closed),
    }


def answered(answer: Answered | None) -> Doc | None:
    if answer is None:
        return None
    return {"verdict": answer.verdict, "reasons": answer.reasons, "time": iso(answer.time)}


def planned(plan: Planned | None) -> Doc | None:
    if plan is None:
        return None
    return {
        "all": plan.all,
        "nodes": plan.nodes,
        "groups": sorted(plan.groups),
        "zones": sorted(plan.zones),
        "words": plan.words,
        "beside": plan.beside,
    }


def alarm(condition: Alarm) -> Doc:
    return {
        "id": condition.id,
        "device": condition.device,
        "point": condition.point,
        "severity": condition.severity.name.lower(),
        "state": condition.state,
        "message": condition.message,
        "since": iso(condition.since),
        "quality": quality_level(condition.quality),
        "reason": condition.quality.reason,
        "planned": condition.planned,
    }


def event(happened: Event) -> Doc:
    return {
        "seq": happened.seq,
        "kind": happened.kind,
        "device": happened.device,
        "point": happened.point,
        "before": happened.before,
        "after": happened.after,
        "severity": happened.severity.name.lower(),
        "message": happened.message,
        "earliest": iso(happened.earliest),
        "latest": iso(happened.latest),
        "cause": happened.cause,
    }


def events(sequence: Sequence[Event]) -> list[Doc]:
    """Events with `unordered`: whether the span overlaps that of another one in the list."""
    flags = unordered(sequence)
    return [event(one) | {"unordered": flags[one.seq]} for one in sequence]


def unordered(sequence: Sequence[Event]) -> dict[int, bool]:
    """By `seq`, whether an event may have happened before *and* after another one of the list.

    A span that begins where another one ends is ordered; two events known to the same instant are
    not. One pass over the spans sorted by their beginning.
    """
    spans = sorted(sequence, key=lambda one: (one.earliest, one.latest))
    flags = dict.fromkeys((one.seq for one in spans), False)
    widest: Event | None = None
    for one in spans:
        if widest is not None and _overlap(widest, one):
            flags[widest.seq] = flags[one.seq] = True
        if widest is None or one.latest >= widest.latest:
            widest = one
    return flags


def _overlap(first: Event, second: Event) -> bool:
    same = (first.earliest, first.latest) == (second.earliest, second.latest)
    return same or second.earliest < first.latest


def levels(month: MonthLevels) -> Doc:
    """Seconds at each level in a month, by part."""
    return {
        "month": month.period.name,
        "start": iso(month.period.start),
        "end": iso(month.period.end),
        "until": iso(month.until),
        "parts": [
            {
                "id": part,
                "seconds": {level: round(value, 3) for level, value in seconds.items()},
                "unobserved_s": round(month.unobserved_s[part], 3),
            }
            for part, seconds in month.seconds.items()
        ],
    }


def _cases(cases: Mapping[str, CaseResult]) -> Doc:
    return {name: case(result) for name, result in cases.items()}
