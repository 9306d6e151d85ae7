#!/usr/bin/env python3
"""Times every stage against PyTorch: the same weights and inputs, checked first, then interleaved.

    cargo bench --bench pytorch --no-run && benches/pytorch/compare.py [--threads 1 2] [--only audio]

Makes a virtual environment in target/pytorch on the first run, unless MUSCALL_PYTHON names an interpreter. Each case starts one process per side and
variant; they answer in turn, odd rounds in reverse order, pinned to the same cores. Prints the table of
docs/PERFORMANCE.md.
"""
import argparse
import os
import statistics

from sides import ROOT, Worker, newest, python

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = [
    "torch==2.15.0", "torchaudio==2.11.0", "safetensors==0.8.0", "numpy==2.4.6", "soundfile==0.14.0",
    "torch-audiomentations==0.12.0",
]
CASES = [
    ("log-mel of 20 s", {"case": "log_mel"}, ["eager"], 0.10),
    ("random 20 s of an mp3, to log-mel", {"case": "load"}, ["eager"], 0.5),
    ("pitch shift of 20 s by 4/5", {"case": "pitch_shift"}, ["eager"], 0.05),
    ("audio inference, w16, batch 1", {"case": "audio", "width": 16, "batch": 1}, ["eager", "channels_last", "folded"], 0.30),
    ("audio inference, w16, batch 8", {"case": "audio", "width": 16, "batch": 8}, ["eager", "channels_last", "folded"], 0.40),
    ("audio inference, w64, batch 1", {"case": "audio", "width": 64, "batch": 1}, ["eager", "channels_last", "folded"], 0.60),
    ("audio training step, w16, batch 8", {"case": "audio", "width": 16, "batch": 8, "train": True}, ["eager", "channels_last"], 0.60),
    ("audio training step, w64, batch 4", {"case": "audio", "width": 64, "batch": 4, "train": True}, ["eager", "channels_last"], 0.80),
    ("text inference, 32 captions", {"case": "text", "batch": 32}, ["eager"], 0.35),
    ("the same, PyTorch trimmed", {"case": "text", "batch": 32}, ["trimmed"], 0.9),
    ("text training step, 32 captions", {"case": "text", "batch": 32, "train": True}, ["eager"], 0.35),
    ("the same, PyTorch trimmed", {"case": "text", "batch": 32, "train": True}, ["trimmed"], 0.9),
    ("whole step of the released recipe from mp3 files, batch 8", {"case": "whole", "width": 16, "batch": 8}, ["eager", "channels_last"], 0.33),
]


def pinned(command, threads):
    """A worker on the first cores, with as many threads."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
    env = os.environ | {name: str(threads) for name in names}
    return Worker(["taskset", "-c", ",".join(map(str, range(threads))), *command], env)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--mp3", default=os.path.join(ROOT, "benches/music.mp3"))
    arguments = parser.parse_args()
    interpreter = os.environ.get("MUSCALL_PYTHON") or python(PACKAGES)
    binary = newest("pytorch", "cargo bench --bench pytorch --no-run")
    print("| stage | threads | ours, ms | PyTorch's best, ms | which | ratio | goal | memory, MB | difference |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, case, variants, goal in CASES:
        if arguments.only not in name and arguments.only != case["case"]:
            continue
        for threads in arguments.threads:
            data = os.path.join(ROOT, "target", "pytorch-data", str(case.get("width", 16)))
            case = dict(case, data=data, out=data, path=arguments.mp3, threads=threads)
            exporter = pinned([binary], threads)
            exporter.ask(dict(case, case="export", batch=case.get("batch", 8) if case["case"] == "audio" else 1))
            exporter.stop()
            sides = {"ours": pinned([binary], threads)}
            sides |= {variant: pinned([interpreter, os.path.join(HERE, "worker.py")], threads) for variant in variants}
            times, peaks, differences = {side: [] for side in sides}, {}, {}
            for round in range(arguments.rounds):
                order = list(sides) if round % 2 == 0 else ["ours", *reversed([s for s in sides if s != "ours"])]
                for side in order:
                    answer = sides[side].ask(dict(case, variant=side, rounds=1))
                    times[side] += answer["times"]
                    peaks[side] = answer["peak_mb"]
                    if "difference" in answer:
                        differences[side] = answer["difference"]
            for worker in sides.values():
                worker.stop()
            median = {side: 1e3 * statistics.median(values) for side, values in times.items()}
            best = min(variants, key=median.get)
            ratio = median["ours"] / median[best]
            difference = f"{max(differences.values()):.1e}" if differences else ""
            print(
                f"| {name} | {threads} | {median['ours']:.2f} | {median[best]:.2f} | {best} | {ratio:.2f} | {goal:.2f} "
                f"| {peaks['ours']} / {peaks[best]} | {difference} |",
                flush=True,
            )


main()
