"""What `compare` prints: 80 columns, and what each model is."""

import bayescope
from bayescope.diagnostics.evidence import ComparedModel
from bayescope.reports.models_compared import comparison_text
from bayescope.reports.summary import told_apart

PREDICTORS = " + ".join(f"predictor_{k}" for k in range(12))


def test_what_a_model_is_is_wrapped_to_80_columns():
    runs = {f"roaches-negative-binomial-{k}": f"Poisson · y ~ {PREDICTORS}" for k in range(2)}
    rows = [
        ComparedModel(run=run, model=model, log_evidence=-10.0, bayes_factor=1.0, probability=0.5)
        for run, model in runs.items()
    ]
    lines = comparison_text(rows).splitlines()
    assert max(map(len, lines)) <= 80
    first = next(k for k, line in enumerate(lines) if line.startswith("roaches-negative-binomial-0: "))
    assert lines[first + 1].startswith("    ")


def test_models_are_told_apart_by_their_likelihood_before_their_priors():
    def summary(likelihood, prior="Normal(0, 1)"):
        model = {"likelihood": likelihood, "formula": "y ~ x", "priors": {"x": prior}}
        columns = {"x": [0, 1, 2, 3], "y": [1, 2, 2, 5]}
        config = {"name": "t", "data": {"columns": columns}, "model": model, "inference": ["map"]}
        return bayescope.run(config).record.model

    poisson, counts = summary("Poisson"), summary("NegativeBinomial")
    assert told_apart({"a": poisson, "b": counts}) == {
        "a": "Poisson · y ~ x",
        "b": "NegativeBinomial · y ~ x",
    }
    both = {"a": "Poisson(2)", "b": "Binomial(5, 0.4)"}
    runs = [
        {
            "name": "h",
            "data": {"columns": {"y": [1, 2]}},
            "model": {"response": "y", "hypotheses": h},
            "inference": ["exact"],
        }
        for h in (both, both | {"a": "Poisson(3)"})
    ]
    first, second = told_apart(
        {str(k): bayescope.run(run).record.model for k, run in enumerate(runs)}
    ).values()
    assert (
        first
        == "hypothesis ~ Categorical(a: 0.5, b: 0.5); y[i] | a ~ Poisson(2); y[i] | b ~ Binomial(5, 0.4)"
    )
    assert second == first.replace("Poisson(2)", "Poisson(3)")
    wide = told_apart({"a": poisson, "b": summary("Poisson", "Normal(0, 9)")})["b"]
    assert wide.startswith("Poisson · y ~ x; ")
    assert "x ~ Normal(0, 9)" in wide
