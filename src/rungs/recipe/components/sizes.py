"""Types of the sizes that networks are made of."""

from typing import Annotated

from pydantic import Field

Width = Annotated[int, Field(strict=True, ge=1, le=16_384)]
Depth = Annotated[int, Field(strict=True, ge=1, le=100)]
