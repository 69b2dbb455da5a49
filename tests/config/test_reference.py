"""docs/yaml-reference.md lists what there is."""

from pathlib import Path

import pytest

from bayescope.config.priors import signature
from bayescope.config.schema import SECTIONS
from bayescope.distributions.distributions import DISTRIBUTIONS
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.inference.registry import SETTINGS

REFERENCE = (Path(__file__).parents[2] / "docs" / "yaml-reference.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("distribution", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
def test_every_distribution_is_listed_with_its_arguments(distribution):
    assert f"\n| `{signature(distribution)}` | " in REFERENCE


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_likelihood_is_listed(likelihood):
    assert f"\n| `{likelihood}` | " in REFERENCE


@pytest.mark.parametrize(
    "key", sorted({key for section in SECTIONS.values() for key in section.model_fields})
)
def test_every_key_is_listed(key):
    assert any(row.startswith("| `") and f"`{key}`" in row.split(" | ")[0] for row in REFERENCE.splitlines())


@pytest.mark.parametrize("method", SETTINGS)
def test_every_setting_of_every_method_is_listed(method):
    [row] = [row for row in REFERENCE.splitlines() if row.startswith(f"| `{method}` | ")]
    assert all(f"`{name}: " in row for name in SETTINGS[method].model_fields)
