"""Jinja2 templates: timeloopfe's helper functions, what may be read, errors with lines, limits."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from red_timeloop.errors import InputError
from red_timeloop.spec import sandbox as sandboxes
from red_timeloop.spec import template
from red_timeloop.spec.loader import load_file
from red_timeloop.spec.sandbox import FILTERS, Sandbox, StepLimit
from red_timeloop.spec.template import jinja_data


def write(folder: Path, **files: str) -> Path:
    """Write `name__inner="text"` as `name/inner.yaml`; return the file `top`."""
    for name, text in files.items():
        path = folder / "top" / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "top" / "top.yaml"


def refusal(path: Path, **data: Any) -> str:
    with pytest.raises(InputError) as caught:
        load_file(path, data)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_pieces_of_other_files_are_included(tmp_path: Path) -> None:
    top = write(
        tmp_path,
        top="{{add_to_path(cwd() ~ '/parts')}}\n"
        "problem: {{include('layer.yaml', 'problem.instance')}}\n"
        "whole: {{include('layer.yaml')}}\n"
        "classes: {{include_all('parts/c_*.yaml', 'components.classes')}}\n"
        "one: {{include_all('parts/c_a.yaml', 'components.classes')}}\n"
        "{{include_text('text.yaml')}}\n"
        "merged: {<<: *base, c: 3}\n",
        parts__layer="problem: {instance: {C: 3}}",
        parts__c_a="components: {classes: [{name: a}]}",
        parts__c_b="components: {classes: [{name: b}]}",
        parts__text="base: &base {a: {{size|default(1)}}}",
    )
    found = load_file(top, {"size": 7})
    assert found["problem"] == {"C": 3}
    assert found["problem"].where("C") == f"{tmp_path}/top/parts/layer.yaml:1"
    assert found["whole"] == {"problem": {"instance": {"C": 3}}}
    assert found["classes"] == [[{"name": "a"}], [{"name": "b"}]]
    assert (found["classes"].file, found["classes"].line) == (str(top), 0)
    assert found["one"] == [{"name": "a"}]
    assert found["merged"] == {"a": 7, "c": 3}


def test_paths_are_found_as_timeloopfe_finds_them(tmp_path: Path) -> None:
    top = write(
        tmp_path,
        top="{{add_to_path('parts')}}\n"
        "i: {% include 'more/z.yaml' %}\n"
        "j: {{find_paths(['parts/x.yaml', 'parts/*.yaml'])|length}}\n"
        "a: {{path_exists('x.yaml')}}\nb: {{path_exists('y.yaml')}}\n"
        "c: \"{{find_path('x.yaml')}}\"\nd: \"{{find_paths('*/x.yaml')|length}}\"\n"
        "e: !include parts/x.yaml\nf: !includedir parts\n"
        "{% set alt = cwd() ~ '/parts/x.yaml' %}{% if path_exists(alt) %}g: yes{% endif %}\n"
        "{% for size in [1, 2] %}h{{size}}: {{size * 2}}\n{% endfor %}",
        parts__x="v: 1",
        more__z="{{1 + 1}}",
    )
    assert load_file(top) == {
        **{"i": 2, "j": 1},
        **{"a": True, "b": False, "c": f"{tmp_path}/top/parts/x.yaml", "d": "1"},
        **{"e": {"v": 1}, "f": {"v": 1}, "g": "yes", "h1": 2, "h2": 4},
    }


def test_layers_share_a_file_of_the_folder_around(tmp_path: Path) -> None:
    top = write(tmp_path, top="{{include_text('../base.yaml')}}\nb: *base")
    (tmp_path / "base.yaml").write_text("a: &base {c: 1}")
    assert load_file(top)["b"] == {"c": 1}


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    for path, message in (
        (tmp_path / "loop.yaml", "cannot read: Too many levels of symbolic links"),
        ("a\0b", "cannot read: a zero in its name"),
        ("k" * 5000, "cannot read: File name too long"),
    ):
        with pytest.raises(InputError, match=message):
            load_file(path)
    top = write(tmp_path, top="a: {{path_exists('" + "k" * 5000 + "')}}\nb: {{layer}}")
    assert load_file(top, {"layer": "/" + "k" * 5000})["a"] is False
    loop = write(tmp_path, top="a: {{include('../loop.yaml')}}")
    assert "cannot read: Too many levels of symbolic links" in refusal(loop)


def test_files_that_the_user_names_may_lie_elsewhere(tmp_path: Path) -> None:
    other = write(tmp_path / "far" / "away", top="{{include_text('../base.yaml')}}\np: *base")
    (other.parent.parent / "base.yaml").write_text("a: &base {c: 1}")
    top = write(tmp_path, top="x: {{include(layer, 'p')}}")
    assert load_file(top, {"layer": str(other)})["x"] == {"c": 1}
    text = "{% set layer = '" + str(other) + "' %}x: {{include(layer, 'p')}}"
    assert "lies outside" in refusal(write(tmp_path / "near", top=text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: {{rows}}", "top.yaml:2: template: 'rows' is undefined"),
        ("a: 1\n\n{% if x %}", "top.yaml:3: template: Unexpected end of template."),
        ("{{include_text('none.yaml')}}", "top.yaml:1: no file 'none.yaml' in any of none.yaml"),
        ("a: 1\nb: {{include('top.yaml')}}", "top.yaml:2: top.yaml includes itself"),
        ("a: {{include('part.yaml', 'y')}}", "top.yaml:1: no key 'y' in part.yaml (legal: x)"),
        ("a: {{include('p*.yaml', 'x')}}", "top.yaml:1: 2 files are 'p*.yaml' (legal: include_al"),
        ("a: {{include('part.txt')}}", "part.txt' is no YAML file (legal: .yaml, .yml,"),
        ("a: {{include_text('/etc/passwd')}}", "top.yaml:1: include: '/etc/passwd' lies outside"),
        ("a: {{include_text('../../x.yaml')}}", "top.yaml:1: include: '"),
        ("{% include '../../x.yaml' %}", "top.yaml:1: include: '"),
        ("a: {{setenv('A', 1)}}", "top.yaml:1: setenv is not read (legal: globals.environment"),
        ("a: {{include(3)}}", "top.yaml:1: a path is 3 (legal: text)"),
        ("a: {{include('a\0b')}}", "(legal: text without zeros)"),
        ("a: {{find_path('none.yaml')}}", "top.yaml:1: no file 'none.yaml' in any of none.yaml"),
        ("a: {{include('part.yaml', 'x.y')}}", "no key 'y' in a number that is included"),
        ("a: {{include('part.yaml', 3)}}", "top.yaml:1: the key to include is 3"),
        ("a: {{include()}}", "top.yaml:1: template: "),
        ("a: {{1 / 0}}", "top.yaml:1: template: division by zero"),
        ("a: {{'x'.__class__.__mro__}}", "top.yaml:1: template: access to attribute '__class__'"),
        ("a: {{cwd.__globals__}}", "top.yaml:1: template: access to attribute '__globals__'"),
        ("a: {{'{:>999999999}'.format(1)}}", "is not safely callable"),
        ("a: {{lipsum()}}", "top.yaml:1: template: 'lipsum' is undefined"),
        ("a: {{'x'|pprint}}", "top.yaml:1: template: No filter named 'pprint'"),
        ("a: !include_loaded 3\n# {{1}}", "top.yaml:1: unknown tag !include_loaded 3"),
        ("a: 1\n{% filter upper %}b{% endfilter %}", "top.yaml:2: template: filter blocks are not"),
        ("a: 1\n{% include 'open.yaml' %}", "open.yaml:2: template: Unexpected end of template"),
        ("a: 1\n{{include_text('open.yaml')}}", "open.yaml:2: template: Unexpected end of templ"),
        ("{% for a in [1, 2, 3] %}\nx{{a}}: 1\n{% endfor %}\n\na: [b\n", "top.yaml:5: not valid"),
        ("{{include_text('many.yaml')}}\na: 1\nb: *none", "top.yaml:3: no anchor is called 'none'"),
        ("{{include_text('many.yaml')}}\na: 1", "top.yaml:1: x: key given twice, first in line 1"),
    ],
)
def test_errors_name_template_and_line(tmp_path: Path, text: str, message: str) -> None:
    many = "x: 1\ny: 2\nz: 3" + "\nx: 4" * ("twice" in message)
    top = write(tmp_path, top=text, part="x: 1", pill="x: 2", many=many, open="a: 1\n{% if x %}")
    (tmp_path.parent / "x.yaml").write_text("x: secret")
    (tmp_path / "top" / "part.txt").write_text("x: 1")
    assert message in refusal(top)


def test_an_error_in_an_included_template_names_that(tmp_path: Path) -> None:
    top = write(tmp_path, top="a: {{include('part.yaml')}}", part="x: 1\ny: {{rows}}")
    assert refusal(top).startswith("part.yaml:2: template: 'rows' is undefined")
    top = write(tmp_path, top="{{include_text('part.yaml')}}")
    assert refusal(top).startswith("part.yaml:2: template: 'rows' is undefined")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{% for i in range(10**9) %}{% endfor %}", "Range too big"),
        ("{% for i in range(10**5) %}{% for j in range(10**5) %}x{% endfor %}{% endfor %}", "end"),
        ("{{'a' * 10**10}}", "only numbers are multiplied"),
        ("{{[1] * 10**10}}", "only numbers are multiplied"),
        ("{{'%9999999999d' % 1}}", "only numbers have a remainder"),
        ("{{10**10**10}}", "a power is of numbers"),
        ("{% set x = namespace(v='aa') %}{% for i in range(99) %}{% set x.v = x.v ~ x.v %}"
         "{% endfor %}", "a value is larger than 200,000"),
        ("{% set x = namespace(v=[1]) %}{% for i in range(99) %}{% set x.v = [x.v, x.v] %}"
         "{% endfor %}", "a value is larger than 200,000"),
        ("{% set x = range(10**4)|join('a') %}{{x.replace('a', x)}}", "would be larger than"),
        ("{% set x = range(10**5)|join('a') %}{{x|replace('a', x)}}", "larger than 200,000"),
        ("{{'a'|indent(10**10)}}", "would be larger than"),
        ("{% set x %}{% for i in range(10**5) %}" + "a" * 10**5 + "{% endfor %}{% endset %}",
         "does not end within 500,000 steps"),
        ("{% set x = range(10**4)|join('a') %}{% for i in range(10**4) %}{% set y = x ~ 'b' %}"
         "{% endfor %}", "does not end within 500,000 steps"),
        ("{{'a'.center(10**10)}}", "is not safely callable"),
        ("{% macro m(n) %}{{m(n)}}{{m(n)}}{% endmacro %}{{m(1)}}", "nested too deeply"),
        ("{{" + "(" * 500 + ")" * 500 + "}}", "template: "),
        ("{% for i in [1] %}" * 30 + "{% endfor %}" * 30, "nested too deeply"),
        ("{{1}}" * 50_000, "the template is too large: 250000 characters"),
        ("{{include_text('twice.yaml')}}", "too many files are included (legal: 1000)"),
    ],
    ids=range(19),
)  # fmt: skip
def test_templates_end_soon_and_stay_small(tmp_path: Path, text: str, message: str) -> None:
    chain = {f"t{n}": f"{{{{include_text('t{n + 1}.yaml')}}}}" * 2 for n in range(20)}
    top = write(tmp_path, top=text, twice="{{include_text('t0.yaml')}}", **chain, t20="#")
    begun = time.process_time()
    assert message in refusal(top)
    assert time.process_time() - begun < 10


def test_what_is_read_and_rendered_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = "a: {{1}} {{include_text('one.yaml')}}"
    path = write(tmp_path, top=top, one="# 1")
    for limit, most, message in (
        ("_MOST_FILES", 2, "too many files are included"),
        ("_MOST_TEXT", len(top) + len("# 1"), "too much is included"),
        ("_LARGEST_TEMPLATE", len(top), f"the template is too large: {len(top)} characters"),
        ("_LARGEST_TEXT", len("a: 1 # 1"), "the text is larger than 7 characters"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(template, limit, most)
            assert load_file(path, {}) == {"a": 1}
            patched.setattr(template, limit, most - 1)
            assert message in refusal(path)


def sandbox(steps: int = 10**6) -> Sandbox:
    limit = StepLimit(lambda name: False)
    limit.left = steps
    return Sandbox(jinja2.DictLoader({}), {}, limit)


@pytest.mark.parametrize(
    ("expression", "size", "message"),
    [
        ("x|string", 3, "a value is larger than 2 characters"),
        ("[x, 1, x]", 8, "a value is larger than 7 characters"),  # the list is one, too
        ("(x, {x: x, 1: 1})", 13, "a value is larger"),
        ("x ~ x", 7, "a value is larger"),  # as the list of its parts
        ("[(x ~ x)[0]]", 7, "a value is larger"),
        ("[x, x, x][0] ~ 1", 10, "a value is larger"),
        ("x.replace('a', 'bb')", 8, "a text would be larger than 7 characters"),
        ("x|replace('a', 'bb')", 8, "a text would be larger"),
        ("x.join(['', '', ''])", 9, "a text would be larger"),
        ("['', '', '']|join(x)", 9, "a text would be larger"),
        ("['', '', '']|join(d=x)", 9, "a text would be larger"),
        ("x|indent", 8, "a text would be larger"),
        ("x|indent(5)", 10, "a text would be larger"),
        ("x|indent(width=5)", 10, "a text would be larger"),
        ("x|indent('12345')", 10, "a text would be larger"),
        ("'\\n'|indent(5)", 15, "a text would be larger"),
        ("9 ** 2", 9, "a power is of numbers up to 8, to at most 64"),
        ("(-9) ** 2", 9, "a power is of numbers up to 8"),
    ],
)
def test_what_a_template_makes_just_fits_and_no_more(
    expression: str, size: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "{% set y = EXPRESSION %}".replace("EXPRESSION", expression)
    monkeypatch.setattr(sandboxes, "LARGEST_VALUE", size)
    assert sandbox().from_string(text).render(x="aaa") == ""
    monkeypatch.setattr(sandboxes, "LARGEST_VALUE", size - 1)
    with pytest.raises(jinja2.TemplateError, match=message):
        sandbox().from_string(text).render(x="aaa")


def test_numbers_of_a_template_have_64_bits() -> None:
    def value(expression: str) -> str:
        return sandbox().from_string("{{ " + expression + " }}").render()

    assert value("2 ** 64") == value("2 ** 63 + 2 ** 63") == str(2**64)
    assert value("-(2 ** 64)") == str(-(2**64))
    assert value("2.0 ** 64 * 4") == str(2.0**66)
    for further in ("2 ** 64 + 1", "-(2 ** 64) - 1", "3 ** 41"):
        with pytest.raises(jinja2.TemplateError, match=r"a number is larger than 2\*\*64"):
            value(further)
    with pytest.raises(jinja2.TemplateError, match="a power is of numbers"):
        value("1 ** 65")


def test_lines_and_two_hundred_characters_are_a_step() -> None:
    for size, steps in ((199, 0), (200, 1), (399, 1), (400, 2)):
        sandbox(steps).bounded("a" * size)
        if steps:
            with pytest.raises(jinja2.TemplateError, match="does not end within 500,000 steps"):
                sandbox(steps - 1).bounded("a" * size)

    def three_lines() -> int:
        one = 1
        two = 2
        return one + two

    limit = StepLimit(__file__.__eq__)
    before = sys.gettrace()
    with limit, limit:
        three_lines()
    assert limit.left == 500_000 - 4  # and the end of the function
    assert sys.gettrace() is before
    three_lines()
    assert limit.left == 500_000 - 4


def test_data_are_numbers_truth_values_and_text() -> None:
    words = ["a=8", "b=true", "c=x y", "d=07", "e=1.50", "f=", "g=[1, x]", "h=a=b", "i={a"]
    assert jinja_data(words) == {
        **{"a": 8, "b": True, "c": "x y", "d": "07", "e": "1.50", "f": None},
        **{"g": [1, "x"], "h": "a=b", "i": "{a"},
    }
    for wrong in ("a", "=3", "a b=3", "3=a"):
        with pytest.raises(InputError, match=r"--jinja: got .* \(legal: KEY=VALUE"):
            jinja_data([wrong])


LAZY = ("map", "items", "reverse", "select", "reject", "selectattr", "rejectattr", "unique")
VALUED = [name for name in FILTERS if name not in (*LAZY, "attr")]
VALUES = st.integers(0, 20) | st.text("ab", max_size=4) | st.lists(st.integers(0, 9), max_size=3)


@given(VALUES, VALUES, st.sampled_from(VALUED))
def test_the_sandbox_computes_what_jinja_does(one: object, two: object, name: str) -> None:
    text = "{% set z = [x, y, 'c'] %}{{ x ~ y }}{{ z|length }}{{ z }}{{ x|NAME }}{{ z[0] == x }}"
    text = text.replace("NAME", name)
    plain = jinja2.Environment(undefined=jinja2.StrictUndefined)
    assert rendered(sandbox(), text, one, two) == rendered(plain, text, one, two)


def rendered(environment: jinja2.Environment, text: str, one: object, two: object) -> str:
    try:
        return environment.from_string(text).render(x=one, y=two)
    except (jinja2.TemplateError, TypeError, ValueError, AttributeError) as error:
        return type(error).__name__
