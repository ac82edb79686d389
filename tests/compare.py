"""Whether a saved output is still true: two runs of a notebook compared, part by part."""
import base64, io, json, math, os, re
from collections import Counter
from typing import NamedTuple
import numpy as np
from PIL import Image
from mnist_graph_tutorial.execution import marked

TOKEN = re.compile(r"(?P<picture>data:image/png;base64,[\w+/=]+)|(?P<blob>[\w+/]{50,}=*)|"
                   r"(?P<number>[-+]?\d+(?:,\d{3})*(?:\.\d+|\.(?=[\s\],]))?(?:e[-+]?\d+)?)")

def shape(text: str) -> str:
    "Text without blanks, with a stand-in for each picture, each long run of encoded bytes and each number."
    return "".join(TOKEN.sub(lambda found: f"<{found.lastgroup}>", text).split())

def numbers_apart(saved: str, fresh: str) -> float:
    "How far numbers are apart: 1 is a twentieth of the larger, or a thousandth where they are small."
    a, b = (float(text.replace(",", "")) for text in (saved, fresh))
    return abs(a - b) / max(abs(a) / 20, abs(b) / 20, 1e-3)

def pictures_apart(saved: str, fresh: str) -> float:
    "How far pictures are apart: 1 is 6 % of their ink moved; no end where sizes differ."
    a, b = (Image.open(io.BytesIO(base64.b64decode(text.partition(",")[2]))).convert("RGB") for text in (saved, fresh))
    return share_moved(a, b) / .06 if a.size == b.size else math.inf

def share_moved(a: Image.Image, b: Image.Image) -> float:
    "The share of the ink of two pictures that is not where the other has it; ink is what differs from the commonest colour."
    paper = max(a.getcolors(a.width * a.height))[1]
    dots = max(1, min(16, *(side // 8 for side in a.size)))
    a, b = (np.asarray(picture.reduce(dots), int) - paper for picture in (a, b))
    moved = np.where(abs(a - b) < 4, 0, abs(a - b))  # a shade is no ink
    return moved.sum() / max(abs(a).sum() + abs(b).sum(), 1)

def blobs_apart(saved: str, fresh: str) -> float:
    "How far runs of encoded bytes are apart in length: 1 is a twentieth."
    return 20 * abs(len(saved) - len(fresh)) / len(saved)

APART = {"number": numbers_apart, "picture": pictures_apart, "blob": blobs_apart}

class Change(NamedTuple):
    "A part of an output that another run may have changed."
    kind: str     # "text", "number", "picture" or "blob"
    apart: float  # up to 1 counts as the same; what is beyond `FAR` is never excused
    told: str     # both, from where they part

FEW = {"number": .05, "picture": .25}  # the share of a notebook's numbers and pictures that may be more than 1 apart
FAR = {"number": 7, "picture": 1.2}    # and by how much

def changes(saved: str, fresh: str) -> list[Change]:
    "Two outputs written out as text, compared part by part."
    if shape(saved) != shape(fresh): return [Change("text", math.inf, excerpt(shape(saved), shape(fresh)))]
    pairs = [(a.lastgroup, a[0], b[0]) for a, b in zip(TOKEN.finditer(saved), TOKEN.finditer(fresh))]
    return [Change(kind, 0., "") if a == b else Change(kind, APART[kind](a, b), excerpt(a, b)) for kind, a, b in pairs]

def excerpt(saved: str, fresh: str, length=60) -> str:
    "Two texts from where they part."
    start = max(0, len(os.path.commonprefix([saved, fresh])) - 10)
    return f"{saved[start:start + length]!r} is now {fresh[start:start + length]!r}"

def unexcused(found: list[tuple[str, Change]]) -> list[str]:  # (first line of the cell, change)
    "For each cell the first change that is too far, or one of a kind of which too many are apart."
    count = Counter(change.kind for _, change in found)
    apart = Counter(change.kind for _, change in found if change.apart > 1)
    many = {kind for kind in apart if apart[kind] > FEW.get(kind, 0) * count[kind]}
    told = [(line, f"{line}: {c.kind} {c.told}") for line, c in found if not c.apart <= (1 if c.kind in many else FAR.get(c.kind, 1))]
    return list(dict(reversed(told)).values())[::-1]

def differences(
    saved: dict,            # a notebook as JSON, such as the repository has
    fresh: dict,            # the same after another run
    *,
    exact: bool=False,      # byte for byte, as on the machine that saved it
) -> list[str]:             # a line for each cell; none where all agrees
    "Where the outputs of two runs of a notebook differ; cells marked `#| timing` may."
    cells = [[cell for cell in nb["cells"] if cell["cell_type"] == "code"] for nb in (saved, fresh)]
    sources = [["".join(cell["source"]) for cell in half] for half in cells]
    if sources[0] != sources[1]: return ["the code differs"]
    compare = compare_bytes if exact else compare_parts
    return unexcused([(first_line(source), change) for source, old, new in zip(sources[0], *cells) if not marked(source, "timing")
                      for change in compare(old["outputs"], new["outputs"], marked(source, "chaotic"))])

def compare_bytes(saved: list, fresh: list, chaotic: bool) -> list[Change]:
    "What differs between the outputs of a cell."
    return [] if saved == fresh else [Change("output", math.inf, excerpt(json.dumps(saved), json.dumps(fresh)))]

def compare_parts(saved: list, fresh: list, chaotic: bool) -> list[Change]:
    "The outputs of a cell, part by part; of a chaotic one only what is beyond measure."
    if len(saved) != len(fresh): return [Change("number of outputs", math.inf, f"{len(saved)} is now {len(fresh)}")]
    found = [change for pair in zip(saved, fresh) for change in changes(*map(as_text, pair))]
    return [change for change in found if math.isinf(change.apart) or not chaotic]

def as_text(output: dict) -> str:
    "All that an output shows, as text."
    data = output.get("data", {})
    png = [f"data:image/png;base64,{''.join(text).strip()}" for form, text in data.items() if form == "image/png"]
    rest = [f"{form} {''.join(text)}" for form, text in sorted(data.items()) if form != "image/png"]
    return "\n".join([output["output_type"], output.get("name", ""), "".join(output.get("text", [])), *png, *rest])

def first_line(source: str) -> str:
    "The first line of code in a cell, to find it by."
    return next((line for line in source.splitlines() if line.strip() and not line.startswith("#|")), "")[:60]
