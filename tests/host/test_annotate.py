"""docs/protocol.md shows the bytes that the code makes, all of them, once."""

import annotate


def test_the_document_shows_what_the_code_makes_today():
    text = annotate.DOCUMENT.read_text()
    begin, end = annotate.stands(text)
    assert text[begin:end].rstrip("\n") == annotate.section().rstrip("\n"), "run `python tests/annotate.py`"


def test_each_byte_is_shown_once():
    for heading, data, words in annotate.examples():
        lines = list(annotate.reader(heading, data, words)(data, words))
        assert b"".join(raw for raw, _ in lines) == data, heading
