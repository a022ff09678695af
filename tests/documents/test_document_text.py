import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.documents import check_plain, parse_json, parse_toml, parse_yaml
from runtime.errors import ConfigError, ManifestError

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=40), inner),
    max_leaves=20,
)


@given(VALUES, st.sampled_from([None, 2]))
def test_json_is_read_as_the_standard_library_reads_it(value, indent):
    assert parse_json(json.dumps(value, indent=indent)).value == value
    assert parse_json(json.dumps(value, ensure_ascii=False)).value == value


@given(VALUES)
def test_json_text_means_the_same_as_yaml(value):
    document = parse_yaml(json.dumps(value))
    assert document.value == value or "<<" in json.dumps(value)


@given(st.text(alphabet='{}[]",:\\ \n\t0123456789.eE+-truefalsn"/u\ud800é', max_size=40))
def test_json_is_refused_exactly_where_the_standard_library_refuses_it(text):
    def refuse(name):
        raise ValueError(name)

    try:
        expected = json.loads(text, parse_constant=refuse)
        json.dumps(expected, ensure_ascii=False).encode()
        if any(math.isinf(each) for each in _floats(expected)):
            raise ValueError("too large")
    except ValueError:
        with pytest.raises(ManifestError):
            parse_json(text)
    else:
        assert parse_json(text).value == expected or parse_json(text).faults


