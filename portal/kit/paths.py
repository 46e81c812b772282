"""Where Banso's own files lie: beside the code in a checkout, inside the package once installed from a wheel."""

from pathlib import Path

PACKAGE = Path(__file__).parent.parent
CHECKOUT = PACKAGE.parent


def bundled(*parts: str) -> Path:
    """The path of one of `content`, `tutorials`, `migrations`, `static`, or of something in them."""
    installed = PACKAGE / "bundled"
    root = installed if installed.is_dir() else CHECKOUT
    return root.joinpath(*parts)
