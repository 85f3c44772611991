#!/usr/bin/env python3
"""A relay at a distance: carries each stream to 127.0.0.1:PORT, later by MILLISECONDS each way; says where it listens.

usage: stress_delay.py PORT MILLISECONDS. SPDX-License-Identifier: ISC
"""
import asyncio
import sys


async def carry(reader, writer, delay):
    """Bytes leave in the order in which they came, each `delay` seconds later."""
    loop = asyncio.get_running_loop()
    while data := await reader.read(65536):
        loop.call_later(delay, writer.write, data)
    loop.call_later(delay, writer.close)


async def serve(near_reader, near_writer, port, delay):
    try:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(near_reader, far_writer, delay), carry(far_reader, near_writer, delay))
    except OSError:
        near_writer.close()


async def main():
    port, delay = int(sys.argv[1]), float(sys.argv[2]) / 1000
    server = await asyncio.start_server(lambda reader, writer: serve(reader, writer, port, delay), "127.0.0.1", 0)
    print("listening on 127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
