"""Fits as files: a netCDF file of ArviZ's groups, with a group of our own for the rest of a `Fit`.

    /posterior, /sample_stats, ...   what ArviZ reads; a fit with draws but no tree has one variable `theta`
    /bayescope                       `record` (JSON: everything that is neither array nor table)
    /bayescope/point                 `estimate`, and `covariance` or `standard_errors`, along `parameter`
    /bayescope/marginals/<i>         content of the i-th marginal

Labels are coordinates, never names, so they may hold any character. Nothing is pickled.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayescope.errors import RunFolderError
from bayescope.inference.draws import flat_draws
from bayescope.inference.fit import Fit, Marginal, Outcome
from bayescope.inference.marginals import Draws, marginal_from_arrays

if TYPE_CHECKING:
    import xarray as xr

FORMAT = 1
_GROUP = "bayescope"
_AS_JSON = ("name", "method", "kind", "log_evidence", "settings", "timings", "details")


def save_fit(fit: Fit, path: Path) -> None:
    """Write a fit to `path`, as netCDF 4.

    The file is made in memory first: HDF5 brings the process down if the disk is full while it writes.
    Raises RunFolderError if the file cannot be written.
    """
    content = fit_to_bytes(fit)
    try:
        path.write_bytes(content)
    except OSError as reason:
        raise RunFolderError(f"{path} cannot be written: {reason.strerror}.") from None


def load_fit(path: Path) -> Fit:
    """Read a fit that `save_fit` wrote; every field is as it was (but tuples in settings are lists).

    Raises RunFolderError if the file is missing, damaged, or not a fit.
    """
    try:
        content = path.read_bytes()
    except OSError as reason:
        raise _unreadable(str(path), reason) from None
    return fit_from_bytes(content, str(path))


def fit_to_bytes(fit: Fit) -> bytes:
    """Write a fit as the content of a netCDF 4 file; equal fits make equal content."""
    return bytes(fit_to_tree(fit).to_netcdf(engine="h5netcdf"))


def fit_from_bytes(content: bytes, source: str) -> Fit:
    """Read what `fit_to_bytes` wrote; `source` is what messages call it.

    Raises RunFolderError if the content is damaged, or not a fit.
    """
    import xarray as xr

    try:
        with xr.open_datatree(io.BytesIO(content), engine="h5netcdf") as tree:
            return fit_from_tree(tree.load())
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as reason:
        raise _unreadable(source, reason) from None


def _unreadable(source: str, reason: Exception) -> RunFolderError:
    return RunFolderError(f"{source} cannot be read as a stored fit ({reason}). Run the fit again.")


def fit_to_tree(fit: Fit) -> xr.DataTree:
    """Lay out a fit as a DataTree of numbers, text and JSON; the module's docstring has the groups."""
    import xarray as xr

    groups = {f"/{name}": dataset for name, dataset in _draw_groups(fit).items()}
    groups[f"/{_GROUP}"] = xr.Dataset({"record": json.dumps(_record(fit), default=_plain)})
    groups[f"/{_GROUP}/point"] = _point(fit)
    for i, marginal in enumerate((fit.marginals or {}).values()):
        groups[f"/{_GROUP}/marginals/{i}"] = _marginal_dataset(marginal, fit)
    return xr.DataTree.from_dict(groups)


def fit_from_tree(tree: xr.DataTree) -> Fit:
    """Make the fit that `fit_to_tree` laid out; raises ValueError for a tree of another format."""
    own = tree.children[_GROUP]
    record = json.loads(str(own["record"].item()))
    if record["format"] != FORMAT:
        raise ValueError(f"format {record['format']} is not {FORMAT}, which this version of bayescope reads")
    names = tuple(record["names"])
    groups = _groups_of(tree, record["variables"])
    draws = _flat(groups["posterior"]) if "posterior" in groups else None
    point = own.children["point"].to_dataset(inherit=False)
    return Fit(
        **{field: record[field] for field in _AS_JSON},
        names=names,
        outcome=Outcome(**record["outcome"]),
        blueprint=record.get("blueprint", {}),
        estimate=_array(point, "estimate"),
        covariance=_array(point, "covariance"),
        standard_errors=_array(point, "standard_errors"),
        marginals=_marginals(own, record["marginals"], names, draws),
        draws=draws,
        tree=_tree(groups) if record["has_tree"] else None,
    )


