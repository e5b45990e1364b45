"""The pages as one ASGI application."""

from fastapi import FastAPI

from web.ports import Ports


def build(ports: Ports) -> FastAPI:
    """Put the pages together; nothing is read before one is asked for."""
    del ports
    return FastAPI(title="Headway", docs_url=None, redoc_url=None, openapi_url=None)
