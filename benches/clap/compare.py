#!/usr/bin/env python3
"""Times LAION-CLAP's towers beside PyTorch (eager and compiled) and ONNX Runtime: the same weights and inputs, vectors compared
first, then all sides in turn.

    cargo bench -p muscall-model --features sentence --bench clap_towers --no-run
    cargo run --release --example import_clap -- FOLDER --out BUNDLE
    benches/clap/compare.py FOLDER BUNDLE [--threads 1] [--only audio]

FOLDER is a model in the hub's layout. The audio tower is given the log-mel spectrogram of 10 s, the text tower texts of 3, 10 and 40
tokens (the other sides the tokens themselves, without padding). Makes a virtual environment in target/clap on the first run, unless
MUSCALL_PYTHON names an interpreter. Odd rounds go in reverse order; every side is pinned to the same cores. One thread is timed by the
CPU time of its process, which other work on the machine changes least; several by the clock. Prints rows of the table in docs/PERFORMANCE.md.
"""
import argparse
import json
import math
import os
import statistics
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "pytorch"))

from sides import ROOT, Worker, newest, python  # noqa: E402

PACKAGES = ["torch==2.15.0", "transformers==5.24.0", "onnx==1.23.2", "onnxscript==0.7.2", "onnxruntime==1.32.0"]
BUILD = "cargo bench -p muscall-model --features sentence --bench clap_towers --no-run"
PEERS = ["eager", "compile", "onnx"]
TOKENS = [3, 10, 40]
# Of unit vectors, component by component.
TOLERANCE = 2e-5


def pinned(command, cores):
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
    env = os.environ | {name: str(len(cores)) for name in names}
    return Worker(["taskset", "-c", ",".join(map(str, cores)), *command], env)


def log_mel(path):
    """Something like a spectrogram of music in dB, `[64, 1001]`: harmonics that come and go over a floor of noise."""
    state, values = 1, []
    for band in range(64):
        for frame in range(1001):
            state = (state * 1664525 + 1013904223) % 2**32
            swell = math.sin(0.03 * frame + band) * math.sin(0.7 * band)
            values.append(-35 - 0.3 * band + 15 * swell + 12 * state / 2**32)
    with open(path, "wb") as file:
        file.write(struct.pack(f"<{len(values)}f", *values))


def texts(interpreter, folder):
    """A text and its tokens for each length."""
    program = """
import json, sys
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[1])
tokenizer.no_padding(); tokenizer.no_truncation()
words = "slow warm piano over soft rain with a distant choir and deep bass " * 8
found = {}
for end in range(len(words), 0, -1):
    ids = tokenizer.encode(words[:end]).ids
    found.setdefault(len(ids), (words[:end], ids))
print(json.dumps([found[int(length)] for length in sys.argv[2:]]))
"""
    command = [interpreter, "-c", program, os.path.join(folder, "tokenizer.json"), *map(str, TOKENS)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compared(name, case, sides, rounds, clock):
    """A row of the table."""
    vectors = {side: worker.ask(dict(case, rounds=2))["vector"] for side, worker in sides.items()}
    apart = max(abs(a - b) for vector in vectors.values() for a, b in zip(vectors["ours"], vector))
    if apart > TOLERANCE:
        sys.exit(f"{name}: the vectors are up to {apart} apart, more than {TOLERANCE}")
    times = {side: [] for side in sides}
    for round in range(rounds):
        for side in list(sides) if round % 2 == 0 else reversed(sides):
            times[side].append(sides[side].ask(dict(case, rounds=3))[clock])
    median = {side: 1e3 * statistics.median(values) for side, values in times.items()}
    best = min((side for side in sides if side != "ours"), key=median.get)
    cells = " | ".join(f"{median[side]:.1f}" if side in median else "–" for side in ["ours", *PEERS])
    print(f"| {name} | {cells} | {median['ours'] / median[best]:.2f} | {apart:.0e} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("bundle")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--core", type=int, default=0, help="the first core")
    parser.add_argument("--rounds", type=int, default=9, help="of three runs per side")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=PEERS)
    parser.add_argument("--worker", help="our side's binary, if it was built elsewhere")
    parser.add_argument("--profile", default="release", help="the folder of target that has the worker")
    arguments = parser.parse_args()
    interpreter = os.environ.get("MUSCALL_PYTHON") or python(PACKAGES, "clap")
    folder, name = os.path.abspath(arguments.folder), os.path.basename(os.path.normpath(arguments.folder))
    work = os.path.join(ROOT, "target", "clap-data", name)
    os.makedirs(work, exist_ok=True)
    mel = os.path.join(work, "log_mel.f32")
    log_mel(mel)
    cases = [(f"{name}, 10 s of audio", {"log_mel": mel})]
    for text, tokens in texts(interpreter, folder):
        cases.append((f"{name}, {len(tokens)} tokens", {"text": text, "tokens": tokens}))
    cores = range(arguments.core, arguments.core + arguments.threads)
    sides = {"ours": pinned([arguments.worker or newest("clap_towers", BUILD, arguments.profile)], cores)}
    for peer in arguments.peers:
        sides[peer] = pinned([interpreter, os.path.join(HERE, "peers.py"), peer, folder, work], cores)
    clock = "cpu" if arguments.threads == 1 else "wall"
    threads = "one thread, CPU" if clock == "cpu" else f"{arguments.threads} threads,"
    print(f"| {threads} ms | ours | PyTorch | compiled | ONNX Runtime | ours / best | apart |")
    print("|---|---|---|---|---|---|---|")
    for name, case in cases:
        if arguments.only in name:
            compared(name, dict(case, bundle=arguments.bundle), sides, arguments.rounds, clock)
    for worker in sides.values():
        worker.stop()


main()
