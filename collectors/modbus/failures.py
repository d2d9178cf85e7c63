"""What went wrong with a Modbus device, in words for an operator: what, where, what to do. Pure."""

from __future__ import annotations

import errno
import socket

from collectors.modbus import codec
from core.errors import Busy, DeviceError, DeviceTimeout, Refused, Unreachable


def unreachable(host: str, place: str, error: OSError, timeout_s: float) -> Unreachable:
    """Why no connection to `place` (host and port) could be made, and what to check."""
    refused = f"[Errno {errno.ECONNREFUSED}]"  # asyncio joins the errors of several addresses
    if isinstance(error, ConnectionRefusedError) or refused in str(error):
        return Unreachable(f"nothing listens at {place}: is the port right and Modbus enabled?")
    if isinstance(error, socket.gaierror):
        return Unreachable(f"the name '{host}' is not known: is it right, does DNS answer?")
    if isinstance(error, TimeoutError):
        return DeviceTimeout(
            f"{place} accepts no connection within {timeout_s:g} s: is the address right, the"
            " device on, and no firewall in between?"
        )
    why = (error.strerror or str(error)).lower()
    return Unreachable(f"{place} cannot be reached ({why}): is the network up?")


def no_answer(unit: int, place: str, timeout_s: float, tries: int) -> DeviceTimeout:
    """A unit that stayed silent."""
    return DeviceTimeout(
        f"no answer from unit {unit} at {place} within {timeout_s:g} s"
        f" ({tries} {'try' if tries == 1 else 'tries'}): is the unit id right, and the device on?"
    )


def hung_up(place: str) -> Unreachable:
    """A connection that ended while an answer was awaited."""
    return Unreachable(
        f"{place} closes the connection instead of answering: many devices serve few masters at a"
        " time, is another one connected?"
    )


def refusal(
    unit: int, place: str, request: codec.Request, answer: codec.ExceptionAnswer
) -> DeviceError:
    """What a Modbus exception means to an operator.

    Source: MODBUS Application Protocol V1.1b3, section 7, exception codes.
    """
    who = f"unit {unit} at {place}"
    code = answer.code
    if code == codec.GATEWAY_NO_ANSWER:
        return Unreachable(
            f"the gateway {place} answers, the device behind it (unit {unit}) does not: is it on,"
            " its unit id right, the serial line sound?"
        )
    if code == codec.GATEWAY_NO_PATH:
        return Unreachable(
            f"the gateway {place} answers, but has no way to unit {unit}: is the unit id right and"
            " routed in the gateway?"
        )
    if code in {codec.ACKNOWLEDGE, codec.DEVICE_BUSY}:
        return Busy(f"{who} is busy (exception {code}): it asks to be left alone for a moment")
    meaning = _MEANINGS.get(code, "a code that the standard does not know")
    return Refused(f"{who} refuses {request} (exception {code}: {meaning})", code)


_MEANINGS = {
    codec.ILLEGAL_FUNCTION: "it does not know function codes of this kind",
    codec.ILLEGAL_ADDRESS: "there is no such address; does the profile fit the device?",
    codec.ILLEGAL_VALUE: "it does not take this count; the range may be too long for it",
    codec.DEVICE_FAILURE: "it failed to do what was asked",
    7: "negative acknowledge",
    8: "its memory has a parity error",
}
