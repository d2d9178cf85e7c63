"""How long things take in the simulated plant: every duration in one place, each with its reason.

Where a real plant is slow (a return to mains after half an hour, a chiller that restarts in five
minutes), the simulated one is quicker, so that a mains failure can be watched from end to end in a
few minutes. The order of things is the real one. All values in seconds.
"""

STEP_S_MAX = 0.5
"""Longest single step of the physics: half of the shortest duration below."""

MAINS_CONFIRM_S = 3.0
"""Mains must be away this long before generators are called: 1 to 10 s in practice."""

CRANK_S = 4.0
"""A healthy, preheated engine fires within this time."""

CRANK_WINDOW_S = 6.0
"""Length of one attempt of an engine that does not fire: 15 s in practice (NFPA 110)."""

CRANK_REST_S = 5.0
"""Rest of the starter between attempts: 15 s in practice."""

CRANK_ATTEMPTS = 3
"""Attempts before the controller gives up with `fail to start`."""

RUN_UP_S = 4.0
"""From firing to rated speed and voltage; with confirmation and cranking about 10 s in all."""

SYNC_S = 3.0
"""Each generator after the first synchronises to the live bus: 2 to 10 s in practice."""

GENSETS_WAIT_S = 12.0
"""Switches wait this long after the first generator for the others, then take what there is."""

ALTERNATE_STABLE_S = 2.0
"""An alternate source must stand this long before a switch moves to it."""

TRANSFER_S = 1.0
"""Open transition of a motor-driven transfer switch."""

STAGGER_S = 2.0
"""Switches move one after the other, so that the load steps stay small for the generators."""

RETRANSFER_S = 60.0
"""Mains must be back this long before the switches return: 5 to 30 min in practice."""

STS_RETURN_S = 10.0
"""A static switch goes back to its preferred source after this time."""

TIE_CONFIRM_S = 8.0
"""A tie in auto closes when one side has been dead this long: longer than transfer switches take
one after the other, so that it does not move for one that is about to."""

TIE_RETURN_S = 5.0
"""It opens again when both sides have had a supply of their own this long: minutes in practice."""

COOLDOWN_S = 60.0
"""A generator runs on without load to cool its turbo: 3 to 5 min in practice."""

STOPPING_S = 8.0
"""From the stop of the fuel to standstill."""

OVERLOAD_TRIP_S = 10.0
"""A generator above 110 % of its rating trips after this time."""

UPS_QUALIFY_S = 2.0
"""A UPS watches a returning input this long before its rectifier starts."""

UPS_WALK_IN_S = 10.0
"""The rectifier takes the load over from the battery in a ramp: 10 to 30 s in practice."""

UPS_RECHARGE_WAIT_S = 5.0
"""Recharge starts this long after the walk-in, when the generators have settled."""

CHILLER_RESTART_S = 30.0
"""A chiller with fast restart, after its power is back: 1 to 3 min in practice."""

CHILLER_RAMP_S = 60.0
"""From start to full capacity."""

FAN_START_S = 5.0
"""CRAH fans and pumps are back at speed this long after their power."""
