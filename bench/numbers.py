"""Numbers as the tables show them."""


def number(value: float) -> str:
    """Three figures, and all that stand before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
