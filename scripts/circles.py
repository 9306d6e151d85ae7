#!/usr/bin/env python3
"""Finds circles among the source files of a crate: files that need each other, directly or over others.

    scripts/circles.py [CRATE ...]      the crates of this workspace, if none is named; exit 1 if there is a circle
    scripts/circles.py --self-test      made circles of two and of three files are found, and sound crates are not

A file needs another one if it names an item that is defined there. A `mod` line is no need, and an item that a file only
passes on (`pub use`) counts for the file where it is defined. Tests are left out.
"""

import re
import sys
import tempfile
from pathlib import Path

IDENT = r"[A-Za-z_][A-Za-z0-9_]*"


def code(text):
    """The text without comments, strings and test modules."""
    pattern = r'//[^\n]*|/\*.*?\*/|b?r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?\'(?:\\.[^\']*|[^\'\\])\''
    text = re.sub(pattern, lambda found: " " if found[0].startswith("/") else '""', text, flags=re.S)
    while found := re.search(r"#\[cfg\((?:test|all\(test[^)]*\))\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?mod\s+\w+\s*\{", text):
        depth, end = 1, found.end()
        while depth and end < len(text):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        text = text[: found.start()] + text[end:]
    return text


def leaves(tree, prefix=()):
    """All (path, alias) of a use tree such as `a::{b, c::D as E}`."""
    tree = tree.strip()
    if not tree:
        return
    brace = tree.find("{")
    if brace < 0:
        path, _, alias = (part.strip() for part in tree.partition(" as "))
        path = prefix + tuple(part.strip() for part in path.split("::") if part.strip())
        if path and path[-1] == "self":
            path = path[:-1]
        if path:
            yield path, alias or path[-1]
        return
    prefix += tuple(part.strip() for part in tree[:brace].split("::") if part.strip())
    depth, start = 0, brace + 1
    for at in range(brace + 1, len(tree)):
        if tree[at] == "{":
            depth += 1
        elif tree[at] == "}" and depth:
            depth -= 1
        elif (tree[at] == "," and not depth) or tree[at] == "}":
            yield from leaves(tree[start:at], prefix)
            start = at + 1
            if tree[at] == "}":
                return


class Crate:
    """The files of a crate as modules."""

    def __init__(self, source):
        self.file, self.uses, self.text = {}, {}, {}
        for path in sorted(source.rglob("*.rs")):
            parts = path.relative_to(source).with_suffix("").parts
            if parts[-1] in ("mod", "lib", "main"):
                parts = parts[:-1]
            self.file[parts], text = path, code(path.read_text())
            found = re.findall(r"(pub(?:\([^)]*\))?\s+)?\buse\s+([^;]+);", text)
            self.uses[parts] = [(bool(public), leaf) for public, tree in found for leaf in leaves(tree)]
            self.text[parts] = re.sub(r"\buse\s+[^;]+;", " ", text)

    def absolute(self, module, path):
        """A path as seen from a module, from the root of the crate; None if it leads elsewhere."""
        path, base = list(path), list(module)
        if path[0] == "crate":
            return tuple(path[1:])
        if path[0] in ("self", "super"):
            while path and path[0] in ("self", "super"):
                if path.pop(0) == "super":
                    base = base[:-1]
            return tuple(base + path)
        return tuple(base + path) if tuple(base + path[:1]) in self.file else None

    def target(self, path, seen=()):
        """The module in whose file the item of an absolute path is defined."""
        if path in seen:
            return None
        at = max((n for n in range(len(path) + 1) if path[:n] in self.file), default=0)
        module, rest = path[:at], path[at:]
        if not rest:
            return module
        for public, (leaf, alias) in self.uses[module]:
            if alias in (rest[0], "*"):
                to = self.absolute(module, leaf if alias != "*" else leaf[:-1])
                if to is None:
                    continue
                if alias == "*":
                    if self.defines(to, rest[0]):
                        return self.target(to + rest, seen + (path,))
                    continue
                return self.target(to + rest[1:], seen + (path,))
        return module

    def defines(self, path, name):
        module = self.target(path)
        item = rf"\b(?:struct|enum|trait|fn|const|static|type|union|mod|macro_rules!)\s+{re.escape(name)}\b"
        return module is not None and re.search(item, self.text[module]) is not None

    def needs(self):
        """For each module, those whose files it needs."""
        needs = {}
        for module in self.file:
            found = needs.setdefault(module, {})
            paths = [leaf for public, (leaf, _) in self.uses[module] if not public]
            inline = re.findall(rf"(?<![\w:.])((?:{IDENT}::)+{IDENT})", self.text[module])
            aliases = {alias: leaf for _, (leaf, alias) in self.uses[module]}
            for text in inline:
                path = tuple(text.split("::"))
                if path[0] in aliases:
                    leaf = aliases[path[0]]
                    absolute = self.absolute(module, leaf)
                    # `module::Item` by an imported module; a type's own functions are seen by its import.
                    if absolute in self.file:
                        paths.append(("crate",) + absolute + path[1:])
                else:
                    paths.append(path)
            for path in paths:
                if path[-1] == "*":
                    path = path[:-1]
                if not path:
                    continue
                absolute = self.absolute(module, path)
                if absolute is None:
                    continue
                if absolute in self.file:
                    continue  # a module alone: what is taken out of it is seen where it is used
                to = self.target(absolute)
                if to is not None and to != module:
                    found.setdefault(to, "::".join(path))
        return needs


