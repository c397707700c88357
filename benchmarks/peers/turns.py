#!/usr/bin/env python3
"""Training steps of Gorge and of the other libraries in turns of a fraction of a second.

    benchmarks/peers/turns.py --cells realnvp/43 --turns 40

compare.py times each library for some seconds, minutes apart. Where others use the machine, so that it is now faster, now slower,
that says little of a pair of runs. Here the process of the library stays, and waits while Gorge, a process for each turn, takes its own;
the first in one pair is the second in the next. Prints a Markdown table, for each library: medians of the times, and the median of the
ratios of pairs with the quartiles. Nothing is written."""
import argparse, json, os, statistics, subprocess, tempfile, time

from compare import CELLS, PEERS, HERE, build, machine, name, run_ours


class Peer:
    """A process of bench_peers.py that waits for its turns."""

    def __init__(self, python, peer, c):
        lib, _, jit = peer.partition("+")
        cmd = [python, os.path.join(HERE, "bench_peers.py"), "--lib", lib, "--threads", "2", "--split", "0", "--measures", "train", "--turns",
               "--model", c[0], "--dim", str(c[1]), "--layers", str(c[2]), "--hidden", str(c[3]), "--batch", "512"] + (["--jit", jit] if jit else [])
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.answer()

    def answer(self):
        for line in self.process.stdout:
            if line.startswith('{"turn"'):
                return json.loads(line)["turn"]
        self.errors.seek(0)
        raise SystemExit("bench_peers.py ended: " + self.errors.read()[-500:])

    def turn(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def ours(binary, c):
    """One turn of Gorge, a process of its own that takes 0.2 s."""
    pattern = "^BenchmarkTrainStep$/^model=%s$/^dim=%d$/^layers=%d$/^hidden=%d$/^batch=512$" % c
    for line in run_ours(binary, pattern, 0.2, 1):
        if line.startswith("BenchmarkTrainStep"):
            return float(line.split()[2]) / 1e6
    raise SystemExit("no benchmark for " + name(c))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cells", default="", help="only cells whose name begins so, for instance maf/43; several by commas")
    p.add_argument("--peers", default="flowjax,zuko+compile,torchraw+compile", help="by commas")
    p.add_argument("--turns", type=int, default=40, help="pairs of turns")
    p.add_argument("--rest", type=float, default=0.3, help="seconds between turns: threads of some libraries wait busily for a while")
    p.add_argument("--python", default=os.path.join(HERE, ".venv", "bin", "python"))
    a = p.parse_args()
    if a.turns < 2:
        p.error("--turns %d: want two at least, for quartiles" % a.turns)
    print(machine(["matplotlib"]) + "\n")
    print("| model / columns / layers / hidden | library | Gorge, ms | library, ms | ratio | quartiles |\n|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as d:
        binary = build(d)
        for c in CELLS:
            if a.cells and not any(name(c).startswith(x) for x in a.cells.split(",")):
                continue
            for peer in PEERS[c[0]]:
                if peer not in a.peers.split(","):
                    continue
                other = Peer(a.python, peer, c)
                turns = {"ours": lambda: ours(binary, c), "theirs": other.turn}
                pairs = []
                for i in range(a.turns):
                    pair = {}
                    for who in ("ours", "theirs") if i % 2 == 0 else ("theirs", "ours"):
                        time.sleep(a.rest)
                        pair[who] = turns[who]()
                    pairs.append((pair["ours"], pair["theirs"]))
                other.end()
                ratios = [y / x for x, y in pairs]
                low, mid, high = statistics.quantiles(ratios, n=4)
                print("| %s | %s | %.4g | %.4g | **%.2f** | %.2f … %.2f |" % (" / ".join(map(str, c)), peer, statistics.median(x for x, _ in pairs),
                                                                              statistics.median(y for _, y in pairs), mid, low, high), flush=True)


if __name__ == "__main__":
    main()
