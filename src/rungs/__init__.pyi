# The types of what `__init__.py` imports only when it is used.
from rungs.api import compare as compare
from rungs.api import load_model as load_model
from rungs.api import load_study as load_study
from rungs.api import open_store as open_store
from rungs.api import run as run
from rungs.modifications import modification as modification

__version__: str
__all__ = [
    "__version__",
    "compare",
    "load_model",
    "load_study",
    "modification",
    "open_store",
    "run",
]
