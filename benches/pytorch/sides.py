"""The two sides of a comparison: where they are, and how they are asked."""
import glob
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def python(packages, name="pytorch"):
    """The interpreter of a virtual environment in target, which is made on the first run."""
    env = os.path.join(ROOT, "target", name)
    interpreter = os.path.join(env, "bin", "python")
    if not os.path.exists(interpreter):
        subprocess.run([sys.executable, "-m", "venv", env], check=True)
        subprocess.run([interpreter, "-m", "pip", "install", "-q", *packages], check=True)
    return interpreter


def newest(bench, build, profile="release"):
    """The newest build of a bench in a profile's folder; `build` is the command that makes one."""
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    builds = glob.glob(os.path.join(target, f"{profile}/deps/{bench}-*"))
    builds = [path for path in builds if "." not in os.path.basename(path)]
    if not builds:
        sys.exit(f"build the worker first: {build}")
    return max(builds, key=os.path.getmtime)


class Worker:
    """A process that answers a line of JSON with a line of JSON."""

    def __init__(self, command, env=None):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1, env=env)

    def ask(self, case):
        self.process.stdin.write(json.dumps(case) + "\n")
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"a worker died at {case}")
        return json.loads(answer)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
