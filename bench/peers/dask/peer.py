"""Streams through streamz and Dask, timed, so that they can be compared with the engine's.

Each subcommand prints one line of JSON on stdout, `{"records": N, "seconds": S}`, and all else on stderr.
The clock runs for the records alone: it starts when the cluster is up and a warm-up has passed through it.
"""

import argparse
import asyncio
import json
import logging
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import NoReturn

try:
    import streamz.dask  # noqa: F401  Gives every stream its `scatter`.
    from distributed import Client, Future, LocalCluster
    from streamz import Stream
except ImportError as error:
    sys.exit(f"peer.py: {error}: run it in the environment that README.md sets up")

WARM_UP_RECORDS = 100
LOCAL_WARM_UP_RECORDS = 10_000
WARM_UP_TASKS = 32


@dataclass(frozen=True)
class Measurement:
    """So many records, or tasks, took so many seconds."""

    records: int
    seconds: float


class PeerError(Exception):
    """Why there is no measurement."""


# The functions that the streams run.


def inc(number: int) -> int:
    return number + 1


def inc_all(numbers: Sequence[int]) -> list[int]:
    return [number + 1 for number in numbers]


def same_lines(lines: bytes) -> bytes:
    return b"\n".join(lines.split(b"\n"))


def sleep_and_inc(number: int) -> int:
    time.sleep(1)
    return number + 1


# The subcommands.


async def local(arguments: argparse.Namespace) -> Measurement:
    """Map to sink within streamz alone."""
    time_local_stream(LOCAL_WARM_UP_RECORDS, arguments.maps)
    return time_local_stream(arguments.records, arguments.maps)


async def chain(arguments: argparse.Namespace) -> Measurement:
    """Scatter, map, buffer and gather, a record at a time."""

    def build(source: Stream) -> Stream:
        return source.scatter().map(inc).buffer(arguments.buffer).gather()

    async with local_client():
        await time_stream(build, WARM_UP_RECORDS)
        return await time_stream(build, arguments.records)


async def partition(arguments: argparse.Namespace) -> Measurement:
    """Scatter, map, buffer and gather, a list of records at a time."""
    if arguments.records % arguments.size:
        # The last list would never be full, and streamz would wait for its other records.
        raise PeerError(f"{arguments.records} records are not a multiple of --size {arguments.size}")

    def build(source: Stream) -> Stream:
        lists = source.partition(arguments.size).scatter().map(inc_all)
        return lists.buffer(arguments.buffer).gather().flatten()

    async with local_client():
        await time_stream(build, WARM_UP_RECORDS * arguments.size)
        return await time_stream(build, arguments.records)


async def batches(arguments: argparse.Namespace) -> Measurement:
    """Submit lines that are joined by hand, so many a task, to processes of a thread; take results in order."""
    if arguments.records % arguments.size:
        raise PeerError(f"{arguments.records} records are not a multiple of --size {arguments.size}")
    count = arguments.records // arguments.size
    # Equal arguments would be one task, and made beforehand they cost the client nothing.
    made = [joined_lines(number, arguments) for number in range(arguments.window)]
    cluster = LocalCluster(n_workers=arguments.workers, threads_per_worker=1, **CLUSTER)
    async with cluster, Client(cluster, asynchronous=True) as client:
        await submit_all(client, made, WARM_UP_TASKS)
        start = time.perf_counter()
        await submit_all(client, made, count)
        seconds = time.perf_counter() - start
    return Measurement(arguments.records, seconds)


async def submit_all(client: Client, made: Sequence[bytes], count: int) -> None:
    """Keep as many tasks under way as there are batches, and take their results in order."""
    waiting: deque[tuple[bytes, Future]] = deque()
    for number in range(count + len(made)):
        if len(waiting) == len(made) or number >= count:
            if not waiting:
                return
            batch, future = waiting.popleft()
            if await future != batch:
                raise PeerError("a batch did not come back as it was")
        if number < count:
            batch = made[number % len(made)]
            waiting.append((batch, client.submit(same_lines, batch, pure=False)))


async def round_trip(arguments: argparse.Namespace) -> Measurement:
    """Submit a task to an idle cluster and wait for its result, then the next."""
    async with local_client() as client:
        for _ in range(WARM_UP_RECORDS):
            await time_task(client)
        seconds = 0.0
        for _ in range(arguments.tasks):
            # The client sends at most every 10 ms: without a rest each task waits for that, 11 ms and not 3.
            await asyncio.sleep(arguments.rest)
            seconds += await time_task(client)
    return Measurement(arguments.tasks, seconds)


async def sleepers(arguments: argparse.Namespace) -> Measurement:
    """Sleep a second for each record, all within the buffer at once."""

    def build(source: Stream, function: Callable[[int], int]) -> Stream:
        return source.scatter().map(function).buffer(arguments.count).gather()

    async with local_client():
        await time_stream(lambda source: build(source, inc), WARM_UP_RECORDS)
        return await time_stream(lambda source: build(source, sleep_and_inc), arguments.count)


# What they share.

