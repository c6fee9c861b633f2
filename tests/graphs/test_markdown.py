import pytest

from cnstra.graphs.markdown import code_span, plain_text


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("a", "`a`"),
        ("a b\n c", "`a b c`"),
        ("a`b", "``a`b``"),
        ("``", "``` `` ```"),
        ("<b>", "`<b>`"),
        (" ", "`   `"),
    ],
)
def test_code_is_fenced_by_more_ticks_than_it_has(text: str, span: str) -> None:
    assert code_span(text) == span


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with a dot.", "plain, with a dot."),
        ("<script> & [link](x)", r"\<script\> \& \[link\]\(x\)"),
        ("1. no list", r"1\. no list"),
        ("- no list", r"\- no list"),
        ("# no\nheading", r"\# no heading"),
    ],
)
def test_prose_has_no_markup(text: str, shown: str) -> None:
    assert plain_text(text) == shown
