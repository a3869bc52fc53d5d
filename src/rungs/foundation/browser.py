"""A page shown in the user's browser, where there is one."""

import os
import sys
import webbrowser
from pathlib import Path

# Of which Linux needs one to have a screen; the last is the user's own choice of a browser.
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


def show_page(page: Path) -> bool:
    """Has the user's browser open a file; False where there is none, as on a server."""
    return show_address(page.resolve().as_uri())


def show_address(address: str) -> bool:
    """The same of an address."""
    # Without a screen, what is found may be a browser for terminals, which takes this one over.
    if sys.platform == "linux" and not any(os.environ.get(name) for name in _SCREENS):
        return False
    try:
        return webbrowser.open(address)
    except (webbrowser.Error, OSError):
        return False
