#!/usr/bin/env python3
"""Times Gorge and the other libraries in turns on the same work, and writes the table of benchmarks/README.md.

    benchmarks/peers/setup.sh
    benchmarks/peers/compare.py --rounds 3

In each round every cell of the grid runs Gorge, one peer, Gorge, the next peer, and so on, two threads each. A time is
the median of five runs or more, of ours as of theirs: an interruption falls into one of them.
Results are added to results.jsonl as they come: a run that was cut short goes on where it was left. Those of another
machine have a file and a table of their own: --results results-avx2.jsonl goes with the marks table-avx2."""
import argparse, json, os, platform, re, statistics, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CELLS = [("realnvp", 6, 10, 128), ("realnvp", 43, 10, 512), ("maf", 6, 5, 100), ("maf", 43, 5, 512), ("maf", 63, 10, 512),
         ("nsf-c", 6, 10, 256), ("nsf-c", 43, 10, 64), ("nsf-ar", 6, 10, 256), ("nsf-ar", 43, 10, 64)]
PEERS = {"realnvp": ["flowjax", "torchraw+compile", "zuko+compile", "torchraw", "zuko", "nflows", "normflows"],
         "maf": ["flowjax", "zuko+compile", "torchraw+compile", "zuko", "torchraw", "nflows", "normflows"],
         "nsf-c": ["flowjax", "zuko+compile", "zuko", "nflows", "normflows"],
         "nsf-ar": ["flowjax", "zuko+compile", "zuko", "nflows", "normflows"]}
MEASURES = {"train_step@512": ("TrainStep", "batch=512"), "log_prob@1": ("LogProb", "rows=1"),
            "log_prob@10000": ("LogProb", "rows=10000"), "sample@10000": ("Sample", "rows=10000")}


def name(c):
    return "%s/%d/%d/%d" % c


def build(folder):
    """The benchmarks of Gorge as a program."""
    binary = os.path.join(folder, "bench.test")
    subprocess.run(["go", "test", "-c", "-o", binary, "./benchmarks"], cwd=ROOT, check=True)
    return binary


def run_ours(binary, pattern, seconds, count):
    """What the benchmarks of that pattern print in count runs each, line by line."""
    return subprocess.run([binary, "-test.run", "^$", "-test.bench", pattern, "-test.benchtime", "%gs" % seconds, "-test.count", str(count), "-test.cpu", "2"],
                          capture_output=True, text=True, timeout=600, check=True).stdout.splitlines()


def run_theirs(python, peer, budget, *args):
    """The measures that bench_peers.py prints of a peer, and what it says last when it fails."""
    lib, _, jit = peer.partition("+")
    cmd = [python, os.path.join(HERE, "bench_peers.py"), "--lib", lib, "--threads", "2", "--split", "0", "--repeats", "5", "--budget-s", str(budget),
           "--wait-quiet-s", "2"] + list(map(str, args)) + (["--jit", jit] if jit else [])
    try:
        r = subprocess.run(cmd, capture_output=True, text=True, timeout=420)
        text, error = r.stdout, r.stderr
    except subprocess.TimeoutExpired as e:
        text, error = (e.stdout or b"").decode(), "timeout"
    found = []
    for line in text.splitlines():
        try:
            d = json.loads(line)
        except ValueError:
            continue
        if "ms" in d:
            found.append(d)
    return found, error.strip().splitlines()[-1:] or ""


def ours(binary, c, out, rnd):
    pattern = "^Benchmark(TrainStep|LogProb|Sample)$/^model=%s$/^dim=%d$/^layers=%d$/^hidden=%d$/^(batch=512|rows=1|rows=10000)$" % c
    times = {}
    for line in run_ours(binary, pattern, 0.2, 5):
        m = re.match(r"Benchmark(\w+)/.*/(batch=512|rows=\d+)\S*\s+\d+\s+([\d.]+) ns/op", line)
        if m:
            times.setdefault((m[1], m[2]), []).append(float(m[3]) / 1e6)
    for key, of in MEASURES.items():
        if of in times:
            add(out, cell=name(c), lib="gorge", measure=key, ms=statistics.median(times[of]), round=rnd)


def theirs(python, c, peer, out, rnd, budget):
    found, error = run_theirs(python, peer, budget, "--model", c[0], "--dim", c[1], "--layers", c[2], "--hidden", c[3], "--batch", 512, "--lp-batches", "1,10000")
    seen = False
    for d in found:
        key = "%s@%s" % (d["measure"], d["batch"])
        if key in MEASURES:
            add(out, cell=name(c), lib=peer, measure=key, ms=d["ms"], rss_mb=d.get("rss_mb"), round=rnd)
            seen = True
    if not seen:
        add(out, cell=name(c), lib=peer, measure="failed", ms=None, error=error, round=rnd)


