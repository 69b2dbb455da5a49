"""Sample the models of cases.json with Bambi and write mean, sd and Monte Carlo errors to references/.

Bambi is no dependency of bayescope. Run this where it is installed: python make_references.py [CASE...]
"""

from __future__ import annotations

import ast
import json
import sys
from importlib.metadata import version
from pathlib import Path

import bambi as bmb
import numpy as np
import pandas as pd
from arviz_stats.base import array_stats
from pymc.distributions.transforms import ordered

HERE = Path(__file__).parent
TABLES = HERE.parents[1] / "configs" / "data"
SAMPLER = {"draws": 2000, "tune": 2000, "chains": 4, "target_accept": 0.95, "random_seed": 20261120}


def prior(text):
    """Read "Normal(mu=0, sigma=1)"; an argument may be a prior itself, as the sd of groups."""
    call = ast.parse(text, mode="eval").body
    arguments = {
        keyword.arg: prior(ast.unparse(keyword.value))
        if isinstance(keyword.value, ast.Call)
        else ast.literal_eval(keyword.value)
        for keyword in call.keywords
    }
    return bmb.Prior(call.func.id, **arguments)


def cutpoints(arguments, count):
    """Make the prior of `count` cutpoints that rise: independent Normals, of which the orders are left out."""
    return bmb.Prior(
        "Normal",
        mu=np.full(count, arguments["mu"]),
        sigma=arguments["sigma"],
        transform=ordered,
        initval=np.linspace(-1, 1, count),
    )


def build(case):
    """Make Bambi's model; without centring, so that a prior of the intercept is that of the same unknown."""
    table = pd.read_csv(TABLES / case["data"])
    group = case.get("groups")
    if group:
        table[group] = table[group].astype(str).astype("category")
    levels = case.get("levels")
    if levels:
        response = case["formula"].split()[0]
        table[response] = pd.Categorical(table[response], levels, ordered=True)
    model = bmb.Model(
        case.get("theirs", case["formula"]),
        table,
        family=case["family"],
        center_predictors=False,
        **({"link": case["link"]} if "link" in case else {}),
    )
    given = {case.get("names", {}).get(name, name): prior(text) for name, text in case["priors"].items()}
    slopes = given.pop("coefficients", None)
    if group:
        given[f"1|{group}"] = bmb.Prior("Normal", mu=0, sigma=given.pop(f"{group}.sd"))
    if levels:
        given["threshold"] = cutpoints(given.pop("cutpoints").args, len(levels) - 1)
    component = model.components[model.family.likelihood.parent]
    common = dict.fromkeys(component.common_terms, slopes) if slopes else {}
    model.set_priors(priors={**common, **given})
    return model


def flat(posterior):
    """Yield name[coordinate] and the draws, shape (chain, draw), of every element that was sampled."""
    for name, values in posterior.data_vars.items():
        if name.endswith("_offset"):  # the effects of groups in units of their sd
            continue
        extra = [dim for dim in values.dims if dim not in {"chain", "draw"}]
        if not extra:
            yield name, values.to_numpy()
            continue
        (dim,) = extra
        for coordinate in values[dim].to_numpy():
            yield f"{name}[{coordinate}]", values.sel({dim: coordinate}).to_numpy()


def mcse_sd(draws):
    """Monte Carlo error of the sd, by the squares: draws that alternate are good for means, and not for them."""
    squares = (draws - draws.mean()) ** 2
    return float(array_stats.mcse(squares, method="mean") / (2 * draws.std()))


def reference(case):
    """Sample, and summarise every unknown."""
    model = build(case)
    model.build()
    tree = model.fit(progressbar=False, cores=2, **SAMPLER)
    rows = {
        name: {
            "mean": float(np.mean(draws)),
            "sd": float(np.std(draws, ddof=1)),
            "mcse_mean": float(array_stats.mcse(draws, method="mean")),
            "mcse_sd": mcse_sd(draws),
            "ess": float(array_stats.ess(draws)),
            "rhat": float(array_stats.rhat(draws)),
        }
        for name, draws in flat(tree.posterior)
    }
    return {
        "bambi": version("bambi"),
        "pymc": version("pymc"),
        "sampler": SAMPLER,
        "divergences": int(tree.sample_stats["diverging"].sum()),
        "parameters": rows,
    }


def main():
    """Write references/CASE.json for the cases named on the command line, or for all."""
    cases = json.loads((HERE / "cases.json").read_text(encoding="utf-8"))
    (HERE / "references").mkdir(exist_ok=True)
    for name in sys.argv[1:] or cases:
        text = json.dumps(reference(cases[name]), indent=1)
        (HERE / "references" / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
