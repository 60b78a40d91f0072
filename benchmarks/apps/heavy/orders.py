"""What a large service does: it stores, sends, signs, reports, and is watched from all sides."""

import boto3
import httpx
import jwt
import orjson
import pandas as pd
import redis.asyncio as redis
import sentry_sdk
import sqlalchemy as sa
import structlog
from cryptography.fernet import Fernet
from fastapi import APIRouter, Response
from jinja2 import Environment
from lxml import etree
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from PIL import Image
from prometheus_client import Counter
from pydantic import BaseModel, EmailStr
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from tenacity import retry, stop_after_attempt

router = APIRouter()
log = structlog.get_logger()
taken = Counter("orders", "Orders that were taken")
cache = redis.Redis()
key = Fernet(Fernet.generate_key())
engine = sa.create_engine("postgresql+psycopg://orders@database/orders")
storage = boto3.client("s3", "eu-central-1", aws_access_key_id="-", aws_secret_access_key="-")
page = Environment(autoescape=True).from_string("<p>{{ article }}</p>")
trace.set_tracer_provider(TracerProvider())
sentry_sdk.init()


class Base(DeclarativeBase):
    pass


class Stored(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    article: Mapped[str]


class Order(BaseModel):
    article: str
    customer: EmailStr


def watch(application: object) -> None:
    """Send what the application does to a collector."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter("http://collector")))
    FastAPIInstrumentor().instrument_app(application, tracer_provider=provider)


@router.post("/orders")
@retry(stop=stop_after_attempt(3))
async def take(order: Order) -> Response:
    """Take an order."""
    async with httpx.AsyncClient(base_url="http://stock") as client:
        await client.post("/", json=order.model_dump())
    await cache.set(order.article, key.encrypt(order.customer.encode()))
    taken.inc()
    log.info("taken", article=order.article)
    return Response(orjson.dumps(jwt.encode(order.model_dump(), "secret")))


@router.get("/report")
def report() -> Response:
    """Report what was ordered."""
    frame = pd.read_sql(sa.select(Stored), engine)
    storage.put_object(Bucket="reports", Key="orders", Body=frame.to_csv())
    return Response(page.render(article=frame.article.max()))


@router.get("/picture")
def picture() -> str:
    """Describe a picture."""
    return etree.tostring(etree.Element("picture", mode=Image.new("RGB", (1, 1)).mode)).decode()
