"""The sky over the site: where the sun stands, how clear it is, how warm.

Pure functions of UTC and place; clouds and wind are seeded noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulator.noise import seed_of, smooth

NOUACEUR = (33.37, -7.58)
"""Latitude and longitude in degrees of Nouaceur near Casablanca, where the demo site stands."""

DAY_S = 86400.0
YEAR_DAYS = 365.2425
ALBEDO = 0.2


@dataclass(frozen=True, slots=True)
class Sky:
    """Weather at one instant: W/m2, degC, ratio, m/s, degrees, Pa."""

    irradiance: float
    plane_irradiance: float
    ambient_c: float
    humidity: float
    wind_m_s: float
    wind_deg: float
    pressure_pa: float
    module_c: float


class Weather:
    """The sky by time, for one place and one seed."""

    def __init__(
        self,
        seed: int,
        latitude: float = NOUACEUR[0],
        longitude: float = NOUACEUR[1],
        tilt_deg: float = 15.0,
    ) -> None:
        self._seed = seed_of(seed, "weather")
        self._latitude, self._longitude, self._tilt = latitude, longitude, math.radians(tilt_deg)

    def at(self, time: float, *, broken_clouds: bool = False) -> Sky:
        """The sky at a UTC time in seconds. Broken clouds take most of the sun away, a minute at a
        time."""
        day, hour = _calendar(time)
        sine, declination, angle = self._sun(day, hour)
        clearness = self._clearness(time, broken_clouds=broken_clouds)
        level = clear_sky(sine) * clearness
        plane = self._on_plane(level, sine, declination, angle, clearness)
        solar_hour = (hour + self._longitude / 15) % 24
        season = math.cos(2 * math.pi * (day - 205) / YEAR_DAYS)
        swing = math.cos(2 * math.pi * (solar_hour - 15) / 24)
        ambient = 18.3 + 5.2 * season + 4.3 * swing + 1.0 * smooth(self._seed + 1, time, 3 * 3600)
        wind = max(0.3, 3.6 + 1.6 * swing + 1.4 * smooth(self._seed + 2, time, 240))
        return Sky(
            irradiance=level,
            plane_irradiance=plane,
            ambient_c=ambient,
            humidity=min(0.98, max(0.2, 0.72 - 0.028 * (ambient - 18.0))),
            wind_m_s=wind,
            wind_deg=(340 + 35 * smooth(self._seed + 3, time, 900)) % 360,
            pressure_pa=99_100 + 500 * smooth(self._seed + 4, time, 36 * 3600),
            # Faiman's model with the coefficients of IEC 61853-3 for a rack-mounted module.
            module_c=ambient + plane / (25.0 + 6.84 * wind),
        )

    def _sun(self, day: float, hour: float) -> tuple[float, float, float]:
        """Sine of the sun's height, its declination and its hour angle in radians (Cooper 1969)."""
        declination = math.radians(23.45) * math.sin(2 * math.pi * (284 + day) / 365)
        b = 2 * math.pi * (day - 81) / 364
        equation_h = (9.87 * math.sin(2 * b) - 7.53 * math.cos(b) - 1.5 * math.sin(b)) / 60
        angle = math.radians(15 * (hour + self._longitude / 15 + equation_h - 12))
        latitude = math.radians(self._latitude)
        sine = math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(
            declination
        ) * math.cos(angle)
        return sine, declination, angle

    def _clearness(self, time: float, *, broken_clouds: bool) -> float:
        if broken_clouds:
            return 0.55 + 0.37 * smooth(self._seed + 5, time, 20)
        haze = 0.5 + 0.5 * smooth(self._seed + 6, time, 2 * 3600)
        return 0.90 + 0.08 * haze + 0.02 * smooth(self._seed + 7, time, 120)

    def _on_plane(
        self, level: float, sine: float, declination: float, angle: float, clearness: float
    ) -> float:
        """On a plane that faces the equator: beam, sky and ground apart (isotropic sky)."""
        if level <= 0 or sine <= 0.03:
            return max(0.0, level)
        latitude = math.radians(abs(self._latitude)) - self._tilt
        declination = math.copysign(declination, declination * self._latitude)
        incidence = math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(
            declination
        ) * math.cos(angle)
        diffuse = level * min(1.0, 0.14 + 1.1 * (1 - clearness))
        beam = (level - diffuse) * max(0.0, incidence) / sine
        tilt = math.cos(self._tilt)
        return beam + diffuse * (1 + tilt) / 2 + level * ALBEDO * (1 - tilt) / 2


def clear_sky(sine: float) -> float:
    """Irradiance on the level under a clear sky in W/m2 (Haurwitz 1945)."""
    return 1098.0 * sine * math.exp(-0.057 / sine) if sine > 0 else 0.0


def _calendar(time: float) -> tuple[float, float]:
    """Day of the year (from 1, close enough for the sun) and UTC hour of day."""
    days = time / DAY_S
    return days % YEAR_DAYS + 1, days % 1 * 24


def dew_point(temperature_c: float, humidity: float) -> float:
    """Dew point in degC from degC and a ratio (Magnus, WMO coefficients)."""
    gamma = math.log(max(humidity, 1e-3)) + 17.62 * temperature_c / (243.12 + temperature_c)
    return 243.12 * gamma / (17.62 - gamma)


def humidity_at(temperature_c: float, dew_point_c: float) -> float:
    """Relative humidity of air of this temperature and dew point, as a ratio."""
    wet = 17.62 * dew_point_c / (243.12 + dew_point_c)
    dry = 17.62 * temperature_c / (243.12 + temperature_c)
    return min(1.0, math.exp(wet - dry))
