"""Reads a stream with async-kinesis and prints what it is handed, until its input ends.

    python reader.py http://127.0.0.1:4568 orders

Lines: UP when all shards that are there at first are read, "REC DATA" for each record, DOWN at the end. The library keeps the
key, the sequence number and the shard of a record to itself.
"""

import asyncio
import os
import sys

from aiobotocore.session import AioSession
from kinesis import Consumer
from kinesis.processors import StringProcessor


def say(*words):
    print(*words, flush=True)


async def read(consumer):
    async for data in consumer:  # which ends when the stream is idle for a while
        say("REC", data)
    await asyncio.sleep(0.1)


async def main(endpoint, stream):
    os.environ.update(AWS_ACCESS_KEY_ID="000000000000", AWS_SECRET_ACCESS_KEY="secret")
    consumer = Consumer(
        stream,
        session=AioSession(),
        endpoint_url=endpoint,
        region_name="us-east-1",
        processor=StringProcessor(),
        record_limit=500,
        sleep_time_no_records=0.2,
        shard_fetch_rate=5,
    )
    consumer._shard_refresh_interval = 1  # a minute by itself
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    async with consumer:
        await consumer.wait_ready()
        say("UP")
        while not ended.done():
            reading = asyncio.ensure_future(read(consumer))
            await asyncio.wait([reading, ended], return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()  # which raises what it failed with
            else:
                reading.cancel()
    say("DOWN")


asyncio.run(main(*sys.argv[1:]))
