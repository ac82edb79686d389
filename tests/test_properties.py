"""Properties of what readers call, held against values that nobody would think of: what is valid gives the shapes that were promised,
what is not is one line of a ValueError or TypeError. The same values each time; a few seconds in all."""
import contextlib, gzip, io, math
import nbformat, numpy as np, pytest
from browser import page_file, visit
from hypothesis import HealthCheck, example, given, settings, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from mnist_graph_tutorial.cli import main, parser
from mnist_graph_tutorial.data import Split, load_mnist, parse_idx
from mnist_graph_tutorial.explore import explore
from mnist_graph_tutorial.fingerprints import fingerprints
from mnist_graph_tutorial.ideal_images import ideal_images
from mnist_graph_tutorial.manuscript import once_a_page, project
from mnist_graph_tutorial.matrix_inverse import learn_inverse
from mnist_graph_tutorial.mnist_net import MnistNet, train

def held(count: int): return settings(max_examples=count, deadline=None, derandomize=True, database=None,
                                      suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

@contextlib.contextmanager
def one_line(*kinds):
    "Nothing goes wrong, or one of these errors tells it in a line; a ValueError or a TypeError, where none is named."
    kinds = kinds or (ValueError, TypeError)
    try: yield
    except kinds as e: assert str(e).strip() and "\n" not in str(e) and len(str(e)) < 700, e

NUMBERS = st.one_of(st.integers(-3, 3), st.floats(), st.booleans(), st.none(), st.text(max_size=3), st.just(10**30))

# Files

@held(300)
@given(st.one_of(st.binary(max_size=60), st.builds(lambda kind, rest: bytes([0, 0, 8, kind]) + rest, st.integers(0, 255), st.binary(max_size=60))), st.booleans())
@example(bytes([0, 0, 8, 2]) + b"\xff" * 4 + b"\0" * 4, True)
def test_any_bytes_are_an_array_or_a_line(raw, packed):
    with one_line(ValueError):
        array = parse_idx(gzip.compress(raw) if packed else raw)
        assert array.dtype == np.uint8 and array.tobytes() == raw[4 + 4 * array.ndim:] and array.ndim == raw[3]

@held(100)
@given(arrays(np.uint8, array_shapes(max_dims=8, max_side=4, min_side=0)), st.data())
def test_an_idx_file_is_read_as_it_was_written_and_damage_is_noticed_or_changes_pixels_alone(array, data):
    raw = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()
    assert np.array_equal(parse_idx(raw), array) and np.array_equal(parse_idx(gzip.compress(raw)), array)
    packed = bytearray(gzip.compress(raw))
    packed[data.draw(st.integers(10, len(packed) - 1))] ^= data.draw(st.integers(1, 255))  # behind the header of gzip
    try: read = parse_idx(bytes(packed))
    except ValueError as e: assert "\n" not in str(e)
    else: assert np.array_equal(read, array)

def archived(**named):
    np.savez(file := io.BytesIO(), **named)
    return file.getvalue()

IMAGES = st.builds(
    lambda seed, kind, shape, top: (np.random.default_rng(seed).random(shape) * top).astype(kind), st.integers(0, 9), st.sampled_from(["u1", "i8", "f4", "f8", "?", "c8", "U3"]),
    st.sampled_from([(200, 28, 28), (200, 784), (200, 8, 9), (200, 5, 5), (200,), (0, 28, 28), (200, 9, 9, 3), (1, 28, 28), ()]), st.sampled_from([0, 1, 255, 256, -1, math.nan, math.inf]))
LABELS = st.builds(lambda n, classes, kind: (np.arange(n) % classes).astype(kind), st.sampled_from([0, 1, 200]), st.sampled_from([1, 2, 3, 10, 11]), st.sampled_from(["u1", "i8", "f4", "U2"]))

@held(60)
@given(IMAGES, LABELS, st.sampled_from([("images", "labels"), ("x_train", "y_train"), ("a", "b"), ("train", "test")]))
@pytest.mark.filterwarnings("ignore")
def test_any_archive_is_a_set_or_a_line(tmp_path, images, labels, names):
    (tmp_path / "own.npz").write_bytes(archived(**dict(zip(names, (images, labels)))))
    with one_line(ValueError), contextlib.redirect_stdout(io.StringIO()):
        loaded = load_mnist(tmp_path / "own.npz")
        for split in loaded[:3]:
            assert split.images.dtype == np.float32 and split.images.shape == (len(split.labels), 784) and split.labels.dtype == np.int32
            assert 0 <= split.images.min() <= split.images.max() <= 1 and set(split.labels) <= set(range(len(loaded.classes)))

WHOLE = archived(images=np.random.default_rng(0).integers(0, 256, (120, 28, 28)).astype(np.uint8), labels=np.arange(120) % 3)

@held(150)
@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=4), st.booleans())
@example(len(WHOLE) - 40, b"\xff\xff", False)
@example(68, b"\1", False)
def test_a_damaged_archive_is_a_set_or_a_line(tmp_path, place, put, cut):
    if place < 94_000 and place > 700: place = len(WHOLE) - 1 - place % 1_500  # where directories are, not pixels
    (tmp_path / "own.npz").write_bytes(WHOLE[:place] + (b"" if cut else put + WHOLE[place + len(put):]))
    with one_line(ValueError), contextlib.redirect_stdout(io.StringIO()): load_mnist(tmp_path / "own.npz")

