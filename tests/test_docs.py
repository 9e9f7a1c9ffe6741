"""The pages lead somewhere: links, files, commands and flags that they name exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from esr.__main__ import COMMANDS
from esr.evaluate.arguments import make_parser
from esr.submissions.discovery import discover

_ROOT = Path(__file__).resolve().parents[1]
_PAGES = [
    _ROOT / "README.md",
    _ROOT / "CONTRIBUTING.md",
    _ROOT / "CHANGELOG.md",
    _ROOT / "data" / "README.md",
    _ROOT / "benchmarks" / "README.md",
    *sorted((_ROOT / "docs").glob("*.md")),
]
_FLAG = re.compile(r"(?<![\w-])--[a-z]\w*")
_LINK = re.compile(r"\]\(([^)]+)\)")
_OUR_FILE = re.compile(r"`((?:esr|utils|tests|benchmarks|recipes|docs)/[\w./-]+)`")


@pytest.fixture(params=_PAGES, ids=lambda page: page.relative_to(_ROOT).as_posix())
def page(request: pytest.FixtureRequest) -> Path:
    """A page, one after the other."""
    path: Path = request.param
    return path


def _text(page: Path) -> str:
    """A page with the lines of a long command joined."""
    return page.read_text(encoding="utf-8").replace("\\\n", "")


def _flags_of_test_demo(text: str) -> Iterator[str]:
    """Flags in calls of test_demo.py, each up to the end of its line or code span."""
    for call in re.findall(r"test_demo\.py[^\n`]*", text):
        yield from _FLAG.findall(call)


def test_readme_is_a_door() -> None:
    assert len((_ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_every_page_of_docs_is_within_reach_of_the_readme() -> None:
    """Over links from page to page."""
    reached: set[Path] = set()
    ahead = [_ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        targets = (_target(page, link) for link in _links(page))
        ahead += [path for path in targets if path.suffix == ".md" and path not in reached]
    assert {page for page in _PAGES if page not in reached} == set()


def test_links_lead_to_files(page: Path) -> None:
    assert [link for link in _links(page) if not _target(page, link).exists()] == []


def _links(page: Path) -> list[str]:
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    return [link for link in links if not link.startswith(("https:", "http:", "#"))]


def _target(page: Path, link: str) -> Path:
    return (page.parent / link.partition("#")[0]).resolve()


def test_our_files_are_where_the_page_says(page: Path) -> None:
    named = _OUR_FILE.findall(_text(page))
    assert [name for name in named if not (_ROOT / name).exists()] == []


def test_the_pages_show_every_submission_that_ships() -> None:
    labels = {entry.label for entry in discover(_ROOT)}
    assert len(labels) == 7
    shown = (_ROOT / "docs" / "submissions-of-2023.md").read_text(encoding="utf-8")
    assert {label for label in labels if f"\n    {label}: demo " not in shown} == set()
    listed = (_ROOT / "docs" / "adding-a-submission.md").read_text(encoding="utf-8")
    checkpoints = {path.name for path in (_ROOT / "model_zoo").glob("team*.pth")}
    assert {name for name in checkpoints if name not in listed} == set()


def test_commands_exist(page: Path) -> None:
    named = re.findall(r"python -m esr (\w+)", _text(page))
    assert [name for name in named if name not in COMMANDS] == []


def test_flags_of_test_demo_exist(page: Path) -> None:
    known = _FLAG.findall(make_parser(_ROOT).format_help())
    assert [flag for flag in _flags_of_test_demo(_text(page)) if flag not in known] == []


def test_flags_in_sentences_are_of_some_program_of_ours(page: Path) -> None:
    """`--flag VALUE`, without saying whose it is."""
    sources = [_ROOT / "train.py", *(_ROOT / "esr").rglob("*.py"), *_ROOT.glob("benchmarks/*.py")]
    known = {flag for path in sources for flag in re.findall(r'"(--\w+)"', path.read_text())}
    spans = re.findall(r"`(--[^`\n]+)`", _text(page))
    assert [flag for span in spans for flag in _FLAG.findall(span) if flag not in known] == []
