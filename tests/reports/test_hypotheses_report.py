"""The table, the sentence and the chart of finite hypotheses."""

import pytest

import bayescope
from bayescope.reports.figures import figures
from bayescope.reports.hypotheses import hypotheses_table, learned_sentence


def run_of(hypotheses, y, prior=None, methods=("exact",)):
    model = {"hypotheses": hypotheses, "response": "y"} | ({"prior": prior} if prior else {})
    return bayescope.run(
        {"name": "choice", "data": {"columns": {"y": y}}, "model": model, "inference": list(methods)}
    )


def rows_of(run):
    table = hypotheses_table(run.record)
    return {row[0]: dict(zip(table.headings, row, strict=True)) for row in table.rows}


def test_surprises_share_their_decimals_and_factors_their_digits():
    rows = rows_of(run_of({"fair": "Bernoulli(0.5)", "trick": "Bernoulli(0.75)"}, [1, 1, 0]))
    assert rows["fair"] == {
        "hypothesis": "fair",
        "distribution": "Bernoulli(0.5)",
        "prior": "0.5",
        "surprise, bits": "3.000",
        "Bayes factor": "0.8889",  # (1 / 8) / (9 / 64)
        "posterior": "0.470588",
        "posterior odds": "0.8889",
    }


def test_the_impossible_and_the_certain_are_words_and_signs():
    rows = rows_of(run_of({"one": "Bernoulli(1)", "fair": "Bernoulli(0.5)"}, [0]))
    assert (rows["one"]["surprise, bits"], rows["one"]["Bayes factor"]) == ("impossible", "0")
    assert (rows["one"]["posterior"], rows["one"]["posterior odds"]) == ("0", "0")
    assert rows["fair"]["posterior odds"] == "∞"


def test_a_hypothesis_that_cannot_be_has_an_infinite_penalty():
    choice = {"fair": "Bernoulli(0.5)", "other": "Bernoulli(0.2)"}
    run = run_of(choice, [1], prior={"fair": 0, "other": 1})
    assert [p.formula for p in run.record.loss.penalties] == ["-log(0) = ∞", "-log(1) = 0"]


def test_a_tiny_probability_keeps_its_digits():
    rows = rows_of(run_of({"a": "Normal(0, 1)", "b": "Normal(10, 1)"}, [0.0]))
    assert rows["b"]["posterior"] == "1.929e-22"  # exp(-50)


def test_what_was_learned_is_said_in_bits():
    run = run_of({"one": "Bernoulli(1)", "zero": "Bernoulli(0)"}, [1])
    assert learned_sentence(run.record) == (
        "Which hypothesis is true had an entropy of 1.0000 bits before the data and has 0 after them; "
        "the data taught 1.0000 bits, KL(posterior || prior)."
    )
    impossible = run_of({"one": "Bernoulli(1)", "also": "Bernoulli(1)"}, [0])
    assert learned_sentence(impossible.record) == ""


@pytest.mark.parametrize("y", [[1], [0]])
def test_the_chart_names_every_hypothesis_with_both_probabilities(y):
    run = run_of({"one": "Bernoulli(1)", "$_a_$ <b>": "Bernoulli(1)"}, y)
    alt = figures(run.record, run.fits)["hypotheses"].alt
    after = "0.500000" if y == [1] else "—"
    assert alt == (
        f"Probability of each hypothesis: one 0.5 before and {after} after the data; "
        f"$_a_$ <b> 0.5 before and {after} after the data."
    )


def test_of_very_many_hypotheses_the_most_probable_are_drawn():
    many = {f"h{k}": f"Poisson({k})" for k in range(1, 41)}
    run = run_of(many, [3])
    alt = figures(run.record, run.fits)["hypotheses"].alt
    assert alt.startswith("Probability of each hypothesis: h3 ")
    assert alt.endswith("The other 16 are not drawn.")


def test_user_text_cannot_become_markup(tmp_path):
    run = run_of({"<script>x</script>": "Bernoulli(0.5)", "b": "Bernoulli(0.6)"}, [1])
    page = run.report()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
