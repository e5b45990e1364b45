"""What pages are asked by: the ways of a route, and the values that an address may hold."""

from typing import Annotated, Any

from fastapi import Query

READING: dict[str, Any] = {"methods": ["GET", "HEAD"], "response_model": None}
"""How every route is asked: nothing here changes anything."""

PageNumber = Annotated[int, Query(ge=1, le=100_000)]
Name = Annotated[str, Query(max_length=300)]
Place = Annotated[int, Query(ge=0, le=1000)]
Seq = Annotated[int, Query(ge=0, le=2**62)]
