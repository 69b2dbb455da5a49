"""A stored fit is the fit that was saved, and a file that any netCDF reader opens."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
import xarray as xr

from bayescope.errors import RunFolderError
from bayescope.inference.draws import draws_tree, flat_draws
from bayescope.inference.fit import Fit, Outcome
from bayescope.inference.marginals import Beta, Draws, Normal, NormalMixture
from bayescope.inference.store import fit_from_tree, fit_to_tree, load_fit, save_fit

NAMES = ("Intercept", "x / 100", "C(größe)[T.sehr, groß]", "a:b", "日本 \\ '\"")


def point_fit():
    """A point with everything a point can have: undefined numbers, awkward names, nested details."""
    covariance = np.diag([1.0, np.nan, 1e-300, 4.0, 5.0])
    return Fit(
        name="map-tight",
        method="map",
        kind="point",
        names=NAMES,
        outcome=Outcome("flagged", "p = 1 is on the boundary", "Give it a prior."),
        estimate=np.array([1.0 / 3.0, np.nan, -0.0, np.inf, 5e-324]),
        covariance=covariance,
        settings={"tolerance": 1e-9, "start": None},
        timings={"total": 0.1 + 0.2},
        details={
            "kkt_residual": np.float64(1e-12),
            "boundary": ["a:b"],
            "nested": {"iterations": np.int64(3)},
        },
    )


def exact_fit():
    """Closed forms, draws without a tree, and a log evidence."""
    rng = np.random.default_rng(4)
    draws = rng.normal(size=(2, 30, 5))
    mixture = NormalMixture(np.array([0.25, 0.75]), np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    forms = (Normal(0.1, 2.0), mixture, Beta(8.0, 6.0), Draws(draws[:, :, 3]), Normal(1.0, 1.0))
    return replace(
        point_fit(),
        name="exact",
        method="exact",
        kind="posterior",
        outcome=Outcome(),
        draws=draws,
        log_evidence=-1.0 / 7.0,
        marginals=dict(zip(NAMES, forms, strict=True)),
    )


def no_answer():
    """A method that did not apply."""
    return Fit(
        "mle", "mle", "point", NAMES, Outcome("not applicable", "complete separation by a:b", "Use map.")
    )


def assert_same(stored, fit):
    for field in fields(Fit):
        left, right = getattr(stored, field.name), getattr(fit, field.name)
        if isinstance(right, np.ndarray):
            np.testing.assert_array_equal(left, right, err_msg=field.name)
            assert left.dtype == right.dtype
        elif isinstance(right, xr.DataTree):
            assert left.identical(right)
        elif field.name == "marginals" and right is not None:
            assert list(left) == list(right)
            assert [(type(m), m.to_arrays().keys()) for m in left.values()] == [
                (type(m), m.to_arrays().keys()) for m in right.values()
            ]
            x = np.linspace(0.01, 0.99, 5)
            for name, marginal in right.items():
                np.testing.assert_array_equal(left[name].cdf(x), marginal.cdf(x))
        else:
            assert left == right, field.name


@pytest.mark.parametrize("fit", [point_fit(), exact_fit(), no_answer()], ids=["point", "exact", "no answer"])
def test_every_field_comes_back(fit, tmp_path):
    save_fit(fit, tmp_path / "fit.nc")
    assert_same(load_fit(tmp_path / "fit.nc"), fit)


def test_nuts_fit_comes_back_with_its_tree(line_fit, tmp_path):
    save_fit(line_fit, tmp_path / "nuts.nc")
    assert_same(load_fit(tmp_path / "nuts.nc"), line_fit)


def test_tree_in_memory_and_back(line_fit):
    assert_same(fit_from_tree(fit_to_tree(line_fit)), line_fit)


def test_equal_fits_make_equal_files(line_fit, tmp_path):
    save_fit(line_fit, tmp_path / "one.nc")
    save_fit(line_fit, tmp_path / "two.nc")
    assert (tmp_path / "one.nc").read_bytes() == (tmp_path / "two.nc").read_bytes()


def test_arviz_reads_the_posterior(line_fit, tmp_path):
    import arviz

    save_fit(line_fit, tmp_path / "nuts.nc")
    summary = arviz.summary(arviz.from_netcdf(tmp_path / "nuts.nc"), round_to="none")
    assert list(summary.index) == ["Intercept", "coefficients[a]", "coefficients[b]", "sigma"]
    np.testing.assert_allclose(summary["mean"], line_fit.estimate)


def test_draws_tree_keeps_labels_as_coordinates_and_the_order_of_theta(line):
    draws = np.random.default_rng(5).normal(size=(2, 6, 4))
    tree = draws_tree(line, draws, {"diverging": np.zeros((2, 6), bool)}, {"inference_library": "none"})
    posterior = tree["posterior"]
    assert list(posterior.data_vars) == ["Intercept", "coefficients", "sigma"]
    assert posterior["coefficients"].dims == ("chain", "draw", "coefficient")
    assert list(posterior["coefficient"].values) == ["a", "b"]
    assert tree["sample_stats"].attrs == posterior.attrs == {"inference_library": "none"}
    values = {name: array.values for name, array in posterior.data_vars.items()}
    np.testing.assert_array_equal(flat_draws(values), draws)


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9])
def test_a_damaged_file_is_refused_by_name(tmp_path, kept):
    save_fit(exact_fit(), tmp_path / "fit.nc")
    content = (tmp_path / "fit.nc").read_bytes()
    (tmp_path / "fit.nc").write_bytes(content[: int(kept * len(content))])
    with pytest.raises(RunFolderError, match=r"fit\.nc cannot be read as a stored fit"):
        load_fit(tmp_path / "fit.nc")


def test_other_files_are_refused(tmp_path, line_fit):
    line_fit.tree.to_netcdf(tmp_path / "foreign.nc", engine="h5netcdf")
    for name in ("foreign.nc", "missing.nc"):
        with pytest.raises(RunFolderError, match="cannot be read as a stored fit"):
            load_fit(tmp_path / name)


def test_a_later_format_is_refused(tmp_path):
    tree = fit_to_tree(point_fit())
    record = str(tree["bayescope"]["record"].item()).replace('"format": 1', '"format": 99')
    tree["bayescope"]["record"] = xr.DataArray(record)
    with pytest.raises(ValueError, match="format 99 is not 1"):
        fit_from_tree(tree)


def test_a_file_that_cannot_be_written_is_an_error_of_the_run_folder(tmp_path):
    with pytest.raises(RunFolderError, match="cannot be written: No such file"):
        save_fit(point_fit(), tmp_path / "nowhere" / "fit.nc")


def test_storing_a_fit_without_a_sampler_imports_neither_pymc_nor_arviz(tmp_path):
    save_fit(exact_fit(), tmp_path / "fit.nc")
    script = (
        "import sys, pathlib; from bayescope.inference.store import load_fit, save_fit; p = pathlib.Path(sys.argv[1]);"
        "save_fit(load_fit(p), p); print(sorted({'pymc', 'pytensor', 'arviz', 'nutpie'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "fit.nc"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
