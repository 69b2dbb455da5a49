"""Where a run came from: seed, versions, hashes, timings, the command, and the configuration as text."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from bayescope.inference.fit import Fit
from bayescope.reports.formatting import duration, plain
from bayescope.reports.record import RunRecord
from bayescope.reports.tables import TextTable, text_table

_MOST_ITEMS = 12


def provenance_table(record: RunRecord) -> TextTable:
    """What identifies a run, and which of its answers were computed by an earlier one."""
    recalled = [("from the cache", f"{', '.join(record.recalled)}; times are those of the run that fitted")]
    return text_table(
        "item|value",
        [
            ("run", record.name),
            ("made", record.created),
            ("seed", str(record.seed)),
            ("data", plain(record.data.source)),
            ("data sha256", record.data.fingerprint),
            ("command", plain(record.command)),
            *(recalled if record.recalled else ()),
        ],
    )


def versions_table(record: RunRecord) -> TextTable:
    """The versions of what computed it."""
    return text_table(
        "software|version", [(plain(name), plain(version)) for name, version in record.versions.items()]
    )


def timings_table(record: RunRecord, fits: Sequence[Fit]) -> TextTable:
    """Wall-clock times of the stages, and of the methods' phases."""
    rows = [(plain(stage), duration(seconds)) for stage, seconds in record.timings.items()]
    rows += [
        (f"{fit.name}: {plain(phase)}", duration(seconds))
        for fit in fits
        for phase, seconds in fit.timings.items()
        if phase != "total" or len(fit.timings) == 1
    ]
    return text_table("stage|time", rows, numeric="time")


def config_text(config: Mapping[str, Any]) -> str:
    """Write the resolved configuration as YAML; long lists are cut, since run.json has them whole."""
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    yaml.width = 96
    buffer = io.StringIO()
    yaml.dump(_abbreviated(_with_counts(config)), buffer)
    return buffer.getvalue()


def _with_counts(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write counts as a configuration does: a mapping, whose keys may be numbers."""
    data = config.get("data", {})
    counts = {name: dict(pairs) for name, pairs in data.get("counts", {}).items()}
    return {**config, "data": {**data, "counts": counts}} if counts else config


def _abbreviated(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _abbreviated(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_abbreviated(item) for item in value[:_MOST_ITEMS]]
        return items + ([f"... {len(value) - _MOST_ITEMS} more"] if len(value) > _MOST_ITEMS else [])
    return value
