"""Tables as wide as they need to be."""

from imbalance.cli import print_table


def test_a_table_in_a_file_is_not_cut(capsys):
    "Twelve columns of twenty characters: each heading and cell is there, on one line, and no dots."
    headings, cells = ([f"{kind} number {n:02} of twelve" for n in range(12)] for kind in ("head", "cell"))
    print_table(headings, [cells])
    lines = capsys.readouterr().out.splitlines()
    assert "…" not in "".join(lines)
    for words in (headings, cells):
        assert [line for line in lines if all(word in line for word in words)]
