"""What the product says of itself."""

from functools import cache
from importlib.metadata import version


@cache
def own_version() -> str:
    """The version that is installed.  To find it every folder with packages is looked through, so it is asked once."""
    return version("headway")
