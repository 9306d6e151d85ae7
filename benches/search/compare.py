#!/usr/bin/env python3
"""Our index beside faiss on the same vectors, one core, in turns; medians of rounds.

    cargo bench --workspace --features ann --bench search --no-run
    pip install faiss-cpu==1.15.1 numpy
    python3 benches/search/compare.py --dir /tmp/search --segments 1000000
"""
import argparse, glob, json, os, statistics, subprocess, sys, time

def worker():
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    found = [path for path in glob.glob(f"{target}/release/deps/search-*") if os.access(path, os.X_OK) and "." not in os.path.basename(path)]
    if not found:
        sys.exit("build the worker first: cargo bench --workspace --bench search --no-run")
    return max(found, key=os.path.getmtime)

class Ours:
    def __init__(self, directory, threads):
        environment = dict(os.environ, RAYON_NUM_THREADS=str(threads))
        cores = "0" if threads == 1 else f"0-{threads - 1}"
        command = ["taskset", "-c", cores, worker(), "serve", directory]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.opened = json.loads(self.process.stdout.readline())

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

def recall(found, truth):
    return sum(len(set(a) & set(b)) / len(b) for a, b in zip(found, truth)) / len(truth)

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", required=True)
    parser.add_argument("--segments", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-faiss", action="store_true", help="for sizes whose rows do not fit the memory")
    arguments = parser.parse_args()
    if not os.path.exists(f"{arguments.dir}/music.index"):
        extra = ["no-rows"] if arguments.without_faiss else []
        subprocess.run([worker(), "make", arguments.dir, str(arguments.segments), *extra], check=True)
    if arguments.without_faiss:
        return large(arguments)
    import faiss, numpy
    os.sched_setaffinity(0, {0})
    faiss.omp_set_num_threads(1)
    read = lambda name: numpy.fromfile(f"{arguments.dir}/{name}.f32", numpy.float32).reshape(-1, 512)
    flat = faiss.IndexFlatIP(512)
    flat.add(read("base"))
    queries = {name: read(name) for name in ("audio", "text")}
    ours = Ours(arguments.dir, 1)
    print(f"{ours.opened}; faiss {faiss.__version__} IndexFlatIP; one core, medians of {arguments.rounds} rounds")
    def theirs(name, first, count, alone):
        part = queries[name][first:first + count]
        times, hits = [], []
        for rows in ([part[i:i + 1] for i in range(count)] if alone else [part]):
            start = time.perf_counter()
            _, found = flat.search(rows, 10)
            times.append((time.perf_counter() - start) * 1e3 / len(rows))
            hits.extend(found.tolist())
        return statistics.median(times), hits
    for label, count, alone in (("one query", 20, True), ("batch of 32", 32, False), ("batch of 128", 128, False)):
        for name in queries:
            rounds = []
            for round in range(-1, arguments.rounds):
                first = (round + 1) * 130 % 870
                mine = ours.ask(case="one" if alone else "batch", set=name, first=first, count=count)
                other, truth = theirs(name, first, count, alone)
                if round >= 0:
                    rounds.append((mine["ms"], other, recall(mine["hits"], truth)))
            a, b, c = (statistics.median(values) for values in zip(*rounds))
            print(f"{label:13} {name:6} ours {a:8.2f} ms  faiss {b:8.2f} ms  ratio {a / b:5.2f}  recall {min(r[2] for r in rounds):.4f}", flush=True)
    print("private memory", ours.ask(case="memory")["private_kb"] // 1024, "MB")
    staged(ours)
    graph(ours)
    print("append", ours.ask(case="append"))

def graph(ours):
    for ef, rerank in ((64, 30), (128, 50), (192, 50), (256, 100)):
        for name in ("audio", "text"):
            found = ours.ask(case="graph", set=name, first=0, count=1000, ef=ef, rerank=rerank)
            if "missing" in found:
                return print("graph: built without", found["missing"])
            exact = ours.ask(case="batch", set=name, first=0, count=1000)
            print(f"graph, ef {ef:3}, re-rank {rerank:3} {name:6} {found['ms']:8.3f} ms (mean {found['mean_ms']:.3f}), recall {recall(found['hits'], exact['hits']):.4f}, opened in {found['open_ms']:.0f} ms", flush=True)

def staged(ours):
    for name in ("audio", "text"):
        exact = ours.ask(case="tracks", set=name, first=0, count=50)
        for tracks in (100, 300, 1000, 3000):
            found = ours.ask(case="tracks", set=name, first=0, count=50, stages=tracks)
            print(f"tracks first, {tracks:5} {name:6} {found['ms']:8.2f} ms, all {exact['ms']:8.2f} ms, recall {recall(found['hits'], exact['hits']):.4f}", flush=True)

def large(arguments):
    ours = Ours(arguments.dir, 2)
    print(ours.opened)
    for round in range(3):
        for name in ("audio", "text"):
            print(name, "tracks first, 1000:", ours.ask(case="tracks", set=name, first=20 * round, count=20, stages=1000)["ms"], "ms")
    print("private memory", ours.ask(case="memory")["private_kb"] // 1024, "MB")
    print("append", ours.ask(case="append"))

main()