def add(path, **kw):
    with open(path, "a") as f:
        f.write(json.dumps(kw) + "\n")
    print(kw, flush=True)


def table(path):
    """Medians of times, and of each peer's time in units of Gorge's just before it: the machine is not always as fast."""
    data, ratios, before = {}, {}, {}
    for line in open(path):
        d = json.loads(line)
        key = d["cell"], d["measure"]
        if d["ms"] is None:
            continue
        data.setdefault(key, {}).setdefault(d["lib"], []).append(d["ms"])
        if d["lib"] == "gorge":
            before[key] = d["ms"]
        elif key in before:
            ratios.setdefault(key, {}).setdefault(d["lib"], []).append(d["ms"] / before[key])
    lines = ["| model / columns / layers / hidden | measure | Gorge, ms | fastest other, ms | which | ratio | others, ms |", "|---|---|---|---|---|---|---|"]
    product, count = 1.0, 0
    for c in CELLS:
        for m in MEASURES:
            got = data.get((name(c), m), {})
            ratio = {k: statistics.median(v) for k, v in ratios.get((name(c), m), {}).items()}
            if not ratio:
                continue
            med = {k: statistics.median(v) for k, v in got.items()}
            mine = med.pop("gorge")
            best = min(ratio, key=ratio.get)
            rest = ", ".join("%s %.4g" % (k, v) for k, v in sorted(med.items(), key=lambda x: x[1]) if k != best)
            lines.append("| %s | %s | %.4g | %.4g | %s | **%.2f** | %s |" % (" / ".join(map(str, c)), m.replace("@", ", "), mine, med[best], best, ratio[best], rest))
            if m.startswith("train"):
                product, count = product * ratio[best], count + 1
    if count:
        lines += ["", "Geometric mean of the ratios of the training cells: **%.2f** over %d cells." % (product ** (1 / count), count)]
    return "\n".join(lines)


def machine(without):
    """Processor, cores and versions, but of the packages that did not take part."""
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.processor())
    go = subprocess.run(["go", "version"], capture_output=True, text=True).stdout.split()
    versions = ", ".join(l.strip() for l in open(os.path.join(HERE, "requirements.txt")) if l.split("==")[0] not in without)
    kernel = subprocess.run(["go", "test", "-run", "^$", "-bench", "Kernel/peak", "-count", "5", "./graph/internal/kernel"], cwd=ROOT, capture_output=True, text=True).stdout
    peak = max(re.findall(r"([\d.]+) GFLOP/s", kernel), key=float, default="?")
    return "%s, %d cores, peak of a core %s GFLOP/s (register-only FMA loop); %s; %s." % (model, os.cpu_count(), peak, go[2] if len(go) > 2 else "go", versions)


def replace(begin, end, text):
    """Puts the text between two marks of benchmarks/README.md."""
    readme = os.path.join(ROOT, "benchmarks", "README.md")
    old = open(readme).read()
    i, j = old.index(begin) + len(begin), old.index(end)
    with open(readme, "w") as f:
        f.write(old[:i] + "\n" + text + "\n" + old[j:])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--python", default=os.path.join(HERE, ".venv", "bin", "python"))
    p.add_argument("--cells", default="", help="only cells whose name begins so, for instance maf/43; several by commas")
    p.add_argument("--peers", default="", help="only these, by commas")
    p.add_argument("--budget", type=float, default=5, help="seconds for one measure of a peer")
    p.add_argument("--results", default=os.path.join(HERE, "results.jsonl"))
    p.add_argument("--table-only", action="store_true")
    a = p.parse_args()
    mark = "table" + os.path.basename(a.results).removeprefix("results").removesuffix(".jsonl")
    if "<!-- %s -->" % mark not in open(os.path.join(ROOT, "benchmarks", "README.md")).read():
        p.error("benchmarks/README.md has no <!-- %s --> for the table of %s" % (mark, a.results))
    if not a.table_only:
        with tempfile.TemporaryDirectory() as d:
            binary = build(d)
            done = set()
            if os.path.exists(a.results):
                done = {(x["cell"], x["lib"], x["round"]) for x in map(json.loads, open(a.results))}
            for rnd in range(1, a.rounds + 1):
                for c in CELLS:
                    if a.cells and not any(name(c).startswith(x) for x in a.cells.split(",")):
                        continue
                    for peer in PEERS[c[0]]:
                        if a.peers and peer not in a.peers.split(",") or (name(c), peer, rnd) in done:
                            continue
                        ours(binary, c, a.results, rnd)
                        theirs(a.python, c, peer, a.results, rnd, a.budget)
    replace("<!-- %s -->" % mark, "<!-- end of %s -->" % mark, machine(["matplotlib"]) + "\n\n" + table(a.results))


if __name__ == "__main__":
    main()
