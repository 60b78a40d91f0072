"""What a small service does beside its health: it counts, and asks another service."""

import httpx
from fastapi import APIRouter
from prometheus_client import Counter
from pydantic import BaseModel

router = APIRouter()
orders = Counter("orders", "Orders that were taken")


class Order(BaseModel):
    article: str
    count: int = 1


@router.post("/orders")
async def take(order: Order) -> Order:
    """Take an order, and tell the stock."""
    async with httpx.AsyncClient(base_url="http://stock") as client:
        await client.post("/", json=order.model_dump())
    orders.inc()
    return order
