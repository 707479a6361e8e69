"""Looking for what must not be in an exception, however it is shown."""

import traceback


def assert_tells_nothing(fault: BaseException, *secrets: str) -> None:
    """Neither the exception nor any that it holds on to says one of these, in words, in its `repr` or in a field."""
    shown = "".join(traceback.format_exception(fault))
    chain: list[BaseException] = [fault]
    for link in chain:
        shown += f"{link!s}{link!r}{link.args!r}{vars(link)!r}"
        chain += [other for other in (link.__cause__, link.__context__) if other and other not in chain]
    for secret in secrets:
        assert secret not in shown
