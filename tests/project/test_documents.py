"""tests/support/docs.py runs a block as a reader who pastes it alone, and finds one that does not run."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import docs

TWO = "```python\nname = 1\n```\n\n```python\n{}assert name == 1\n```\n"


def test_a_block_that_needs_another_fails(tmp_path: Path) -> None:
    """A name of the block before is not there."""
    page = tmp_path / "page.md"
    page.write_text(TWO.format(""), "utf-8")
    with pytest.raises(NameError):
        docs.run(page, together=False)
    first, second = docs.every_block(page.read_text("utf-8"))
    assert docs.pasted(first.code) is None
    assert "name 'name' is not defined" in (docs.pasted(second.code) or "")


def test_a_block_that_says_so_continues(tmp_path: Path) -> None:
    """The mark is the reader's comment, and gives the block the names of the one before."""
    page = tmp_path / "page.md"
    page.write_text(TWO.format("# Continues the block above.\n"), "utf-8")
    assert docs.run(page, together=False) == 2
    assert [block.mark for block in docs.every_block(page.read_text("utf-8"))] == [
        None,
        "# Continues the block above.",
    ]


def test_await_at_the_top_level_is_no_program(tmp_path: Path) -> None:
    """A file with `await` outside of a function does not run, as a reader would find out."""
    page = tmp_path / "page.md"
    page.write_text("```python\nimport asyncio\nawait asyncio.sleep(0)\n```\n", "utf-8")
    with pytest.raises(SyntaxError):
        docs.run(page, together=False)
    assert docs.run(page, together=True) == 1


@pytest.mark.parametrize(
    ("comment", "left_out", "file"),
    [
        pytest.param("", False, False, id="none"),
        pytest.param("<!-- not run -->\n", True, False, id="not-run"),
        pytest.param("<!-- file app.py -->\n", True, True, id="file"),
        pytest.param("<!-- file app.py -->\n\nText.\n\n", False, False, id="file-of-another-block"),
    ],
)
def test_what_a_page_leaves_out(comment: str, left_out: bool, file: bool) -> None:
    """The comment right before a block says whether it is a part or a whole file."""
    [block] = docs.every_block(f"{comment}```python\npass\n```\n")
    assert (block.left_out, block.file) == (left_out, file)
