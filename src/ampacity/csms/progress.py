"""How firmware updates, publications and log uploads go on: which word of a station may follow which, when
one is over, and when one stands still.

Nothing is thrown away: a word that may not follow is kept as unexpected. It counts all the same, because the
station knows better than the table, but for one thing: what was over does not begin again by a word of its
former course (messages overtake each other). An end may be followed by another end.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from msgspec import Struct

Course: TypeAlias = Literal["install", "publish", "log"]
Phase: TypeAlias = Literal["open", "done", "failed", "cancelled", "refused"]

ASKED = "Requested"
"""Before the station's first word."""


class Step(Struct, frozen=True, kw_only=True):
    """A word of the station, or of ours where it said none."""

    at: datetime
    status: str
    expected: bool = True
    note: str = ""


class Advance(Struct, frozen=True):
    """What a word makes of a job."""

    state: str
    phase: Phase
    expected: bool
    news: bool
    """False: said again (a triggered notification), nothing to keep."""


_INSTALLING = frozenset({"Installing", "InstallRebooting", "Installed", "InstallationFailed"})
_VERIFIED = _INSTALLING | {"InstallScheduled", "InstallVerificationFailed"}
_INSTALL: Mapping[str, frozenset[str]] = {
    # L01 and L02 with their figures of states; Installing may be left out (L01.FR.23), DownloadScheduled and
    # InstallScheduled come where something has to be waited for.
    ASKED: frozenset({"DownloadScheduled", "Downloading", "DownloadFailed"}),
    "DownloadScheduled": frozenset({"Downloading", "DownloadPaused", "DownloadFailed"}),
    "Downloading": frozenset({"Downloading", "DownloadPaused", "Downloaded", "DownloadFailed"}),
    "DownloadPaused": frozenset({"Downloading", "DownloadScheduled", "DownloadFailed"}),
    "Downloaded": frozenset({"SignatureVerified", "InvalidSignature"}) | _VERIFIED,
    "SignatureVerified": _VERIFIED,
    "InstallScheduled": _VERIFIED,
    "Installing": _VERIFIED,
    "InstallRebooting": _VERIFIED,
    "Installed": frozenset({"Idle"}),
    "DownloadFailed": frozenset({"Downloading", "Idle"}),
    "InvalidSignature": frozenset({"Idle"}),
    "InstallationFailed": frozenset({"Idle"}),
    "InstallVerificationFailed": frozenset({"Idle", "InstallationFailed"}),
}

_PUBLISH: Mapping[str, frozenset[str]] = {
    # L03.
    ASKED: frozenset({"DownloadScheduled", "Downloading", "DownloadFailed"}),
    "DownloadScheduled": frozenset({"Downloading", "DownloadPaused", "DownloadFailed"}),
    "Downloading": frozenset({"Downloading", "DownloadPaused", "Downloaded", "DownloadFailed"}),
    "DownloadPaused": frozenset({"Downloading", "DownloadFailed"}),
    "Downloaded": frozenset({"ChecksumVerified", "InvalidChecksum", "Published", "PublishFailed"}),
    "ChecksumVerified": frozenset({"Published", "PublishFailed"}),
    "Published": frozenset({"Idle"}),
    "DownloadFailed": frozenset({"Downloading", "Idle"}),
    "InvalidChecksum": frozenset({"Idle"}),
    "PublishFailed": frozenset({"Idle"}),
}

_LOG_FAILURES = ("UploadFailure", "UploadFailed", "BadMessage", "PermissionDenied", "NotSupportedOperation")
_LOG: Mapping[str, frozenset[str]] = {
    # N01; 1.6's diagnostics end in UploadFailed, everybody else's in UploadFailure or its reasons.
    ASKED: frozenset({"Uploading", "AcceptedCanceled", *_LOG_FAILURES}),
    "Uploading": frozenset({"Uploading", "Uploaded", "AcceptedCanceled", *_LOG_FAILURES}),
    "Uploaded": frozenset({"Idle"}),
    "AcceptedCanceled": frozenset({"Idle"}),
    **{word: frozenset({"Uploading", "Idle"}) for word in _LOG_FAILURES},
}

_ORDERS: Mapping[Course, Mapping[str, frozenset[str]]] = {
    "install": _INSTALL,
    "publish": _PUBLISH,
    "log": _LOG,
}

_TRIED_AGAIN = ("Downloading", "Uploading")
"""A station may say these again with each attempt (L01.FR.30, N01.FR.10)."""

_ENDS: Mapping[str, Phase] = {
    "Installed": "done",
    "Published": "done",
    "Uploaded": "done",
    "DownloadFailed": "failed",
    "InvalidSignature": "failed",
    "InstallationFailed": "failed",
    "InstallVerificationFailed": "failed",
    "InvalidChecksum": "failed",
    "PublishFailed": "failed",
    **dict.fromkeys(_LOG_FAILURES, "failed"),
    "AcceptedCanceled": "cancelled",
}

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_PATIENCE: Mapping[str, timedelta] = {
    ASKED: timedelta(minutes=15),
    "DownloadScheduled": _HOUR,
    "InstallScheduled": _HOUR,
    "DownloadPaused": _DAY,
    "Downloading": 2 * _HOUR,
    "Downloaded": _HOUR,
    "SignatureVerified": _HOUR,
    "ChecksumVerified": _HOUR,
    "Installing": 2 * _HOUR,
    "InstallRebooting": _HOUR,
    "Uploading": _HOUR,
}
"""How long a state may last without a word, before somebody should look. Those that wait for something
(`Scheduled`) count from when it was to happen, or wait a day for transactions to end.
"""


def advance(course: Course, state: str, phase: Phase, status: str) -> Advance:
    """What `status`, said in `state`, makes of a job."""
    if status == state and status not in _TRIED_AGAIN:
        return Advance(state, phase, True, False)
    if status == "Idle":
        # Nothing is being done: that is so after an end, and says that something was lost before one.
        return Advance(state, phase, phase != "open", phase == "open")
    expected = status in _ORDERS[course].get(state, frozenset())
    end = _ENDS.get(status)
    if phase == "open" or end is not None:
        return Advance(status, end or "open", expected, True)
    if expected and phase != "cancelled":  # tried again after a failure
        return Advance(status, "open", True, True)
    return Advance(state, phase, False, True)


def stalls_at(
    state: str, since: datetime, retrieve_at: datetime | None = None, install_at: datetime | None = None
) -> datetime:
    """When a job that has been in `state` since `since` without a word stands still."""
    planned = {"DownloadScheduled": retrieve_at, "InstallScheduled": install_at, ASKED: None}.get(state)
    patience = _PATIENCE.get(state, _HOUR)
    if state in ("DownloadScheduled", "InstallScheduled"):
        if planned is None or planned <= since:
            return since + _DAY  # for transactions that must end first
        return planned + patience
    return since + patience
