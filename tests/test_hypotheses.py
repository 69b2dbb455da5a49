"""Finite hypotheses through the product: textbook answers, the shipped runs, prediction, updating, reports."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from scipy import stats

import bayescope
from bayescope import library
from bayescope.cli import main
from bayescope.errors import BayescopeError, NotApplicable
from bayescope.models.graph import compile_graph
from bayescope.pipeline import prepare, read_config
from bayescope.reports.terminal import render
from bayescope.runs import compare_models

EXAMPLES = YAML(typ="safe", pure=True).load(Path(__file__).with_name("worked-examples.yaml"))[
    "discrete_bayes"
]
SIX_DECIMALS = 5.1e-7  # the answers are printed with six
SHIPPED = ("disease-test", "spam", "which-course")


def shipped(name, *overrides, **options):
    return bayescope.run(library.configs()[name], overrides=overrides, **options)


def view(run):
    return {row.name: row for row in run.record.hypotheses.rows}


def test_a_positive_test_for_a_rare_disease():
    example, run = EXAMPLES["disease_test"], shipped("disease-test")
    disease = view(run)["disease"]
    assert (disease.prior, run.model.hypotheses["disease"].arguments["p"]) == (
        example["prior"],
        example["sensitivity"],
    )
    assert run.model.hypotheses["healthy"].arguments["p"] == pytest.approx(1 - example["specificity"])
    assert disease.posterior == pytest.approx(example["posterior"], abs=SIX_DECIMALS)
    assert run["exact"].estimate[0] == disease.posterior
    assert math.exp(run["exact"].log_evidence) == pytest.approx(example["evidence"], rel=1e-13)
    # the likeliest and the most probable explanation differ: that is the lesson of the example
    assert run["mle"].details["choice"] == "disease"
    assert run["map"].details["choice"] == "healthy"


def test_one_word_of_a_mail():
    example, run = EXAMPLES["spam_word"], shipped("spam", "data.columns.word=[offer]")
    hypotheses = run.model.hypotheses
    assert view(run)["spam"].prior == example["prior"]
    assert hypotheses["spam"].arguments["p"]["offer"] == example["p_word_given_spam"]
    assert hypotheses["ham"].arguments["p"]["offer"] == example["p_word_given_ham"]
    assert view(run)["spam"].posterior == pytest.approx(example["posterior"], abs=SIX_DECIMALS)


def test_word_by_word_each_posterior_is_the_next_prior():
    words = read_config(library.configs()["spam"]).config.data.columns["word"]
    belief = {"spam": 0.1, "ham": 0.9}
    for word in words:
        prior = [f"model.prior.{name}={probability!r}" for name, probability in belief.items()]
        run = shipped("spam", f"data.columns.word=[{word}]", *prior)
        belief = {name: row.posterior for name, row in view(run).items()}
    together = {name: row.posterior for name, row in view(shipped("spam")).items()}
    assert belief == pytest.approx(together, rel=1e-12)


def test_which_course_a_mark_is_from():
    example, run = EXAMPLES["which_course"], shipped("which-course")
    courses = [tuple(spec.arguments.values()) for spec in run.model.hypotheses.values()]
    assert courses == [tuple(course) for course in example["courses"]]
    surprises = [row.surprise_bits for row in view(run).values()]
    assert [2**-bits for bits in surprises] == pytest.approx(example["densities"], abs=SIX_DECIMALS)
    best = run.model.names[example["most_likely"]]
    assert run["mle"].details["choice"] == run["map"].details["choice"] == best
    densities = np.array(example["densities"])
    # equal priors: the posterior is the densities, normalised; each was rounded to six decimals
    assert run["exact"].estimate == pytest.approx(
        densities / densities.sum(), abs=4 * SIX_DECIMALS / densities.sum()
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_run_passes_and_comes_back_from_its_folder(name, tmp_path):
    run = shipped(name, out=tmp_path)
    assert run.record.verdict.status == "pass"
    assert run.record.verdict.sentence.endswith("the exact posterior is known.")
    again = bayescope.load(run.folder)
    assert again.record == run.record
    assert again["exact"].marginals == run["exact"].marginals
    assert run.comparison.empty
    assert set(run.estimates.parameter) == set(run.model.names)
    report = (run.folder / "report.html").read_text(encoding="utf-8")
    for text in (
        report,
        (run.folder / "report.md").read_text(encoding="utf-8"),
        render(run.record, run.fits),
    ):
        assert all(word in text for word in ("surprise, bits", "Bayes factor", "posterior", *run.model.names))
    assert "Hypotheses</h2>" in report
    assert (run.folder / "figures" / "hypotheses.svg").is_file()


def test_other_methods_decline_and_the_verdict_stays():
    run = shipped("disease-test", "inference=[exact, nuts, laplace, grid, importance]")
    assert run.record.verdict.status == "pass"
    assert {fit.outcome.status for fit in run.fits[1:]} == {"not applicable"}


def test_the_view_is_there_without_exact_and_says_what_is_impossible():
    run = shipped("disease-test", "inference=[mle]", "model.hypotheses.healthy=Bernoulli(0)")
    rows = view(run)
    assert (rows["healthy"].surprise_bits, rows["healthy"].posterior) == (None, 0.0)
    assert rows["disease"].posterior == 1.0
    assert "impossible" in render(run.record, run.fits)


def test_impossible_data_are_a_failed_run_with_a_whole_report(tmp_path):
    overrides = [f"model.hypotheses.{name}=Bernoulli(0)" for name in ("disease", "healthy")]
    run = shipped("disease-test", *overrides, out=tmp_path)
    assert run.record.verdict.status == "fail"
    assert {fit.outcome.message for fit in run.fits} == {"the data are impossible under every hypothesis."}
    assert "impossible" in (run.folder / "report.md").read_text(encoding="utf-8")


def test_the_loss_is_the_surprise_in_nats():
    run = shipped("disease-test")
    assert run.record.loss.totals["mle"] == pytest.approx(
        {"nll": -math.log(0.95), "penalty": -math.log(0.01), "total": -math.log(0.0095)}, rel=1e-14
    )


def test_the_notation_says_what_each_hypothesis_is():
    assert shipped("disease-test").record.model.notation == (
        "hypothesis ~ Categorical(disease: 0.01, healthy: 0.99)",
        "test[i] | disease ~ Bernoulli(0.95)    i = 1, ..., 1",
        "test[i] | healthy ~ Bernoulli(0.05)",
    )


def test_the_next_response_is_predicted_by_the_mixture():
    run = shipped("which-course")
    predictive = run["exact"].predictive()
    weights = run["exact"].estimate
    parts = [stats.norm(*course) for course in EXAMPLES["which_course"]["courses"]]
    y = np.array([60.0, 82.0, 95.0])[:, None]
    expected = sum(w * part.pdf(y) for w, part in zip(weights, parts, strict=True))
    assert predictive.pdf(y) == pytest.approx(expected, rel=1e-13)
    assert predictive.cdf(y) == pytest.approx(
        sum(w * part.cdf(y) for w, part in zip(weights, parts, strict=True)), rel=1e-13
    )
    assert predictive.mean[0] == pytest.approx(
        sum(w * part.mean() for w, part in zip(weights, parts, strict=True))
    )
    assert predictive.text == ("0.484521 Normal(80, 10) + 0.240606 Normal(70, 10) + 0.274873 Normal(90, 5)",)
    drawn = predictive.sample(4000, seed=1)
    assert abs(drawn.mean() - predictive.mean[0]) <= 4 * predictive.sd[0] / math.sqrt(4000)


def test_a_choice_predicts_by_its_own_distribution():
    run = shipped("which-course")
    assert run["mle"].predictive().text == ("Normal(80, 10)",)
    spam = shipped("spam")["exact"].predictive()
    assert spam.pdf(np.array([[0.0], [1.0], [2.0]])).sum() == pytest.approx(1.0, rel=1e-13)


def test_updating_gives_the_batch():
    first = shipped("spam", "data.columns.word=[offer]")
    updated = first.update({"word": ["meeting", "offer"]})
    batch = shipped("spam")
    assert updated["exact"].estimate == pytest.approx(batch["exact"].estimate, abs=1e-12)
    assert updated["exact"].log_evidence == pytest.approx(batch["exact"].log_evidence, rel=1e-12)


def test_an_update_needs_the_statistics_only_and_every_method_answers(tmp_path):
    first = shipped("spam", "data.columns.word=[offer]", out=tmp_path)
    updated = bayescope.load(first.folder).update({"word": ["meeting", "offer"]}, by_row=True, out=tmp_path)
    batch = shipped("spam")
    assert [step.beliefs[0].mean for step in updated.record.lineage.steps] == pytest.approx(
        # by hand: 0.08 / (0.08 + 0.009), then times 0.05 and 0.69, then again 0.8 and 0.01
        [0.08 / 0.089, 0.004 / (0.004 + 0.00621), 0.0032 / (0.0032 + 0.0000621)],
        rel=1e-12,
    )
    for row, same in zip(updated.record.hypotheses.rows, batch.record.hypotheses.rows, strict=True):
        assert row.posterior == pytest.approx(same.posterior, abs=1e-12)
        assert row.surprise_bits == pytest.approx(same.surprise_bits, rel=1e-12)
    for name in ("mle", "map"):
        assert updated[name].details["choice"] == batch[name].details["choice"]
        assert updated.record.loss.totals[name] == pytest.approx(batch.record.loss.totals[name], rel=1e-12)
    assert bayescope.load(updated.folder)["exact"].predictive().text == batch["exact"].predictive().text


def test_weights_of_rows_count():
    run = bayescope.run(
        {
            "name": "weighted",
            "data": {"columns": {"flip": [1, 0], "times": [3, 1]}},
            "model": {
                "response": "flip",
                "weights": "times",
                "hypotheses": {"fair": "Bernoulli(0.5)", "trick": "Bernoulli(0.9)"},
            },
            "inference": ["exact"],
        }
    )
    expected = np.array([0.5**4, 0.9**3 * 0.1])
    assert run["exact"].estimate == pytest.approx(expected / expected.sum(), rel=1e-13)


def test_runs_of_the_same_response_compare_by_their_evidence(tmp_path):
    folders = [
        shipped("disease-test", out=tmp_path / "rare").folder,
        shipped(
            "disease-test", "model.prior.disease=0.5", "model.prior.healthy=0.5", out=tmp_path / "even"
        ).folder,
    ]
    rows = compare_models(folders)
    assert rows[0].bayes_factor == 1.0
    assert rows[1].bayes_factor == pytest.approx(0.5 / 0.059, rel=1e-12)


def test_hypotheses_about_numbers_are_not_compared_with_a_probability(tmp_path):
    data = {"columns": {"y": [1, 0, 1]}}
    models = {
        "numbers": {"response": "y", "hypotheses": {"a": "Normal(0, 1)", "b": "Normal(1, 1)"}},
        "flips": {"response": "y", "likelihood": "Bernoulli", "priors": {"p": "Beta(1, 1)"}},
    }
    folders = [
        bayescope.run(
            {"name": name, "data": data, "model": model, "inference": ["exact"]}, out=tmp_path
        ).folder
        for name, model in models.items()
    ]
    with pytest.raises(BayescopeError, match=r"numbers-\w+: a density of numbers; flips-\w+: a probability"):
        compare_models(folders)


def test_the_command_line_validates_runs_and_prints_json(tmp_path, capsys):
    path = str(library.configs()["disease-test"])
    with pytest.raises(SystemExit) as end:
        main(["validate", path])
    assert end.value.code == 0
    assert "fine: Hypotheses, 1 observation, unknowns" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(["run", path, "--json", "--quiet", "--out", str(tmp_path)])
    assert end.value.code == 0
    record = json.loads(capsys.readouterr().out)
    assert record["hypotheses"]["rows"][0]["posterior"] == pytest.approx(0.161017, abs=SIX_DECIMALS)


def test_a_million_counted_flips_are_weighed_without_underflow():
    run = bayescope.run(
        {
            "name": "flips",
            "data": {"counts": {"flip": {1: 500_500, 0: 499_500}}},
            "model": {
                "response": "flip",
                "hypotheses": {"fair": "Bernoulli(0.5)", "trick": "Bernoulli(0.501)"},
            },
            "inference": ["exact", "mle"],
        }
    )
    # exactly between the two, but for the curvature of the logarithm: a near tie
    assert run["exact"].estimate.sum() == pytest.approx(1.0, abs=1e-15)
    assert 0.2 < run["exact"].estimate[0] < 0.8
    assert math.isfinite(run["exact"].log_evidence)


def test_a_choice_has_no_graph():
    _, model = prepare(read_config(library.configs()["disease-test"]))
    with pytest.raises(
        NotApplicable, match=r"a choice between hypotheses has no graph to sample from\. Use exact\."
    ):
        compile_graph(model)
