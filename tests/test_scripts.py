"""The page's scripts: they parse, are narrow, modern and say each thing once; every name they use is defined somewhere."""
import json, re, shutil, subprocess
import pytest
from lessons import ROOT

SCRIPTS = sorted((ROOT / "mnist_graph_tutorial/static").glob("*.js"))
scripts = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)

# What JavaScript and browsers bring, as far as scripts of a page like this one need it.
GIVEN = set("""Array Boolean Error Float32Array Float64Array Infinity Int8Array Int16Array Int32Array JSON Map Math NaN Number Object
Promise RegExp Set String Symbol Uint8Array Uint8ClampedArray Uint16Array Uint32Array WeakMap decodeURIComponent encodeURIComponent
globalThis undefined
Blob DOMMatrix createImageBitmap DecompressionStream ImageData IntersectionObserver MutationObserver Path2D ResizeObserver Response URLSearchParams WeakRef
addEventListener atob cancelAnimationFrame clearInterval clearTimeout devicePixelRatio document getComputedStyle history
localStorage location matchMedia navigator performance requestAnimationFrame setInterval setTimeout window""".split()) | {"INDEX"}  # of the search's page

# Node brings a parser along, for its own use: it reads a script and tells what is in it.
READER = """
const acorn = require("internal/deps/acorn/acorn/dist/acorn"), walk = require("internal/deps/acorn/acorn-walk/dist/walk");
const told = {used: [], defined: [], old: [], taken: {}, given: []};
const names = ({properties}) => properties.map((each) => [each.key?.name, each.value?.name]);
walk.simple(acorn.parse(require("fs").readFileSync(0, "utf8"), {ecmaVersion: "latest", locations: true}), {
  Identifier({name}) { told.used.push(name); },
  VariablePattern({name}) { told.defined.push(name); },
  Function({id}) { if (id) told.defined.push(id.name); },
  AssignmentExpression({left}) { if (left.name) told.used.push(left.name); },
  BinaryExpression({operator, loc}) { if (/^[!=]=$/.test(operator)) told.old.push(`${operator} in line ${loc.start.line}`); },
  VariableDeclaration({kind, loc}) { if (kind === "var") told.old.push(`var in line ${loc.start.line}`); },
  VariableDeclarator({id, init}) {
    if (id.properties && init?.object?.name === "globalThis") told.taken[init.property.name] = names(id);
  },
  ReturnStatement({argument}) { if (argument?.properties) told.given = names(argument).map(([name]) => name); },
});
console.log(JSON.stringify(told));
"""

@pytest.fixture(scope="module")
def told():
    "What the scripts use, define, take from each other and give, by file name; skips where there is no reader."
    node = shutil.which("node")
    if not node: pytest.skip("node is not installed")
    read = {}
    for script in SCRIPTS:
        done = subprocess.run([node, "--expose-internals", "-e", READER], input=script.read_text(), capture_output=True, text=True)
        if "Cannot find module" in done.stderr: pytest.skip("this node has no parser to lend")
        assert done.returncode == 0, f"{script.name}: {done.stderr}"
        read[script.name] = json.loads(done.stdout)
    return read

@scripts
def test_it_parses(script):
    node = shutil.which("node")
    if not node: pytest.skip("node is not installed")
    done = subprocess.run([node, "--check", str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

@scripts
def test_its_lines_are_narrow(script):
    assert [k for k, line in enumerate(script.read_text().splitlines(), 1) if len(line) > 120 or line != line.rstrip()] == []

def test_one_script_makes_elements():
    assert [script.name for script in SCRIPTS if re.search(r"function element\b|\belement = ", script.read_text())] == ["face.js"]

@scripts
def test_it_is_modern(script, told): assert told[script.name]["old"] == []

@scripts
def test_every_name_is_defined(script, told):
    found = told[script.name]
    assert sorted(set(found["used"]) - set(found["defined"]) - GIVEN) == []

@scripts
def test_it_takes_what_there_is_and_uses_it(script, told):
    found = told[script.name]
    for giver, names in found["taken"].items():
        given = told[f"{giver.removeprefix('mgt').lower()}.js"]["given"]
        assert [name for name, _ in names if name not in given] == []
        assert [name for _, name in names if name not in found["used"]] == []

# face.js without a page: its clock, and a browser that counts addresses and may refuse them.
CLOCK = """
let now = 0, refuses = false, due = [];
const took = [], leave = new Set(), location = {hash: ""};
const history = {replaceState(state, title, url) {
  if (refuses) throw new Error("SecurityError");
  took.push(now);
  location.hash = url;
}};
const later = (work, wait) => { due.push({work, at: now + wait}); return due.at(-1); };
const until = (time) => {
  for (;;) {
    due.sort((a, b) => a.at - b.at);
    if (!due.length || due[0].at > time) break;
    now = due[0].at;
    due.shift().work();
  }
  now = time;
};
const page = {document: {querySelector: () => null}, location, history, setTimeout: later, addEventListener: (_, work) => leave.add(work),
  clearTimeout: (one) => { due = due.filter((each) => each !== one); }};
require("vm").runInNewContext(require("fs").readFileSync(0, "utf8"), page);
const {remember} = page.mgtFace, said = {};
for (let k = 0; k < 1800; k++) {                                  // thirty seconds of a slider, and of another figure
  until(k * 1000 / 60);
  remember("a", {k});
  if (k % 7 === 0) remember("b", {k});
}
said.first = took[0];
said.writings = took.length;
until(now + 1000);
said.last = location.hash;
remember("a", {k: "at once"});
said.alone = location.hash;
remember("a", {k: "left"});
for (const work of leave) work();
said.left = location.hash;
until(now + 1000);
refuses = true;
remember("a", {k: "refused"});
refuses = false;
said.refused = location.hash;
until(now + 60000);
said.accepted = location.hash;
said.idle = due.length;
said.leavers = leave.size;
console.log(JSON.stringify(said));
"""

def test_the_address_is_written_now_and_then_and_never_lacks_the_last_state():
    "Safari allows 100 new addresses in half a minute, and throws at the next."
    node = shutil.which("node")
    if not node: pytest.skip("node is not installed")
    face = next(script for script in SCRIPTS if script.name == "face.js")
    done = subprocess.run([node, "-e", CLOCK], input=face.read_text(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["first"] == 0 and 50 < said["writings"] < 90
    assert said["last"] == "#a=k:1799&b=k:1799"
    assert [said[name] for name in ("alone", "left", "refused", "accepted")] == [
        f"#b=k:1799&a=k:{k}" for k in ("at%20once", "left", "left", "refused")]
    assert said["idle"] == 0 and said["leavers"] == 1
