#!/usr/bin/env python3
"""Times encoder and training step against PyTorch on one card: the same weights, interleaved, medians.

    cargo bench --bench gpu --features cuda --no-run
    benches/gpu/compare.py --device cuda > table.md

To take the binary elsewhere: `strip` it and compress it with `xz -6` (20 MB), and name it with --worker. PyTorch is
the one of --python, or is installed into target/pytorch on the first run. Each case starts one process per side and
variant; the first round of each is not counted but reported as the time to the first result (ours measures
kernels then, PyTorch compiles), the others answer in turn, odd rounds in reverse order; in training, where one
side may need the whole card, in blocks. Prints the table of
docs/PERFORMANCE.md.

    benches/gpu/compare.py --device cpu --widths 4 --batches 2 --step-batch 2 --seconds 2 --rounds 1 --precisions f32

tries the script on a machine without a card.
"""
import argparse
import os
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../pytorch"))
from sides import ROOT, Worker, newest, python

PACKAGES = ["torch==2.15.0", "safetensors==0.8.0", "numpy==2.4.6"]


def cosine_distance(a, b, rows):
    """The largest 1 - cosine of two rows."""
    dim = len(a) // rows
    worst = 0.0
    for row in range(rows):
        one, other = a[row * dim : (row + 1) * dim], b[row * dim : (row + 1) * dim]
        norms = sum(x * x for x in one) ** 0.5 * sum(x * x for x in other) ** 0.5
        worst = max(worst, 1 - sum(x * y for x, y in zip(one, other)) / norms)
    return worst


def cases(arguments):
    for width in arguments.widths:
        for precision in arguments.precisions:
            for batch in arguments.batches:
                yield f"encoder, w{width}, batch {batch}", {"case": "encode", "batch": batch}, width, precision
            if arguments.step_batch:
                name = f"training step with text, w{width}, batch {arguments.step_batch}"
                yield name, {"case": "step", "batch": arguments.step_batch}, width, precision


def measure(sides, commands, case, rounds, warm_up, times, memory, first):
    """Rounds of sides whose processes live at the same time."""
    workers = {side: Worker(commands[side]) for side in sides}
    ask = lambda side, rounds: workers[side].ask(dict(case, variant=side, rounds=rounds))
    for side in sides:
        answer = ask(side, 1)
        first.setdefault(side, answer)
        if warm_up:
            ask(side, warm_up)
    for round in range(rounds):
        for side in sides if round % 2 == 0 else reversed(sides):
            answer = ask(side, 1)
            times[side] += answer["times"]
            memory[side] = answer.get("memory_mb")
    for worker in workers.values():
        worker.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="as of the examples; PyTorch knows cpu and cuda")
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 32, 256], help="of the encoder")
    parser.add_argument("--step-batch", type=int, default=256, help="of the training step; 0 leaves it out")
    parser.add_argument("--precisions", nargs="+", default=["f32", "bf16"], choices=["f32", "bf16", "f16"])
    parser.add_argument("--variants", nargs="+", default=["channels_last", "channels_last+compile"],
                        help="of PyTorch: eager, channels_last, compile, or several with a plus")
    parser.add_argument("--seconds", type=int, default=20, help="of a clip")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--warm-up", type=int, default=3, help="rounds that are not counted, besides the first")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--worker", help="our binary; the newest one in target/ if it is not given")
    parser.add_argument("--python", help="an interpreter with torch and safetensors")
    parser.add_argument("--no-pytorch", action="store_true", help="only our side")
    arguments = parser.parse_args()
    binary = arguments.worker or newest("gpu", "cargo bench --bench gpu --features cuda --no-run")
    variants = [] if arguments.no_pytorch else arguments.variants
    interpreter = (arguments.python or python(PACKAGES)) if variants else None
    print("| stage | numbers | ours, ms | clips/s | PyTorch's best, ms | which | ratio | memory, MB | first result, s | cosine distance |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    exported = None
    for name, case, width, precision in cases(arguments):
        if arguments.only not in name:
            continue
        data = os.path.join(ROOT, "target", "gpu-data", f"{width}-{arguments.seconds}")
        case |= {"device": arguments.device, "width": width, "precision": precision, "seconds": arguments.seconds, "out": data}
        if exported != width:
            exporter = Worker([binary])
            exporter.ask(dict(case, case="export", batch=max(2, arguments.step_batch)))
            exporter.stop()
            exported = width
        commands = {"ours": [binary]}
        commands |= {variant: [interpreter, os.path.join(HERE, "worker.py")] for variant in variants}
        times, memory, first = {side: [] for side in commands}, {}, {}
        # A training step may need the whole card: there sides are alone, in blocks that take turns.
        together = [list(commands)] if case["case"] == "encode" else [[side] for side in commands] * 2
        rounds = arguments.rounds if case["case"] == "encode" else -(-arguments.rounds // 2)
        for sides in together:
            measure(sides, commands, case, rounds, arguments.warm_up, times, memory, first)
        median = {side: 1e3 * statistics.median(values) for side, values in times.items()}
        own = f"| {name} | {precision} | {median['ours']:.2f} | {1e3 * case['batch'] / median['ours']:.1f}"
        if not variants:
            print(f"{own} | | | | {memory['ours']} | {first['ours']['since_start_s']:.1f} | |", flush=True)
            continue
        best = min(variants, key=median.get)
        distance = ""
        if "embeddings" in first["ours"]:
            found = [first[side]["embeddings"] for side in ("ours", best)]
            distance = f"{cosine_distance(*found, min(8, case['batch'])):.1e}"
        print(
            f"{own} | {median[best]:.2f} | {best} | {median['ours'] / median[best]:.2f} | {memory['ours']} / {memory[best]} "
            f"| {first['ours']['since_start_s']:.1f} / {first[best]['since_start_s']:.1f} | {distance} |",
            flush=True,
        )


main()