def _floats(value):
    if isinstance(value, float):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _floats(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _floats(each)


JSON_FAULTS = {
    "NaN": "1: expected a value, got NaN, which is not JSON",
    "-Infinity": "1: expected a value, got -Infinity",
    "1e999": "1: the number 1e999 is too large",
    "01": "1: expected a value, got 01",
    "9" * 401: "1: a number of 401 characters; at most 400",
    '{"a": 1,\n}': '2: expected a key in double quotes, got "}"',
    "{'a': 1}": "1: expected a key in double quotes",
    '{"a"\n 1}': '2: expected ":" after the key, got "1"',
    "[1 2]": '1: expected "," or "]", got "2"',
    "[1,\n2": '2: expected "," or "]", got the end of the text',
    "[1,\n\n]": '3: expected a value, got "]"',
    "{} {}": "1: expected the end of the text",
    '"\\ud800"': "1: text with half of a surrogate pair",
    '"a\nb"': "1: text without its closing double quote",
    '"\\q"': "1: \\q is no escape of JSON; write",
    '"a\\u12"': '1: \\u12" is no escape of JSON',
    "[" * 100: "1: nested more than 64 levels deep",
    '{"a":' * 100: "1: nested more than 64 levels deep",
    "[" + "1," * 100_001: "1: more than 100000 values",
    "// no": '1: expected a value, got "/"',
    "\x00": "1: expected a value, got U+0000",
    " ": "is empty",
}


@pytest.mark.parametrize(("text", "message"), JSON_FAULTS.items(), ids=range(len(JSON_FAULTS)))
def test_a_fault_in_json_has_line_and_reason(text, message):
    with pytest.raises(ManifestError) as caught:
        parse_json(text, "a.json")
    assert message in str(caught.value)
    assert str(caught.value).startswith("a.json")
    assert len(caught.value.faults) == 1


YAML_FAULTS = {
    "a: .nan": "1: got .nan; expected a finite number",
    "a: -.INF": "1: got -.INF; expected a finite number",
    "a: 1e999": "1: the number 1e999 is too large",
    "a: " + "9" * 401: "1: a number of 401 characters",
    "a: [1,\nb": "is not YAML",
    "a: b: c": '1: is not YAML: a ":" or "?" where no key can be; put text that has',
    "\ta: 1": "1: is not YAML: a tab; indent with spaces",
    "a: @x": "1: is not YAML: a value cannot start with '@'; put it into quotes",
    "a:\n  b: 1\n c: 2": "3: is not YAML: the indentation does not fit the lines above",
    "a: [1, 2": 'is not YAML: a list or mapping without "," between its values',
    "a: {b: 1": 'is not YAML: a list or mapping without "," between its values',
    "a: 'x": "is not YAML: text without its closing quote",
    'a: "\\q"': "1: is not YAML: \\q is no escape of YAML; write",
    'a: "\\x1"': "1: is not YAML: an escape without its hexadecimal digits",
    "? a\nb\n": 'is not YAML: a key without ":" after it',
    "a: - b": '1: is not YAML: a "-" where no list can be',
    "a: *b": "1: the alias *b has no anchor before it",
    "&a [*a]": "1: the alias *a is inside its own anchor",
    "a: 1\n---\nb: 1": "2: a second document",
    "[a]: 1": "1: a key that is not plain text",
    "<<: {a: 1}": "1: the merge key << is not YAML 1.2",
    "a: !!python/name:os.system": "1: the tag tag:yaml.org,2002:python/name:os.system",
    "!!python/object/apply:os.system [ls]": "1: the tag tag:yaml.org,2002:python/object/apply",
    "!local {a: 1}": "1: the tag !local is not known",
    "a: !!int x": "1: the tag tag:yaml.org,2002:int does not fit 'x'",
    "a: !local x": "1: the tag !local does not fit 'x'",
    '"\\U0011FFFF"': "is not YAML: an escape of a character that does not exist",
    '"\\ud800"': "1: text with half of a surrogate pair",
    "a\x00b": "is not YAML: the character U+0000, which text cannot have",
    "[" * 100: "1: nested more than 64 levels deep",
    "- " * 100: "1: nested more than 64 levels deep",
    "# only a comment": "is empty",
    "%YAML 3.0\n---\na": "1: is not YAML: a version of YAML that is not known",
}


@pytest.mark.parametrize(("text", "message"), YAML_FAULTS.items(), ids=range(len(YAML_FAULTS)))
def test_a_fault_in_yaml_has_line_and_reason(text, message):
    with pytest.raises(ManifestError) as caught:
        parse_yaml(text, "a.yaml")
    assert message in str(caught.value)
    assert str(caught.value).startswith("a.yaml")


def test_a_thousand_laughs_are_counted_and_not_written_out():
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for name, before in zip("bcdefghi", "abcdefgh", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")
    with pytest.raises(ManifestError, match="more than 100000 values, with every alias"):
        parse_yaml("\n".join(lines))


WORDS_OF_PARSERS = ("<block", "recursion", "sys.", "token", "scan", "codec", "namespace", "#x")


@given(st.text(alphabet="ab:-?|>&*!%@`{}[],'\"#= \n\t\\.0u", max_size=30))
def test_messages_of_the_parsers_are_translated(text):
    for parse, error in ((parse_yaml, ManifestError), (parse_toml, ConfigError)):
        try:
            parse(text, "f")
        except error as caught:
            (fault,) = caught.faults
            shown = fault.message.partition(": ")[2]
            assert not any(word in shown for word in WORDS_OF_PARSERS), shown
            assert not shown[:1].isupper(), shown


def test_an_alias_has_the_value_of_its_anchor():
    document = parse_yaml("a: &x {b: 1}\nc: *x\nd: [*x]")
    assert document.value == {"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}]}
    assert document.line(("d", 0, "b")) == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("12:30", "12:30"),
        ("2026-01-31", "2026-01-31"),
        ("1_000", "1_000"),
        ("true", True),
        ("~", None),
        ("", ""),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 17),
        ("+1", 1),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("!!float 1.5", 1.5),
        ("! 1", "1"),
        ('"\\ud83d\\ude00"', "😀"),
    ],
)
def test_yaml_scalars_are_read_by_the_core_schema_of_1_2(text, value):
    found = parse_yaml(f"a: {text}").value
    assert found == ({"a": value} if text else {"a": None})