@held(60)
@given(st.one_of(st.text(max_size=12), st.sampled_from(["auto", "digits", "", "~", ".", "\0", "/", "a" * 300, "//", "~nobody"])), NUMBERS)
def test_any_source_is_digits_or_a_line(tmp_path, source, validation):
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.chdir(tmp_path)
        patch.setenv("MNIST_GRAPH_DATA", "digits")
        if source == "mnist": return  # would ask the network
        with one_line(ValueError, OSError): assert load_mnist(source, validation=validation).name == "digits"

# Matrices, networks

@held(60)
@given(st.one_of(arrays(st.sampled_from([np.float64, np.int64]), array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)), st.lists(st.lists(NUMBERS, max_size=3), max_size=3), NUMBERS),
       st.sampled_from([1, 2, 0, -1, 1.5, None]), NUMBERS, st.sampled_from([1, 2, 0, "1"]), st.sampled_from(["post", "decay", "squared", "schulz", None, []]), st.sampled_from(["float32", "float64", "int8", None]))
def test_any_matrix_is_inverted_or_a_line(A, steps, rate, log_every, method, dtype):
    with one_line():
        found = learn_inverse(A, steps=steps, learning_rate=rate, log_every=log_every, method=method, dtype=dtype)
        assert found.X.shape == np.shape(A) and found.X.dtype == dtype and np.isfinite(found.losses).all()

DIGITS, NET = load_mnist("digits"), MnistNet(hidden=4)
FEW = DIGITS._replace(train=Split(*(part[:100] for part in DIGITS.train)), test=Split(*(part[:50] for part in DIGITS.test)))

@held(30)
@given(st.fixed_dictionaries({}, optional=dict(epochs=st.sampled_from([1, 0, -1, 1.5, "1", None, True]), batch_size=st.sampled_from([50, 100, 101, 0, 2.5, None]), learning_rate=NUMBERS,
                                               seed=st.sampled_from([0, 7, -1, 1.5, "a", None, 2**70]))))
def test_any_settings_train_or_are_a_line(given_settings):
    net = MnistNet(hidden=4)
    with one_line():
        history = train(net, FEW, **dict(epochs=1, batch_size=50) | given_settings)
        assert [len(column) for column in history] == [1] * 3 and all(np.isfinite(w).all() for w in net.weights)

@held(40)
@given(st.sampled_from([10, 9, 0]), st.sampled_from([np.float32, np.float64, np.uint8, object, "U2"]), st.sampled_from([784, 783, 0, None]), st.sampled_from([1, 255, -1, math.nan]), st.sampled_from([0, 1, -1, .5]))
@pytest.mark.filterwarnings("ignore")
def test_any_split_has_fingerprints_or_is_a_line(count, kind, columns, factor, shift):
    images = np.random.default_rng(0).random((count, columns) if columns is not None else count) * factor
    with one_line():
        prints = fingerprints(NET, Split(images.astype(kind), np.arange(count) + shift))
        assert prints.means.shape == (10, 4) and [len(vectors) for vectors in prints.digits] == [1] * 10

@held(40)
@given(st.fixed_dictionaries({}, optional=dict(l1=NUMBERS, l2=NUMBERS, learning_rate=NUMBERS, steps=st.sampled_from([1, 3.0, 0, -1, 1.5, None, "1", math.inf, math.nan]), seed=st.sampled_from([0, -1, 1.5, "a"]),
                                               start=st.one_of(st.sampled_from(["uniform", "zeros", "noise", None]), arrays(np.float64, st.sampled_from([(10, 784), (1, 784), ()]), fill=st.floats())),
                                               objective=st.sampled_from(["post", "logit", "x", None]), box=st.booleans())))
@pytest.mark.filterwarnings("ignore")
def test_any_search_finds_images_or_is_a_line(given_settings):
    with one_line():
        found = ideal_images(NET, **dict(steps=1) | given_settings)
        assert found.images.shape == (10, 784) and np.isfinite(found.images).all()

# Figures, commands

