"""Amounts as people read them."""

from __future__ import annotations


def amount(value: float | None, unit: str) -> str:
    """Write seconds with three digits, bytes in kB or MB, numbers as they are, None not at all."""
    if value is None:
        return ""
    if unit == "s":
        return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
    if unit == "B":
        scaled, name = (value / 1e6, "MB") if value >= 1e6 else (value / 1e3, "kB")
        return f"{scaled:.1f} {name}" if scaled < 100 else f"{scaled:.0f} {name}"
    return f"{value:g}"
