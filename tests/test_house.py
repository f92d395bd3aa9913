"""The house's rules that no linter knows; each finder is itself tried on a planted fault."""

import ast
import os
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest
from django.template import engines
from django.template.backends.django import Template

from processing import states

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = [
    *(path for app in ("config", "processing", "recovery") for path in sorted((ROOT / app).rglob("*.py")))
]
SUPPORT = [path for folder in ("tests", "bench") for path in sorted((ROOT / folder).rglob("*.py"))]
# Migrations are printed by Django and never edited once merged.
HANDWRITTEN = [path for path in PRODUCT + SUPPORT if path.parent.name != "migrations"]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
LINES_PER_FILE = 400
LINES_PER_FUNCTION = 40
STEP_FIELDS = {"status", "stage", "hold"}
FORBIDDEN_MARKUP = {
    "safe filter": re.compile(r"\|\s*safe(seq)?\b"),
    "autoescape off": re.compile(r"autoescape\s+off"),
    "inline style": re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE),
    "style element": re.compile(r"<style\b", re.IGNORECASE),
    "inline handler": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "inline script": re.compile(r"<script\b(?![^>]*\ssrc\s*=)", re.IGNORECASE),
    "hx-on": re.compile(r"\shx-on\b", re.IGNORECASE),
    "evaluated hx-vals": re.compile(r"hx-(vals|headers|vars)\s*=\s*[\"']\s*(js|javascript):", re.IGNORECASE),
}
POST_FORM = re.compile(r"<form\b[^>]*\bmethod\s*=\s*[\"']?post\b.*?</form>", re.IGNORECASE | re.DOTALL)


def long_functions(source: str) -> list[str]:
    """Functions over the limit, decorators not counted."""
    return [
        f"{node.name}: {length} lines"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > LINES_PER_FUNCTION
    ]


def is_too_long(source: str) -> bool:
    """Whether a file is over the limit."""
    return len(source.splitlines()) > LINES_PER_FILE


def hidden_steps(source: str) -> list[str]:
    """Assignments to a state, updates of one and calls of save(), which belong on the models."""
    found = []
    for node in ast.walk(ast.parse(source)):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = [
            one.attr
            for target in targets
            if target
            for one in ast.walk(target)
            if isinstance(one, ast.Attribute)
        ]
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) and STEP_FIELDS & set(names):
            found.append(f"line {node.lineno} assigns a state")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            named = {keyword.arg for keyword in node.keywords}
            if node.func.attr == "save":
                found.append(f"line {node.lineno} calls save()")
            if node.func.attr == "update" and STEP_FIELDS & named:
                found.append(f"line {node.lineno} updates a state")
    return found


def markup_faults(markup: str) -> list[str]:
    """What the content policy forbids, and forms that anybody could forge."""
    found = [name for name, pattern in FORBIDDEN_MARKUP.items() if pattern.search(markup)]
    if any("{% csrf_token %}" not in form for form in POST_FORM.findall(markup)):
        found.append("no csrf_token in a form")
    return found


def unfinished_words(source: str) -> list[str]:
    """Comments that promise work instead of doing it."""
    tokens = tokenize.generate_tokens(iter(source.splitlines(keepends=True)).__next__)
    promise = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    return [
        token.string for token in tokens if token.type == tokenize.COMMENT and promise.search(token.string)
    ]


def named_tests(source: str) -> set[str]:
    """Names of tests that stand beside guards; one that ends in * stands for all that begin so."""
    return set(re.findall(r"\btest_[a-z0-9_]+\*?", source))


def missing_tests(source: str) -> list[str]:
    """Tests that a guard names and that are not there."""
    written = re.findall(r"^\s*def (test_\w+)", "\n".join(path.read_text() for path in SUPPORT), re.MULTILINE)
    return [
        name
        for name in sorted(named_tests(source))
        if not any(one == name or (name.endswith("*") and one.startswith(name[:-1])) for one in written)
    ]


def may_step(path: Path) -> bool:
    """Whether this module is a model's, or arithmetic that knows no model (and saves pictures)."""
    return path.name == "models.py" or path.parent.name in ("models", "analysis")


def faults(paths: list[Path], finder: object) -> dict[str, object]:
    """What a finder found, by file."""
    assert callable(finder)
    found = {str(path.relative_to(ROOT)): finder(path.read_text()) for path in paths}
    return {name: result for name, result in found.items() if result}