def _record(fit: Fit) -> dict[str, Any]:
    posterior = _draw_groups(fit).get("posterior")
    return {
        "format": FORMAT,
        **{field: getattr(fit, field) for field in _AS_JSON},
        "names": fit.names,
        "outcome": asdict(fit.outcome),
        "blueprint": fit.blueprint,
        "marginals": fit.marginals and [[name, type(m).__name__] for name, m in fit.marginals.items()],
        "variables": [] if posterior is None else list(posterior.data_vars),
        "has_tree": fit.tree is not None,
    }


def _plain(value: Any) -> Any:
    """What JSON does not know by itself: read-only mappings, numbers and arrays of numpy."""
    return dict(value) if isinstance(value, Mapping) else value.tolist()


def _draw_groups(fit: Fit) -> dict[str, xr.Dataset]:
    import xarray as xr

    if fit.tree is not None:
        return {name: child.to_dataset() for name, child in fit.tree.children.items()}
    if fit.draws is None:
        return {}
    theta = (("chain", "draw", "parameter"), fit.draws)
    return {"posterior": xr.Dataset({"theta": theta}, {"parameter": np.array(fit.names, dtype=object)})}


def _groups_of(tree: xr.DataTree, variables: list[str]) -> dict[str, xr.Dataset]:
    groups = {name: child.to_dataset() for name, child in tree.children.items() if name != _GROUP}
    # A file does not keep the order of variables, which is the order of theta.
    return {name: group[variables] if name == "posterior" else group for name, group in groups.items()}


def _flat(posterior: xr.Dataset) -> NDArray[np.float64]:
    return flat_draws({str(name): array.values for name, array in posterior.data_vars.items()})


def _tree(groups: Mapping[str, xr.Dataset]) -> xr.DataTree:
    import xarray as xr

    return xr.DataTree.from_dict(dict(groups))


def _point(fit: Fit) -> xr.Dataset:
    import xarray as xr

    labels = np.array(fit.names, dtype=object)
    dims = {
        "estimate": ("parameter",),
        "standard_errors": ("parameter",),
        "covariance": ("parameter", "other"),
    }
    known = {name: (dims[name], getattr(fit, name)) for name in dims if getattr(fit, name) is not None}
    return xr.Dataset(known, {"parameter": labels, "other": labels})


def _array(dataset: xr.Dataset, name: str) -> NDArray[np.float64] | None:
    return np.asarray(dataset[name].values) if name in dataset else None


def _marginal_dataset(marginal: Any, fit: Fit) -> xr.Dataset:
    """A marginal's arrays; draws are in the posterior already."""
    import xarray as xr

    if isinstance(marginal, Draws) and fit.draws is not None:
        return xr.Dataset()
    arrays = {name: np.asarray(value) for name, value in marginal.to_arrays().items()}
    return xr.Dataset(
        {name: ([f"{name}_{axis}" for axis in range(array.ndim)], array) for name, array in arrays.items()}
    )


def _marginals(
    own: xr.DataTree,
    kinds: list[list[str]] | None,
    names: tuple[str, ...],
    draws: NDArray[np.float64] | None,
) -> dict[str, Marginal] | None:
    if kinds is None:
        return None
    made: dict[str, Marginal] = {}
    for i, (name, kind) in enumerate(kinds):
        if kind == Draws.__name__ and draws is not None:
            made[name] = Draws(draws[:, :, names.index(name)])
        else:
            stored = own.children["marginals"].children[str(i)].to_dataset(inherit=False)
            made[name] = marginal_from_arrays(kind, {str(k): v.values for k, v in stored.data_vars.items()})
    return made
