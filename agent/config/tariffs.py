"""The `tariffs:` part compiled: hours of the day as quarters, and each hour with one price."""

from __future__ import annotations

from typing import get_args

from agent.config.energy_keys import Day, PriceKeys, TariffKeys
from agent.config.source import KeyPath
from core.tariff import Period, Tariff, problems

DAYS = get_args(Day)


def tariff_of(keys: TariffKeys, timezone: str) -> tuple[Tariff, list[tuple[KeyPath, str]]]:
    """The tariff, and the hours of the year that have no price or two."""
    periods = tuple(_period(each) for each in keys.periods)
    path: KeyPath = ("tariffs", "periods")
    wrong = [(path, message) for message in problems(periods)]
    return Tariff(keys.currency, timezone, periods), wrong


def _period(keys: PriceKeys) -> Period:
    return Period(
        id=keys.id,
        price_per_kwh=keys.price_per_kwh,
        start=_quarter(keys.from_) % 96,
        end=_quarter(keys.to),
        days=frozenset(DAYS.index(day) for day in keys.days) or frozenset(range(7)),
        months=frozenset(keys.months) or frozenset(range(1, 13)),
    )


def _quarter(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 4 + int(minutes) // 15
