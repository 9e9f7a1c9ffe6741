"""A path is printed without `..`, and always leads to where the one that was typed leads."""

from __future__ import annotations

from pathlib import Path

import pytest

from esr.base.plain_path import make_plain


def test_steps_up_are_left_out_unless_a_link_stands_before_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "far" / "inner").mkdir(parents=True)
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "link").symlink_to(tmp_path / "far" / "inner")
    monkeypatch.chdir(tmp_path / "repo")
    assert make_plain(Path("../results")) == tmp_path / "results"
    assert make_plain(Path("a/./../b")) == tmp_path / "repo" / "b"
    # link/.. is far, not repo: a file that is written there must be found by what is printed.
    above = make_plain(Path("link/../results"))
    (tmp_path / "far" / "results").write_text("here")
    assert above.read_text() == "here"
    # People know a place by its link.
    assert make_plain(Path("link/results")) == tmp_path / "repo" / "link" / "results"
