"""Settings from a file and the environment, and what is said when they can't be."""

from __future__ import annotations

from pathlib import Path

import pytest

from ampacity.settings import SettingsError, load_settings


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text('data = "here"\n[gateway]\nocpp_port = 9000\n[api]\nport = 8000\n')
    settings = load_settings(file, {"AMPACITY_GATEWAY__OCPP_PORT": "9001", "OTHER": "1"})
    assert (settings.data, settings.gateway.ocpp_port, settings.api.port) == ("here", 9001, 8000)


def test_variables_of_tools_are_no_settings() -> None:
    assert load_settings(None, {"AMPACITY_CHROMIUM": "/bin/true"}) == load_settings(None, {})


@pytest.mark.parametrize(
    ("text", "environ", "words"),
    [
        ('data = "x"\nspeed = 3\n', {}, ("speed",)),
        ('[gateway]\nocpp_port = "many"\n', {}, ("gateway.ocpp_port", "int")),
        ("", {"AMPACITY_API__PORT": "high"}, ("api.port", "int")),
        ("data = \n", {}, ("node.toml", "no TOML")),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, text: str, environ: dict[str, str], words: tuple[str, ...]
) -> None:
    file = tmp_path / "node.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(file, environ)
    assert all(word in str(caught.value) for word in words)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml: No such file"):
        load_settings(tmp_path / "absent.toml", {})
