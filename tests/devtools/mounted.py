"""An application of somebody's, with the DevTools mounted in it, for a server process of its own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from cnstra.devtools import devtools
from tests.devtools.shop import Shop, sell

shop = Shop()
runner = shop.runner(os.environ["SHOP_STORE"])
tools = devtools(runner, token=os.environ["SHOP_TOKEN"])


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with runner, tools.lifespan(app):
        await sell(runner, shop, "a")
        yield


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


app = Starlette(lifespan=lifespan, routes=[Route("/", hello), Mount("/inside/devtools", app=tools)])
