"""InfluxDB's write API through influxdb-client: ready-made bytes in, one kind of error out.

The synchronous API is used because its errors surface; the batching one loses data. Imported only
where InfluxDB is configured, because the library is heavy. Above this file nobody names it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import cast

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException

from core.clock import Clock
from history.influx import InfluxTarget, Refusal

TIMEOUT_S = 10.0
"""One request, from connecting to the end of the answer."""


class InfluxClient:
    """The `history.influx.LineWriter` of a real server."""

    def __init__(self, target: InfluxTarget, clock: Clock) -> None:
        self._target = target
        self._clock = clock
        self._client = InfluxDBClient(
            url=target.url, token=target.token, org=target.org, timeout=round(TIMEOUT_S * 1000)
        )
        self._api = self._client.write_api(write_options=SYNCHRONOUS)

    def write(self, body: bytes) -> None:
        """Send lines with times in milliseconds. Raises `Refusal` when the server did not take
        them."""
        with self._errors():
            self._api.write(
                bucket=self._target.bucket,
                org=self._target.org,
                record=body,
                write_precision=cast(
                    "WritePrecision", WritePrecision.MS
                ),  # the constants are texts
            )

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]  # the library's omission

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except ApiException as error:
            raise Refusal(
                status=int(error.status or 0),
                message=str(error.body or error.reason or "").strip(),
                retry_after_s=self._retry_after_s(
                    error.headers.get("Retry-After", "") if error.headers else ""
                ),
            ) from error
        except urllib3.exceptions.ProtocolError as error:
            raise Refusal(status=0, message=str(error), cut_off=True) from error
        except urllib3.exceptions.HTTPError as error:
            raise Refusal(status=0, message=str(error)) from error

    def _retry_after_s(self, text: str) -> float:
        """Seconds of a Retry-After header: a number, or a date (RFC 9110 section 10.2.3)."""
        if not text:
            return 0.0
        try:
            return max(0.0, float(text))
        except ValueError:
            pass
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        return max(0.0, (moment - datetime.fromtimestamp(self._clock.now(), UTC)).total_seconds())