@pytest.mark.parametrize("parse", [parse_json, parse_yaml])
def test_a_key_that_is_there_twice_is_a_fault_beside_the_value(parse):
    document = parse('{"a": 1,\n "b": {"c": 1,\n "c": 2},\n "a": 3}', "f")
    assert document.value == {"a": 1, "b": {"c": 1}}
    assert [str(fault) for fault in document.faults] == [
        'f:3: the key "c" is there twice, first on line 2; keep one',
        'f:4: the key "a" is there twice, first on line 1; keep one',
    ]


@pytest.mark.parametrize("parse", [parse_json, parse_yaml])
def test_every_part_of_a_document_has_its_line(parse):
    document = parse('{\n"a": [\n1,\n{"b":\n2}],\n"c": {}}', "f")
    assert document.place(("a",)) == "f:2"
    assert document.place(("a", 0)) == "f:3"
    assert document.place(("a", 1, "b")) == "f:4"
    assert document.place(("a", 7)) == "f:2"
    assert document.place(("c", "missing")) == "f:6"
    assert document.place(("missing",)) == "f"


def test_toml_knows_the_lines_of_tables_and_keys():
    text = '# first\n[a]\nb = 1\n[a.c]\n"d e" = 2\n[[f]]\ng = 3\n[[f]]\ng = 4\nh.i = 5\n'
    document = parse_toml(text, "t")
    assert document.line(("a", "b")) == 3
    assert document.line(("a", "c", "d e")) == 5
    assert document.line(("f", 1)) == 8
    assert document.line(("f", 1, "g")) == 9
    assert document.line(("f", 1, "h", "i")) == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\na = 2\nb = 3", "t:2: is not TOML: a key is there twice; keep one"),
        ("a = ", "t:1: is not TOML: no value; text is in quotes"),
        ("a = yes", "t:1: is not TOML: no value; text is in quotes"),
        ("a = 2026-13-01", "t:1: is not TOML: more text after the value"),
        ("a = " + "[" * 5000, "t: is not TOML: nested too deeply"),
        ("a = " + "9" * 5000, "t: is not TOML: a number of more than 4300 digits"),
        ("[a]\nb = 1\n[a]", "t:3: is not TOML: the table [a] is there twice; join the two"),
        ("[a", 't:1: is not TOML: a table without "]" at its end'),
        ("b = 1\na = 'x", "t:2: is not TOML: text without its closing quote"),
        ('a = "x\nb = 1', "t:1: is not TOML: text without its closing quote on the same line"),
        ('a = "\\q"', "t:1: is not TOML: an escape that TOML does not have"),
        ("a 1", 't:1: is not TOML: a key without "=" after it'),
        ("= 1", "t:1: is not TOML: neither a key nor a [table]"),
        ("a = [1 2]", 't:1: is not TOML: a list without "," between its values'),
        ("a = {b = 1", 't:1: is not TOML: a table without "," between its keys'),
        ("a.b = 1\n[a]", "t:2: is not TOML: the table [a] is there twice"),
    ],
)
def test_a_fault_in_toml_has_line_and_reason(text, message):
    with pytest.raises(ConfigError) as caught:
        parse_toml(text, "t")
    assert message in str(caught.value)


def test_objects_without_a_json_form_are_refused_with_their_path():
    recursive: dict[str, object] = {}
    recursive["again"] = recursive
    for value, path in [
        ({"a": [1, float("nan")]}, ("a", 1)),
        ({"a": {1: 2}}, ("a",)),
        ({"a": "\ud800"}, ("a",)),
        ({"a": b"bytes"}, ("a",)),
        ({"a": 10**400}, ("a",)),
        ({"a": "x" * 2_000_000}, ("a",)),
        (recursive, ("again", "again", "again")),
        ([0] * 100_001, (99_999,)),
    ]:
        _, problems = check_plain(value)
        assert [problem.path for problem in problems] == [path]


@given(VALUES)
def test_plain_objects_pass_unchanged(value):
    assert check_plain(value) == (value, ())
