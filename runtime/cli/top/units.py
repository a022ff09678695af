"""Numbers with units, short enough for columns."""

from typing import Final

_STEPS: Final = (("G", 1e9), ("M", 1e6), ("k", 1e3))


def rate_text(per_second: float | None) -> str:
    """Return a number per second; "-" if it is not known yet.

    >>> rate_text(None), rate_text(0), rate_text(49.96), rate_text(1234.4), rate_text(12345)
    ('-', '0', '50.0', '1234', '12.3k')
    """
    if per_second is None:
        return "-"
    if per_second < 0.05:
        return "0"
    if per_second < 99.95:
        return f"{per_second:.1f}"
    return count_text(round(per_second))


def count_text(number: float) -> str:
    """Return a count.

    >>> count_text(9999), count_text(10_000), count_text(1_234_567)
    ('9999', '10.0k', '1.2M')
    """
    if number < 10_000:
        return f"{number:.0f}"
    return _scaled(number)


def bytes_text(number: float) -> str:
    """Return a size in bytes, in decimal units; "-" for none.

    >>> bytes_text(0), bytes_text(512), bytes_text(81_234_567)
    ('-', '512B', '81.2MB')
    """
    if not number:
        return "-"
    return f"{number:.0f}B" if number < 1000 else f"{_scaled(number)}B"


def duration_text(seconds: float) -> str:
    """Return a duration as minutes and seconds, with hours if there are any.

    >>> duration_text(62), duration_text(3723), duration_text(90000)
    ('1:02', '1:02:03', '25:00:00')
    """
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def milliseconds_text(milliseconds: float) -> str:
    """Return a duration in milliseconds, with three digits.

    >>> milliseconds_text(0), milliseconds_text(0.0314), milliseconds_text(1.5)
    ('-', '0.03', '1.50')
    >>> milliseconds_text(15.5), milliseconds_text(1500)
    ('15.5', '1500')
    """
    if not milliseconds:
        return "-"
    digits = 2 if milliseconds < 9.995 else 1 if milliseconds < 99.95 else 0
    return f"{milliseconds:.{digits}f}"


def percent_text(part: float | None) -> str:
    """Return a part of one as a percentage; "-" if it is not known yet.

    >>> percent_text(None), percent_text(0.924), percent_text(1.5)
    ('-', '92%', '150%')
    """
    return "-" if part is None else f"{100 * part:.0f}%"


def _scaled(number: float) -> str:
    for unit, size in _STEPS:
        if number >= 0.99995 * size:
            scaled = number / size
            return f"{scaled:.1f}{unit}" if scaled < 999.95 else f"{scaled:.0f}{unit}"
    return f"{number:.0f}"