VALUES = st.one_of(st.lists(NUMBERS, max_size=2), st.text(max_size=2), st.none(), st.integers(0, 3), st.just(range(2)), st.just(np.arange(2)), st.just({"a": 1}))

@held(40)
@given(st.dictionaries(st.sampled_from(["a", "b"]), VALUES, max_size=2), st.one_of(st.none(), st.dictionaries(st.sampled_from(["a", "c"]), NUMBERS, max_size=1)), st.sampled_from(["text", "", None, 3]), st.booleans())
@pytest.mark.filterwarnings("ignore")
def test_any_choices_are_a_figure_or_a_line(choices, start, text, drawn):
    import matplotlib.pyplot as plt
    def draw(**values):
        if drawn: plt.plot([0, 1])
        return text
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()), one_line():
        patch.setenv("MNIST_GRAPH_PAGE", "1")
        explore(draw, start=start, **choices)
    assert plt.get_fignums() == []

WORDS = st.sampled_from(["run", "site", "train", "bench", "lab", "--data", "digits", "--out", "--only", "3", "mnist_bet", "--epochs", "0", "-1", "x", "--device", "cpu", "tpu", "--hidden", "--batch-size",
                         "1000000", "--learning-rate", "nan", "-5", "--seed", "--strategy", "none", "multiworker", "--save", "--renderer", "plain", "--help", "--version", "", "--", "-", "é", "\0"])

@held(150)
@given(st.lists(WORDS, max_size=6))
def test_any_words_are_parsed_or_refused_with_the_usage(words):
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try: assert callable(parser().parse_args(words).command)
        except SystemExit as e: assert e.code == 0 or e.code == 2 and said.getvalue().startswith("usage: ") and "error: " in said.getvalue().splitlines()[-1]

NEVER = [("--epochs", "0"), ("--epochs", "-1"), ("--batch-size", "0"), ("--batch-size", "1000000"), ("--hidden", "0"), ("--learning-rate", "nan"), ("--learning-rate", "-5"), ("--learning-rate", "inf"),
         ("--seed", "-1"), ("--devices", "0"), ("--save", "."), ("--data", "nothing"), ("--data", ""), ("--data", "a\0b"), ("--strategy", "multiworker"), ("--save", "a\0b"), ("--checkpoint", "a\0b")]

@held(40)
@given(st.sampled_from(NEVER), st.lists(st.sampled_from([("--hidden", "5"), ("--seed", "3"), ("--device", "cpu"), ("--strategy", "none")]), max_size=3, unique_by=lambda pair: pair[0]))
def test_what_cannot_be_trained_is_one_line_of_the_command(wrong, others):
    said, words = io.StringIO(), ["train", "--data", "digits", *(word for pair in others if pair[0] != wrong[0] for word in pair), *wrong]
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        patch.delenv("TF_CONFIG", raising=False)
        assert main(words) == 1
    assert said.getvalue().count("\n") == 1 and said.getvalue().startswith("mnist-graph-tutorial: ")

# Addresses of pages: a few of those that were tried at random for ten minutes

NASTY = ["0", "-1", "1e999", "NaN", "", "%", "%ff", "__proto__", "constructor", "toString", "9.999", "1 2 3", "a" * 3000, "<script>", "[]", "post", "schulz"]
KEYS = ["digit", "start", "rate", "l2", "method", "preset", "sample", "unit", "units", "groups", "lines", "turn", "along", "batch", "hidden", "loss", "seed", "__proto__", "constructor"]

def widgets_of(path) -> str:
    "The figures of a notebook that compute, as saved."
    cells = nbformat.read(path, 4).cells
    shown = ["".join(output.get("data", {}).get("text/html", "")) for cell in cells for output in cell.get("outputs", ())]
    return once_a_page("\n".join(html for html in shown if "mgt-widget" in html))

@pytest.mark.parametrize("chapter", ["02_matrix_inverse", "05_ideal_images", "06_draw_a_digit"])
def test_any_address_opens_a_page_that_complains_of_nothing(chapter, chromium, tmp_path):
    url = page_file(tmp_path, widgets_of(project() / f"nbs/{chapter}.ipynb"))
    for k in range(3):
        states = ",".join(f"{key}:{NASTY[(7 * k + 5 * i) % len(NASTY)]}" for i, key in enumerate(KEYS))
        address = "&".join(f"{name}={states}" for name in ("dream", "fingerprint", "invert", "shift", "train", "__proto__", ""))
        with visit(chromium, f"{url}#{address}") as page:
            page.wait_for_function("() => [...document.querySelectorAll('.mgt-widget')].every(figure => figure.innerText.trim())")
            assert not page.evaluate(r"() => /\b(NaN|undefined|\[object)\b/.test(document.body.innerText)")
