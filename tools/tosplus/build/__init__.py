"""What a board gets: boards, the files of a product, images. CPython."""
