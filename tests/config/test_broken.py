"""Every broken configuration in `broken/` is refused with exactly the lines in `broken/expected.yaml`."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bayescope.config.load import load_config
from bayescope.errors import ConfigError
from bayescope.inference.registry import SETTINGS

FOLDER = Path(__file__).parent / "broken"
EXPECTED = YAML(typ="safe", pure=True).load(FOLDER / "expected.yaml")


def test_every_broken_configuration_has_its_expected_lines():
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"expected.yaml"}
    assert files == EXPECTED.keys()
    assert len(files) >= 45


@pytest.mark.parametrize("name", EXPECTED)
def test_a_broken_configuration_is_refused_line_by_line(name, monkeypatch):
    monkeypatch.chdir(FOLDER)
    with pytest.raises(ConfigError) as refusal:
        load_config(name, methods=SETTINGS)
    assert str(refusal.value).splitlines() == EXPECTED[name]
    assert refusal.value.exit_code == 2
