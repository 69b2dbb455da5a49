"""The resolved configuration as a report shows it."""

from __future__ import annotations

import pytest

from bayescope.config.load import load_mapping
from bayescope.config.nodes import parse_document
from bayescope.inference.registry import SETTINGS
from bayescope.reports.provenance import config_text


@pytest.mark.parametrize("counts", [{1: 700, 0: 300}, {0.5: 1, "0.5": 2}, {"yes": 3, "1": 2}])
def test_counts_are_written_as_the_mapping_that_they_were(counts):
    mapping = {
        "name": "counts",
        "data": {"counts": {"y": counts}},
        "model": {"likelihood": "Categorical", "response": "y"},
        "inference": ["map"],
    }
    config = load_mapping(mapping, methods=SETTINGS).config
    written = parse_document(config_text(config.model_dump(mode="json", exclude_none=True)), "").data
    assert written["data"]["counts"] == {"y": counts}
    assert load_mapping(written, methods=SETTINGS).config == config


def test_a_long_list_is_cut():
    text = config_text({"data": {"columns": {"y": [*range(20)]}}})
    assert parse_document(text, "").data["data"]["columns"]["y"] == [*range(12), "... 8 more"]
