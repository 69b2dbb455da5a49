import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bayescope.config.nodes import MAX_BYTES, MAX_DEPTH, MAX_KEYS, parse_document, read_document
from bayescope.errors import ConfigError, Where


def problems(text):
    return [str(problem) for problem in parse_document(text, "a.yaml").problems]


def refusal(text):
    with pytest.raises(ConfigError) as caught:
        parse_document(text, "a.yaml")
    return str(caught.value)


def test_plain_data_and_the_place_of_every_key():
    document = parse_document(
        "name: kidiq\nmodel:\n  priors:\n    sigma: HalfNormal(1)\nlist: [1, {a: b}]\n", "a.yaml"
    )
    assert document.data == {
        "name": "kidiq",
        "model": {"priors": {"sigma": "HalfNormal(1)"}},
        "list": [1, {"a": "b"}],
    }
    assert document.positions[("model", "priors", "sigma")] == Where("a.yaml", 4, 5)
    assert document.positions[("list", 1)] == Where("a.yaml", 5, 11)
    assert document.positions[("list", 1, "a")] == Where("a.yaml", 5, 12)
    assert not document.problems


def test_keys_may_be_numbers_and_quoted_text_stays_text():
    assert parse_document("{1: 700, 0.5: 2, '1': \"3\"}", "a.yaml").data == {1: 700, 0.5: 2, "1": "3"}


def test_block_texts_are_text():
    assert parse_document("sql: >\n  select *\n  from t\n", "a.yaml").data == {"sql": "select * from t\n"}


def test_the_text_is_hashed():
    assert parse_document("a: é\n", "a.yaml").sha256 == hashlib.sha256(b"a: \xc3\xa9\n").hexdigest()


def test_problems_do_not_stop_the_reading():
    assert problems("a: &x 1\nb: *x\nc: !t 2\nd: .nan\na: 3\n") == [
        "a.yaml:1:4: a: anchors are not supported; remove '&x'",
        "a.yaml:2:4: b: aliases are not supported; write the value of '*x' out",
        "a.yaml:3:4: c: tags are not supported; remove '!t'",
        "a.yaml:4:4: d: NaN and infinities are not supported; write null for a missing value",
        "a.yaml:5:1: a: duplicate key; it is already on line 1",
    ]


def test_a_value_that_cannot_be_read_is_marked_as_refused():
    document = parse_document("a: &x 1\nb: *x\nc: [.inf]\n", "a.yaml")
    assert document.refused == {("b",), ("c", 0)}
    assert document.data == {"a": 1, "b": None, "c": [None]}


def test_keys_that_are_equal_numbers_are_duplicates():
    assert problems("{1: a, 1.0: b}") == ["a.yaml:1:8: 1.0: duplicate key; it is already on line 1"]


@pytest.mark.parametrize("key", ["null", "true", "[a]", "{a: b}", "~"])
def test_keys_that_are_neither_text_nor_number_are_refused(key):
    [problem] = problems(f"? {key}\n: 1\n")
    assert "a key must be text or a number" in problem


def test_depth_is_limited_before_it_hurts():
    assert parse_document("[" * MAX_DEPTH + "]" * MAX_DEPTH, "a.yaml").data
    assert refusal("[" * 100_000) == f"a.yaml:1:{MAX_DEPTH + 1}: nested deeper than {MAX_DEPTH} levels"
    assert "nested deeper" in refusal("{a: " * 10_000)
    assert "nested deeper" in refusal("- " * 10_000)


def test_keys_are_counted_but_for_those_of_the_data():
    keys = [f"k{i}: 1" for i in range(MAX_KEYS)]
    assert len(parse_document("\n".join(keys), "a.yaml").data) == MAX_KEYS
    too_many = "a.yaml:5001:1: more than 5,000 keys; put data under `data`, or into a file of their own"
    assert refusal("\n".join([*keys, "one: more", "and: [not read"])) == too_many
    counts = "\n".join(f"  {i}: 1" for i in range(MAX_KEYS + 1))
    assert len(parse_document(f"data:\n{counts}", "a.yaml").data["data"]) == MAX_KEYS + 1


def test_an_alias_bomb_costs_nothing():
    layers = "\n".join(f"l{i}: &l{i} [*l{i - 1}, *l{i - 1}]" for i in range(1, 40))
    assert len(problems(f"l0: &l0 x\n{layers}\n")) == 40 + 2 * 39


def test_a_missing_file_suggests_its_neighbour(tmp_path):
    (tmp_path / "kidiq.yaml").write_text("a: 1")
    with pytest.raises(ConfigError, match=r"kidiq2\.yaml: no such file; did you mean '.*kidiq\.yaml'\?"):
        read_document(tmp_path / "kidiq2.yaml")


def test_a_folder_is_no_configuration(tmp_path):
    with pytest.raises(ConfigError, match="this is a folder"):
        read_document(tmp_path)


def test_a_path_that_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="cannot be read"):
        read_document(Path("a\0b.yaml"))


def test_a_large_file_is_refused_unread(tmp_path):
    file = tmp_path / "large.yaml"
    file.write_text("#" * MAX_BYTES + "\n")
    with pytest.raises(ConfigError, match="larger than 1 MB"):
        read_document(file)


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path):
    file = tmp_path / "windows.yaml"
    file.write_bytes(b"\xef\xbb\xbfname: a\r\nseed: 3\r\n")
    document = read_document(file)
    assert document.data == {"name": "a", "seed": 3}
    assert document.positions[("seed",)] == Where(str(file), 2, 1)


plain_data = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co"), exclude_characters="\ufeff\u2028\u2029"), max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc1 :#", max_size=5), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(plain_data.filter(lambda data: data is not None))
def test_json_is_yaml(data):
    document = parse_document(json.dumps(data, ensure_ascii=False, indent=1), "a.yaml")
    assert document.data == data
    assert not document.problems


@given(st.text(max_size=60) | st.text("ab:-[]{}&*!|>'\"%@`#,?\n\t 1.\\<~", max_size=40))
@example("%YAML 9.9\n---\na")
@example("%TAG ! tag:x:\n---\n!a b")
@example("%YAML x")
@example("!<")
@example("a: |99\n")
@example('"\\U99999999"')
@example('"\\x')
@example("\ufeff")
@example("--- >\n")
@example("&a")
@example("? ")
@example("''''''")
@example("...")
def test_any_text_is_read_or_refused(text):
    try:
        problems = parse_document(text, "a.yaml").problems
    except ConfigError as error:
        problems = error.problems
    assert all(problem.where is not None for problem in problems)


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    (tmp_path / "file").touch()
    for path, reason in [
        (tmp_path / "file" / "a.yaml", "Not a directory"),
        (Path("a\0b"), "embedded null byte"),
    ]:
        with pytest.raises(ConfigError, match=f"cannot be read: .*{reason}"):
            read_document(path)
