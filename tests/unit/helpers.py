"""What tests share on both interpreters."""


def raises(error, fn, *args):
    """Call fn, which must raise this error; returns it."""
    try:
        fn(*args)
    except error as e:
        return e
    raise AssertionError("%s was not raised" % error.__name__)