def circles(crate):
    """Sets of modules that need each other (Tarjan's strongly connected components)."""
    needs, index, low, stack, found = crate.needs(), {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for to in needs[node]:
            if to not in index:
                visit(to)
                low[node] = min(low[node], low[to])
            elif to in stack:
                low[node] = min(low[node], index[to])
        if low[node] == index[node]:
            part = [stack.pop()]
            while part[-1] != node:
                part.append(stack.pop())
            if len(part) > 1:
                found.append(sorted(part))

    sys.setrecursionlimit(10_000)
    for node in needs:
        if node not in index:
            visit(node)
    return [(part, {(a, b): needs[a][b] for a in part for b in needs[a] if b in part}) for part in found]


def report(source):
    crate = Crate(source)
    found = circles(crate)
    for part, edges in found:
        print(f"{source}: {len(part)} files need each other")
        for (a, b), by in sorted(edges.items()):
            print(f"  {crate.file[a].relative_to(source)} -> {crate.file[b].relative_to(source)}  ({by})")
    return len(found)


def self_test():
    def made(files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return [sorted("/".join(module) for module in part) for part, _ in circles(Crate(Path(folder)))]

    lib = "mod a; mod b; mod c; pub use a::A; pub use b::B;"
    sound = {"lib.rs": lib, "a.rs": "use crate::B; pub struct A(B);", "b.rs": "pub struct B;", "c.rs": "// use crate::A;"}
    assert made(sound) == [], made(sound)
    two = sound | {"b.rs": "pub struct B; impl B { fn a() -> crate::a::A { todo!() } }"}
    assert made(two) == [["a", "b"]], made(two)
    three = sound | {"b.rs": "use super::c::{self, C}; pub struct B(C);", "c.rs": "use crate::{A}; pub struct C; fn f(_: A) {}"}
    assert made(three) == [["a", "b", "c"]], made(three)
    child = {"lib.rs": "mod a;", "a.rs": "mod b; use b::f; pub fn g() { f() }", "a/b.rs": "use super::g; pub fn f() { g() }"}
    assert made(child) == [["a", "a/b"]], made(child)
    tests = sound | {"b.rs": "pub struct B;\n#[cfg(test)]\nmod tests { use crate::A; fn f() { { } } }"}
    assert made(tests) == [], made(tests)
    alone = {"lib.rs": "pub mod a; pub use a::A;", "a/mod.rs": "mod b; pub use b::A;", "a/b.rs": "pub struct A;"}
    assert made(alone) == [], made(alone)
    print("circles of two and three files are found")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = Path(__file__).resolve().parent.parent
    sources = [Path(name) for name in sys.argv[1:]] or [root / "src", *sorted(root.glob("crates/*/src"))]
    if sum([report(source) for source in sources]):
        sys.exit(1)


if __name__ == "__main__":
    main()
