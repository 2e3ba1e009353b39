"""The order of words, and when a job stands still: tables and properties, no product around them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.csms.following import fit_to_show
from ampacity.csms.progress import ASKED, Course, advance, stalls_at
from ampacity.ocpp.messages import v16, v21

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WORDS: dict[str, list[str]] = {
    "install": [*get_args(v21.FirmwareStatusEnumType)],
    "publish": [*get_args(v21.PublishFirmwareStatusEnumType)],
    "log": [*get_args(v21.UploadLogStatusEnumType), *get_args(v16.DiagnosticsStatus)],
}
FINAL = {
    "install": {
        "Installed": "done",
        "DownloadFailed": "failed",
        "InvalidSignature": "failed",
        "InstallationFailed": "failed",
        "InstallVerificationFailed": "failed",
    },
    "publish": {
        "Published": "done",
        "DownloadFailed": "failed",
        "InvalidChecksum": "failed",
        "PublishFailed": "failed",
    },
    "log": {
        "Uploaded": "done",
        "UploadFailure": "failed",
        "UploadFailed": "failed",
        "BadMessage": "failed",
        "PermissionDenied": "failed",
        "NotSupportedOperation": "failed",
        "AcceptedCanceled": "cancelled",
    },
}


@pytest.mark.parametrize(
    ("course", "words"),
    [
        ("install", "Downloading Downloaded SignatureVerified Installing InstallRebooting Installed"),
        (
            "install",
            "DownloadScheduled Downloading DownloadPaused Downloading Downloaded Installing Installed",
        ),
        ("install", "Downloading Downloaded InstallScheduled InstallRebooting Installing Installed"),
        ("install", "Downloading Downloaded SignatureVerified Installed"),  # A/B, without a word between
        ("install", "Downloading DownloadFailed Downloading Downloaded InvalidSignature"),
        ("publish", "DownloadScheduled Downloading Downloaded ChecksumVerified Published Idle"),
        ("publish", "Downloading Downloaded InvalidChecksum"),
        ("log", "Uploading Uploading Uploaded Idle"),
        ("log", "Uploading UploadFailure Uploading Uploaded"),
        ("log", "Uploading AcceptedCanceled"),
    ],
)
def test_courses_of_the_standard_are_expected(course: Course, words: str) -> None:
    state, phase = ASKED, "open"
    for word in words.split():
        made = advance(course, state, phase, word)  # type: ignore[arg-type]
        assert made.expected, (state, word)
        state, phase = made.state, made.phase


@pytest.mark.parametrize(
    ("course", "state", "phase", "word", "becomes"),
    [
        ("install", ASKED, "open", "Installed", ("Installed", "done")),  # the station knows better
        ("install", "Installing", "open", "Downloading", ("Downloading", "open")),
        ("install", "Installed", "done", "Downloading", ("Installed", "done")),  # overtaken
        ("install", "Installed", "done", "InstallationFailed", ("InstallationFailed", "failed")),
        ("install", "DownloadFailed", "failed", "Installed", ("Installed", "done")),
        ("install", "Downloading", "open", "Idle", ("Downloading", "open")),
        ("install", "Downloading", "cancelled", "Downloaded", ("Downloading", "cancelled")),
        ("log", "Uploaded", "done", "Uploading", ("Uploaded", "done")),
    ],
)
def test_what_is_out_of_order_is_told(
    course: Course, state: str, phase: str, word: str, becomes: tuple[str, str]
) -> None:
    made = advance(course, state, phase, word)  # type: ignore[arg-type]
    assert (made.state, made.phase) == becomes
    assert made.news
    assert not made.expected


def test_what_is_said_again_is_no_news() -> None:
    assert not advance("install", "Downloaded", "open", "Downloaded").news
    assert not advance("install", "Installed", "done", "Installed").news
    assert not advance("install", "Installed", "done", "Idle").news
    assert advance("install", "Downloading", "open", "Downloading").news  # each attempt


@given(st.data())
def test_any_words_end_where_the_last_end_says(data: st.DataObject) -> None:
    course = data.draw(st.sampled_from(get_args(Course)))
    state, phase, last = ASKED, "open", None
    for word in data.draw(st.lists(st.sampled_from(WORDS[course]), max_size=12)):
        made = advance(course, state, phase, word)
        state, phase = made.state, made.phase
        if word in FINAL[course]:
            last = word
        assert (phase != "open") == (state in FINAL[course])
        if phase != "open":
            assert last is not None
            assert phase == FINAL[course][state]


@pytest.mark.parametrize(
    ("state", "retrieve_h", "install_h", "after_h"),
    [
        (ASKED, None, None, 0.25),
        ("Downloading", None, None, 2),
        ("DownloadScheduled", 10, None, 11),
        ("DownloadScheduled", None, None, 24),  # waits for transactions
        ("DownloadScheduled", -1, None, 24),
        ("InstallScheduled", None, 48, 49),
        ("InstallRebooting", None, 48, 1),
        ("Uploading", None, None, 1),
    ],
)
def test_when_a_job_stands_still(
    state: str, retrieve_h: float | None, install_h: float | None, after_h: float
) -> None:
    def at(hours: float | None) -> datetime | None:
        return None if hours is None else NOON + timedelta(hours=hours)

    assert stalls_at(state, NOON, at(retrieve_h), at(install_h)) == at(after_h)


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://a.example/files/" + "x" * 43 + "/fw.bin", "https://a.example/files/***/fw.bin"),
        ("https://a.example/files/" + "x" * 43, "https://a.example/files/***"),
        ("ftp://user:pass@a.example/fw.bin", "ftp://***@a.example/fw.bin"),
        ("https://a.example/fw.bin", "https://a.example/fw.bin"),
        ('{"location":"https://a/b","note":"me@b"}', '{"location":"https://a/b","note":"me@b"}'),
    ],
)
def test_secrets_of_addresses_are_not_shown(location: str, shown: str) -> None:
    assert fit_to_show(location) == shown