CLUSTER = {
    "asynchronous": True,
    # Dask serves HTTP even without a dashboard, on all interfaces unless told where. The dashboard itself needs
    # Bokeh, which requirements.txt leaves out.
    "dashboard_address": "127.0.0.1:0",
    "worker_dashboard_address": "127.0.0.1:0",
    "silence_logs": logging.ERROR,
}


@asynccontextmanager
async def local_client() -> AsyncIterator[Client]:
    """A client, and its cluster in this process with as many threads as the machine has processors."""
    # Medians of five runs on two virtual cores, where one run differs from the next by a third. No larger
    # difference came from one worker thread, uvloop, direct scatter, no profiler, or no work stealing.
    #
    #                                        chain      chain, 100    partition   round trip
    # in this process, one event loop        296/s      330/s         21,100/s    2.4 ms
    # in this process, loop in a thread      327/s      343/s         20,600/s    2.8 ms
    # one process of two threads             292/s      301/s         10,900/s    5.4 ms
    # two processes of one thread            270/s      278/s         12,600/s    5.7 ms
    cluster = LocalCluster(processes=False, **CLUSTER)
    async with cluster, Client(cluster, asynchronous=True) as client:
        yield client


def time_local_stream(records: int, maps: int) -> Measurement:
    """Time so many records from source through so many maps to sink without a cluster."""
    results: list[int] = []
    source = stream = Stream()
    for _ in range(maps):
        stream = stream.map(inc)
    stream.sink(results.append)
    start = time.perf_counter()
    for record in range(records):
        source.emit(record)
    seconds = time.perf_counter() - start
    check([result + 1 - maps for result in results], records)
    return Measurement(records, seconds)


async def time_stream(build: Callable[[Stream], Stream], records: int) -> Measurement:
    """Time so many records from the first `emit` to the last result; `build` adds the stages to time."""
    results = Results(records)
    source = Stream(asynchronous=True)
    build(source).sink(results.append)
    start = time.perf_counter()
    for record in range(records):
        await source.emit(record, asynchronous=True)
    await results.complete.wait()
    seconds = time.perf_counter() - start
    check(results, records)
    return Measurement(records, seconds)


def joined_lines(number: int, arguments: argparse.Namespace) -> bytes:
    first = number * arguments.size
    return b"\n".join(b"%0*d" % (arguments.bytes, first + line) for line in range(arguments.size))


class Results(list[int]):
    """A list to sink into, which tells when it holds all results."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.complete = asyncio.Event()
        self._expected = expected

    def append(self, result: int) -> None:
        super().append(result)
        if len(self) == self._expected:
            self.complete.set()


def check(results: Sequence[int], records: int) -> None:
    """Raise `PeerError` unless these are the results of so many records, in the order of the records."""
    if len(results) != records:
        raise PeerError(f"{len(results)} results of {records} records")
    for record, result in enumerate(results):
        if result != record + 1:
            raise PeerError(f"result {record} is {result}, expected {record + 1}")


async def time_task(client: Client) -> float:
    """Seconds from the submission of one task to its result."""
    start = time.perf_counter()
    await client.submit(inc, 1, pure=False)
    return time.perf_counter() - start


# The command line.


class Parser(argparse.ArgumentParser):
    """A parser that reports a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def positive(text: str) -> int:
    """A whole number of at least one."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def parse_arguments() -> argparse.Namespace:
    parser = Parser(prog="peer.py", description="Times streamz with Dask; one line of JSON on stdout.")
    parser.add_argument("--timeout", type=positive, default=600, help="seconds until it gives up (600)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], Awaitable[Measurement]], count: str) -> Parser:
        subparser = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
        subparser.set_defaults(run=run)
        subparser.add_argument(count, type=positive, metavar=count.upper())
        return subparser

    command("local", local, "records").add_argument("--maps", type=positive, default=1)
    command("chain", chain, "records").add_argument("--buffer", type=positive, default=8)
    in_lists = command("partition", partition, "records")
    in_lists.add_argument("--size", type=positive, default=100)
    in_lists.add_argument("--buffer", type=positive, default=8)
    of_bytes = command("batches", batches, "records")
    of_bytes.add_argument("--size", type=positive, default=10_000)
    of_bytes.add_argument("--bytes", type=positive, default=100)
    of_bytes.add_argument("--window", type=positive, default=16, help="tasks under way (16)")
    of_bytes.add_argument("--workers", type=positive, default=2)
    alone = command("round-trip", round_trip, "tasks")
    alone.add_argument("--rest", type=float, default=0.02, help="seconds between two tasks, not timed (0.02)")
    command("sleepers", sleepers, "count")
    return parser.parse_args()


async def measure(arguments: argparse.Namespace) -> Measurement:
    """Run the subcommand, which may wait for ever if a task fails, for so long as the arguments allow."""
    try:
        async with asyncio.timeout(arguments.timeout):
            measurement: Measurement = await arguments.run(arguments)
            return measurement
    except TimeoutError:
        raise PeerError(f"not done after {arguments.timeout} s") from None


def main() -> None:
    arguments = parse_arguments()
    try:
        measurement = asyncio.run(measure(arguments))
    except Exception as error:
        sys.exit(f"peer.py: {type(error).__name__}: {error}")
    print(json.dumps(asdict(measurement)))


if __name__ == "__main__":
    main()