def test_files_are_short() -> None:
    assert faults(HANDWRITTEN, is_too_long) == {}


def test_functions_fit_a_screen() -> None:
    assert faults(PRODUCT, long_functions) == {}


def test_steps_live_on_the_models() -> None:
    assert faults([path for path in PRODUCT if not may_step(path)], hidden_steps) == {}


def test_templates_obey_the_content_policy() -> None:
    assert faults(TEMPLATES, markup_faults) == {}


def test_tests_named_beside_guards_are_there() -> None:
    assert faults(PRODUCT, missing_tests) == {}


def test_missing_tests_are_found_when_planted() -> None:
    named = "# test: test_unfinished_words_*, test_that_nobody" + "_wrote\nbrightest_min"

    assert missing_tests(named) == ["test_that_nobody" + "_wrote"]


def test_comments_promise_nothing() -> None:
    assert faults(PRODUCT + SUPPORT, unfinished_words) == {}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.name))
def test_template_compiles(path: Path) -> None:
    source = path.read_text()

    template = engines["django"].from_string(source)

    assert isinstance(template, Template)


def test_product_is_found_by_these_tests() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in PRODUCT}

    assert {"config/settings.py", "processing/states.py", "recovery/models.py"} <= names


def test_length_finders_see_one_line_too_many() -> None:
    body = "    pass\n" * (LINES_PER_FUNCTION - 1)

    assert long_functions(f"def fits():\n{body}") == []
    assert long_functions(f"def grows():\n{body}    pass\n") == ["grows: 41 lines"]
    assert not is_too_long("x = 1\n" * LINES_PER_FILE)
    assert is_too_long("x = 1\n" * (LINES_PER_FILE + 1))


@pytest.mark.parametrize(
    "source",
    [
        "a.status = 1",
        "a.b.stage += 1",
        "a.hold: int = 1",
        "(a.status, b) = 1, 2",
        "a.save()",
        "x = [a.save(f=1)]",
        "Batch.objects.filter(pk=1).update(lease=2, status=done)",
    ],
)
def test_hidden_steps_are_found_when_planted(source: str) -> None:
    assert len(hidden_steps(source)) == 1


def test_hidden_steps_lets_reading_and_locals_pass() -> None:
    assert hidden_steps("status = a.status\nif a.stage == 1: save(a)") == []


@pytest.mark.parametrize(
    ("markup", "fault"),
    [
        ("{{ name|safe }}", "safe filter"),
        ("{% autoescape off %}", "autoescape off"),
        ('<p class="a" style="color: red">', "inline style"),
        ("<style>p {}</style>", "style element"),
        ('<a href="/" onclick="go()">', "inline handler"),
        ("<script>go()</script>", "inline script"),
        ('<p hx-on:click="go()">', "hx-on"),
        ("<p hx-vals='js:{a: 1}'>", "evaluated hx-vals"),
        ('<form method="post" action="/"></form>', "no csrf_token in a form"),
    ],
)
def test_markup_faults_are_found_when_planted(markup: str, fault: str) -> None:
    assert fault in markup_faults(markup)


def test_markup_faults_lets_good_markup_pass() -> None:
    form = '<form method="post">{% csrf_token %}</form><form method="get"></form>'

    assert markup_faults(f'{form}<script src="/a.js" defer></script><p class="one">on=1</p>') == []


def test_unfinished_words_are_found_when_planted() -> None:
    assert unfinished_words("x = 1  # TO" + "DO later\n") == ["# TO" + "DO later"]


def test_readme_shows_the_states_as_the_table_has_them() -> None:
    readme = (ROOT / "README.md").read_text()

    shown = re.search(r"<!-- states -->\n```mermaid\n(.*?)\n```\n<!-- /states -->", readme, re.DOTALL)

    assert shown
    assert shown[1] == states.diagram()


def test_web_and_commands_start_without_the_analysis_libraries() -> None:
    program = """
import sys
import django
django.setup()
from importlib import import_module
from django.core.management import get_commands, load_command_class
import_module("config.urls")
import_module("config.wsgi")
ours = {name: app for name, app in get_commands().items() if app in ("config", "processing", "recovery")}
for name, app in ours.items():
    load_command_class(app, name)
print(sorted({"torch", "PIL", "numpy", "simplejpeg", "pillow_heif"} & sys.modules.keys()))
"""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"}

    child = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, check=True, capture_output=True, text=True
    )

    assert child.stdout == "[]\n"
