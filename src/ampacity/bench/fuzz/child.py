"""One target fuzzed in a process of its own, because libFuzzer ends the process that it runs in.

    python -m ampacity.bench.fuzz.child TARGET FILE                      repeats one input, as after a crash
    python -m ampacity.bench.fuzz.child TARGET --seconds S --folder DIR  fuzzes by atheris (S of CPU)

`growth` is no target of the fuzzer: engines that live long get damaged frames, and what the process holds is
measured. Counts go to DIR/TARGET.json, crashes to DIR/crashes.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
import tracemalloc
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from random import Random

import msgspec

SLOWEST = 6
"""So many seconds may pass for one of CPU."""
WARM_UP = 0.3
"""Share of the time after which memory must no longer grow: caches are filled, decoders are built."""


def main(words: list[str]) -> int:
    """The program."""
    parser = argparse.ArgumentParser(prog="fuzz_child")
    parser.add_argument("target")
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("fuzz"))
    options = parser.parse_args(words)
    if options.file is not None:
        repeat(options.target, options.file.read_bytes())
    elif options.target == "growth":
        growth(options.seconds, options.seed, options.folder)
    else:
        fuzz(options.target, options.seconds, options.seed, options.folder)
    return 0


def repeat(target: str, data: bytes) -> None:
    """Run one input; raises what it raises."""
    from .targets import TARGETS

    TARGETS[target]()(data)


def fuzz(target: str, seconds: float, seed: int, folder: Path) -> None:
    """Fuzz until `seconds` of CPU are used or something is wrong; ends the process."""
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["ampacity.ocpp"]):
        import_module("ampacity.ocpp.engine")
        for version in ("v16", "v201", "v21"):
            import_module(f"ampacity.ocpp.messages.{version}")
    from .corpus import seeds, write_dictionary
    from .targets import TARGETS, counts

    corpus, crashes = folder / f"{target}.corpus", folder / "crashes"
    for place in (corpus, crashes):
        place.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds(target, Random(seed))):
        (corpus / f"seed{number}").write_bytes(data)
    write_dictionary(folder / "words.dict")
    work, executions = TARGETS[target](), 0
    ends = time.process_time() + seconds

    def tell() -> None:
        found = {**counts, "executions": executions}
        (folder / f"{target}.json").write_bytes(msgspec.json.encode(found))

    def one(data: bytes) -> None:
        nonlocal executions
        executions += 1
        try:
            work(data)
        except BaseException:
            tell()
            raise
        if time.process_time() > ends:
            # libFuzzer knows only the wall's time, which on a busy machine is another one.
            tell()
            sys.stdout.flush()
            os._exit(0)

    arguments = [
        "fuzz",
        f"-max_total_time={round(SLOWEST * seconds) + 60}",
        f"-seed={seed}",
        f"-dict={folder / 'words.dict'}",
        f"-artifact_prefix={crashes}/{target}-",
        "-max_len=4096",
        "-timeout=10",
        "-rss_limit_mb=1024",
        str(corpus),
    ]
    atheris.Setup(arguments, one)
    atheris.Fuzz()


def growth(seconds: float, seed: int, folder: Path) -> None:
    """Feed damaged frames to engines that live on, and measure what they hold."""
    from .corpus import damaged, seeds

    rng = Random(seed)
    pool = list(seeds("frames", rng))
    feed, engines = _fed(), 12
    tracemalloc.start()
    began, frames = time.process_time(), 0
    held: list[int] = []
    while (spent := time.process_time() - began) < seconds or len(held) < 2:
        for _ in range(500):
            feed(frames % engines, damaged(rng.choice(pool)[1:], rng), float(frames))
            frames += 1
        gc.collect()
        if spent > WARM_UP * seconds:
            held.append(tracemalloc.get_traced_memory()[0])
    found = {
        "executions": frames,
        "held_kb": held[0] / 1e3,
        "growth_kb": max(0.0, (max(held[len(held) // 2 :]) - held[0]) / 1e3),
    }
    (folder / "growth.json").write_bytes(msgspec.json.encode(found))


def _fed() -> Callable[[int, bytes, float], None]:
    """Gives a frame to the engine of a number (each end of each version, strict and lenient), whose owner
    answers some calls, drops some, and leaves some open for ever."""
    from ...ocpp.engine import Engine
    from ...ocpp.events import CallReceived
    from .targets import ENDS, LENIENT, STRICT, ask_of

    engines = [
        Engine(codecs[end], new_id=lambda: "q", max_open=16) for end in ENDS for codecs in (STRICT, LENIENT)
    ]

    def feed(number: int, frame: bytes, now: float) -> None:
        engine = engines[number]
        if engine.in_flight is None:
            engine.call(*ask_of(engine.version, engine.role), now)
        for event in (*engine.receive(frame, now), *engine.handle_timeout(now)):
            if not isinstance(event, CallReceived):
                continue
            match len(event.raw) % 3:
                case 0:
                    engine.refuse(event.message_id)
                case 1:
                    engine.answer_text(event.message_id, "{}")
        engine.frames_to_send()

    return feed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
