"""YAML that would explode, call or overflow: each is refused by a sentence, before anything grows."""

import pytest

from bayescope.errors import ConfigError
from bayescope.preparation import read_config

LAUGHS = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)  # fmt: skip

BOMBS = {
    "a billion laughs": LAUGHS,
    "a billion laughs in mappings": "a: &a {x: 1}\nb: &b {<<: *a, y: *a}\nname: {<<: *b}\n",
    "an alias to itself": "name: &a [*a]\n",
    "an alias to nothing": "name: *nothing\n",
    "a merge of everything": "<<: [&a {x: 1}, *a]\nname: x\n",
    "deep lists": "name: " + "[" * 100_000 + "]" * 100_000,
    "deep lists, not closed": "name: " + "[" * 100_000,
    "deep mappings": "name: " + "{a: " * 100_000 + "}" * 100_000,
    "deep blocks": "".join(" " * depth + "a:\n" for depth in range(1000)),
    "deep sequences in blocks": "- " * 50_000 + "x",
    "deep keys": "? " * 50_000 + "x",
    "a large file": "name: x\n" + "# " + "x" * 1_100_000,
    "a large text": "name: " + "x" * 900_000,
    "a large integer": "name: x\nseed: " + "9" * 100_000,
    "a large exponent": "name: x\nseed: 1e999999999999",
    "a large octal": "name: x\nseed: 0o" + "7" * 100_000,
    "sexagesimal": "name: x\nseed: 190:20:30:59:59:59:59:59:59",
    "many keys": "".join(f"k{k}: 1\n" for k in range(2000)),
    "many documents": "--- a\n" * 10_000,
    "many anchors": "".join(f"k{k}: &a{k} 1\n" for k in range(5_000)),
    "a python object": "name: !!python/object/apply:os.system ['touch pwned']\n",
    "a python name": "name: !!python/name:os.system\n",
    "a python module": "!!python/module:os {}\n",
    "a python tuple": "name: !!python/tuple [1, 2]\n",
    "a new object": "name: !!python/object/new:os.system ['touch pwned']\n",
    "a ruby object": "name: !ruby/object:Gem::Installer {i: x}\n",
    "a java object": "name: !!javax.script.ScriptEngineManager [!!java.net.URL ['http://127.0.0.1/']]\n",
    "binary": "name: !!binary R0lGODlhDAAMAIQAAP\n",
    "a set": "name: !!set {a, b}\n",
    "a timestamp": "name: !!timestamp 2001-12-14t21:59:43.10-05:00\n",
    "a directive": "%YAML 9.9\n---\nname: x\n",
    "a tag directive": "%TAG ! tag:evil.example,2000:\n---\nname: !x y\n",
    "a null byte": "name: a\0b\n",
    "utf-16": "name: x\n".encode("utf-16").decode("latin-1"),
    "a line of tabs": "\t" * 100_000,
    "quotes without end": "name: '" + "x" * 100_000,
    "a folded text without end": "name: >" + "9" * 1000,
    "only colons": ":" * 100_000,
    "only question marks": "? " * 10_000,
    "only dashes": "-" * 100_000,
    "only quotes": "'" * 99_999,
    "unicode that looks like a key": "n\u0430me: x\n",
    "a byte order mark in the middle": "name: x\n\ufeffdata: y\n",
    "a surrogate": 'name: "\\ud800"\n',
    "an escape without end": 'name: "\\u12"\n',
    "an unknown escape": 'name: "\\q"\n',
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_it_is_refused_without_effect(name, watched, tmp_path):
    path = tmp_path / "bomb.yaml"
    path.write_bytes(BOMBS[name].encode())

    def read():
        with pytest.raises(ConfigError) as refusal:
            read_config(path)
        return refusal.value

    read()  # the first time may import a module, for a message
    with watched() as effects:
        lines = str(read()).splitlines()
    assert effects == []
    assert all(line.startswith((str(path), "... and ")) for line in lines)
    assert len(lines) <= 101
    assert max(map(len, lines)) < 1000  # a message does not repeat what is large
    assert list(tmp_path.iterdir()) == [path]
