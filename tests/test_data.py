"""Faults of the data page: files that are not what they should be, and downloads that fail half-way."""
import contextlib, functools, gzip, hashlib, http.server, io, json, os, re, shutil, socket, subprocess, sys, tempfile, threading, time, tracemalloc
import zipfile
from pathlib import Path
import numpy as np
import pytest
from mnist_graph_tutorial import data
from mnist_graph_tutorial.data import DIGESTS, check_all_digits, check_source, check_split, download, load_mnist, one_hot, parse_idx, read_idx

def idx(array):
    "The bytes of an IDX file that holds `array`."
    shape = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + shape + array.astype(np.uint8).tobytes()

@pytest.fixture
def tiny_mnist(tmp_path, monkeypatch):
    "A directory of four small files that pass for MNIST, and their bytes."
    rng, files = np.random.default_rng(0), {}
    for name, n in zip(DIGESTS, (40, 40, 20, 20)):
        files[name] = idx(rng.integers(0, 256, (n, 28, 28)) if "images" in name else np.arange(n) % 10)
    monkeypatch.setattr(data, "DIGESTS", {name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()})
    directory = tmp_path / "tiny"
    directory.mkdir()
    for name, raw in files.items(): (directory / f"{name}.gz").write_bytes(gzip.compress(raw))
    return directory, files

def test_idx_round_trip_on_random_shapes():
    rng = np.random.default_rng(1)
    for _ in range(50):
        array = rng.integers(0, 256, rng.integers(0, 5, rng.integers(1, 5)))
        assert np.array_equal(parse_idx(idx(array)), array)

def test_every_truncation_of_an_idx_file_is_refused():
    raw = idx(np.arange(12).reshape(3, 4))
    for n in range(len(raw)):
        with pytest.raises(ValueError): parse_idx(raw[:n])
    with pytest.raises(ValueError, match="13"): parse_idx(raw + b"x")

def test_random_bytes_never_crash_the_reader():
    rng = np.random.default_rng(2)
    for _ in range(500):
        raw = bytes([0, 0, 8]) + rng.integers(0, 256, rng.integers(0, 40), np.uint8).tobytes()
        try: parse_idx(raw)
        except ValueError: pass

def test_gzipped_and_plain_files_read_alike(tmp_path):
    array = np.arange(6).reshape(2, 3)
    (tmp_path / "a").write_bytes(idx(array))
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx(array)))
    assert np.array_equal(read_idx(tmp_path / "a"), read_idx(tmp_path / "a.gz"))

def test_damaged_gzip_is_one_clear_line(tmp_path):
    packed = gzip.compress(idx(np.zeros((30, 28, 28))))
    (tmp_path / "cut.gz").write_bytes(packed[:-20])
    with pytest.raises(ValueError, match="cut.gz: damaged gzip file"): read_idx(tmp_path / "cut.gz")

def test_directory_splits_in_order(tiny_mnist):
    directory, files = tiny_mnist
    loaded = load_mnist(str(directory), validation=3)
    assert [len(part.labels) for part in loaded[:3]] == [37, 3, 20] and loaded.name == "mnist"
    first = parse_idx(files["train-images-idx3-ubyte"])[0].reshape(784) / np.float32(255)
    assert np.array_equal(loaded.validation.images[0], first)
    assert loaded.train.images.dtype == np.float32 and loaded.train.labels.dtype == np.int32

def test_directory_without_the_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file train-images-idx3-ubyte or train-images-idx3-ubyte.gz"):
        load_mnist(str(tmp_path))

def test_other_digits_are_not_taken_for_mnist(tiny_mnist):
    directory, files = tiny_mnist
    (directory / "t10k-labels-idx1-ubyte").write_bytes(idx(np.ones(20)))
    with pytest.raises(ValueError, match="SHA-256"): load_mnist(str(directory))

def test_images_and_labels_that_do_not_match():
    with pytest.raises(ValueError, match="2 images, but labels of shape"):
        data.as_split(np.zeros((2, 28, 28), np.uint8), np.zeros(3, np.uint8))

@pytest.mark.parametrize("images, labels, message", [
    (np.zeros((2, 783)), np.zeros(2, int), "784"), (np.zeros((0, 784)), np.zeros(0, int), "784"),
    (np.full((2, 784), 255.), np.zeros(2, int), "range"), (np.full((2, 784), np.nan), np.zeros(2, int), "range"),
    (np.zeros((2, 784)), np.zeros(3, int), "labels of shape"), (np.zeros((2, 784)), np.array([1, 10]), "digits")])
def test_check_split_names_what_is_wrong(images, labels, message):
    with pytest.raises(ValueError, match=message): check_split((images, labels))

@pytest.mark.parametrize("label", [-1, 10, 2.5])
def test_one_hot_refuses_what_is_no_digit(label):
    with pytest.raises(ValueError, match="digits 0 to 9"): one_hot([3, label])

def test_check_split_hands_back_what_a_graph_takes():
    split = check_split((np.zeros((3, 784)).tolist(), [4, 5, 6]))
    assert split.images.dtype == np.float32 and split.labels.dtype == np.int32 and split.labels.tolist() == [4, 5, 6]
    images = np.ones((3, 784), np.float32)
    assert check_split((images, np.arange(3, dtype=np.int32))).images is images

@pytest.mark.parametrize("shape", [(10, 784), (2, 5, 28, 28), (2, 5, 700)])
def test_image_grid_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="rows, columns, 784"): data.image_grid(np.zeros(shape))

@pytest.mark.parametrize("count", [-1, 1.5, "3", True, None])
def test_what_is_no_number_of_validation_images_is_refused(count):
    with pytest.raises(ValueError, match=f"validation is {count!r}; it must be a whole number from 0 up"):
        load_mnist("digits", validation=count)

def test_each_mirror_that_fails_is_named(mirror, tmp_path):
    with pytest.raises(OSError, match=f"no mirror has train-images-idx3-ubyte: http://127.0.0.1:9/: .*; {mirror}none/: .*404"):
        download(tmp_path / "mnist", ("http://127.0.0.1:9/", f"{mirror}none/"))
    with pytest.raises(OSError, match="no mirror has train-images-idx3-ubyte: none is named"): download(tmp_path / "mnist", ())

@pytest.fixture
def mirror(tiny_mnist):
    "The tiny files behind a server on this machine."
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args): pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tiny_mnist[0]))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()

def test_download_lands_whole_from_the_second_mirror(mirror, tmp_path):
    target = download(tmp_path / "cache" / "mnist", ("http://127.0.0.1:9/", mirror))
    assert sorted(os.listdir(target)) == sorted(f"{name}.gz" for name in DIGESTS)
    assert os.listdir(target.parent) == ["mnist"]

def test_a_download_leaves_alone_what_else_is_there(mirror, tmp_path):
    home = tmp_path / "home"
    (home / "photos").mkdir(parents=True)
    for name in ("thesis.txt", next(iter(DIGESTS))): (home / name).write_text("years of work")
    download(home, (mirror,))
    assert sorted(os.listdir(home)) == sorted([*(f"{name}.gz" for name in DIGESTS), "photos", "thesis.txt"])
    assert len(load_mnist(home).test.images) == 20

def test_a_network_that_wants_a_login_counts_as_none(tiny_mnist, tmp_path, monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        def greet():
            with contextlib.suppress(OSError):
                while True:
                    with server.accept()[0] as client: client.sendall(b"220 please log in\r\n")
        threading.Thread(target=greet, daemon=True).start()
        monkeypatch.setattr(data.download, "__defaults__", ((f"http://127.0.0.1:{server.getsockname()[1]}/",),))
        monkeypatch.delenv("MNIST_GRAPH_DATA", raising=False)
        assert load_mnist(cache_dir=tmp_path).name == "digits" and "small digits" in capsys.readouterr().out

def test_a_mirror_with_a_wrong_file_leaves_nothing(mirror, tiny_mnist, tmp_path):
    (tiny_mnist[0] / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.ones(20))))
    with pytest.raises(OSError, match="no mirror has t10k-labels"): download(tmp_path / "cache" / "mnist", (mirror,))
    assert os.listdir(tmp_path / "cache") == []

def test_a_damaged_cache_is_fetched_again(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(data.download, "__defaults__", ((mirror,),))
    monkeypatch.delenv("MNIST_GRAPH_DATA", raising=False)
    assert load_mnist("mnist", cache_dir=tmp_path).name == "mnist"
    cut = tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz"
    cut.write_bytes(cut.read_bytes()[:100])
    assert len(load_mnist("auto", cache_dir=tmp_path).test.images) == 20

def test_auto_takes_what_the_environment_names_and_a_named_source_comes_first(tiny_mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(data.download, "__defaults__", (("http://127.0.0.1:9/",),))
    monkeypatch.setenv("MNIST_GRAPH_DATA", str(tiny_mnist[0]))
    assert len(load_mnist("auto", cache_dir=tmp_path).test.images) == 20
    assert load_mnist("digits").name == "digits"

def test_offline_settles_for_the_embedded_digits_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(data.download, "__defaults__", (("http://127.0.0.1:9/",),))
    monkeypatch.delenv("MNIST_GRAPH_DATA", raising=False)
    assert load_mnist(cache_dir=tmp_path).name == "digits"
    assert capsys.readouterr().out == data.NOTICE.format("the connection was refused") + "\n"
    with pytest.raises(OSError, match="no mirror has"): load_mnist("mnist", cache_dir=tmp_path)

def test_embedded_digits_look_like_mnist():
    digits = check_split(load_mnist("digits").train)
    frame = digits.images.reshape(-1, 28, 28).copy()
    frame[:, 4:24, 4:24] = 0
    assert frame.max() == 0 and digits.images.max() == 1 and set(digits.labels) == set(range(10))

@pytest.mark.parametrize("labels, told", [([0, 1, 2, 4, 5, 6, 8, 9], "no image of 3, 7;"), ([], "no image of 0, 1,")])
def test_a_digit_without_images_is_named(labels, told):
    with pytest.raises(ValueError, match=told): check_all_digits(np.array(labels, int))

# A mirror that misbehaves, each of its ways at an address of its own

BOMB = gzip.compress(bytes([0, 0, 8, 1, 63, 255, 255, 255]) + bytes(50_000_000), 1)

class Misbehaves(http.server.BaseHTTPRequestHandler):
    files: dict  # name -> the right bytes
    def log_message(self, *args): pass
    def do_GET(self):
        _, way, name = self.path.split("/")
        with contextlib.suppress(OSError): getattr(self, way)(self.files[name])
    def answer(self, raw, status=200, **headers):
        self.send_response(status)
        for key, value in (dict(Content_Length=str(len(raw))) | headers).items(): self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(raw)
    def right(self, raw): self.answer(raw)
    def truncated(self, raw): self.answer(raw[:-20], Content_Length=str(len(raw)))
    def truncated_unsaid(self, raw): self.answer(raw[:-20])
    def page(self, raw): self.answer(b"<!DOCTYPE html><title>Please log in</title>", Content_Type="text/html")
    def nothing(self, raw): self.answer(b"")
    def hang(self, raw): time.sleep(2)
    def hang_after_some(self, raw):
        self.answer(raw[:50], Content_Length=str(len(raw)))
        time.sleep(2)
    def drip(self, raw):
        self.answer(b"", Content_Length=str(len(raw)))
        for byte in raw[:40]:
            self.wfile.write(bytes([byte]))
            time.sleep(.05)
    def loop(self, raw): self.answer(b"", 302, Location=self.path)
    def elsewhere(self, raw): self.answer(b"", 302, Location=self.path.replace("elsewhere", "right"))
    def outside(self, raw): self.answer(b"", 302, Location="file:///etc/hostname")
    def forbidden(self, raw): self.answer(b"no", 403)
    def broken(self, raw): self.answer(b"oh", 500)
    def silly(self, raw): self.answer(raw, 999)
    def large(self, raw):
        self.answer(b"", Content_Length=str(1 << 40))
        with contextlib.suppress(OSError):
            for _ in range(40): self.wfile.write(bytes(1 << 20))
    def bomb(self, raw): self.answer(BOMB)
    def huge_header(self, raw): self.answer(gzip.compress(bytes([0, 0, 8, 3]) + b"\xff" * 12))

@pytest.fixture
def misbehaving(tiny_mnist, tmp_path, monkeypatch):
    "What comes of a download from a mirror of a certain way: how it ends, in how many seconds, and what is in the cache."
    handler = type("Handler", (Misbehaves,), dict(files={path.name: path.read_bytes() for path in tiny_mnist[0].iterdir()}))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    def fetch(*ways):
        monkeypatch.setattr(data._fetch, "__defaults__", (.3 if set(ways) <= SLOW else 10,))
        mirrors = tuple(f"http://127.0.0.1:{server.server_address[1]}/{way}/" for way in ways)
        try: return sorted(os.listdir(download(tmp_path / "cache" / "mnist", mirrors))), os.listdir(tmp_path / "cache")
        except OSError as e: return str(e), os.listdir(tmp_path / "cache")
    fetch.address = f"http://127.0.0.1:{server.server_address[1]}/"
    yield fetch
    server.shutdown()

WAYS = dict(truncated="the connection broke off", truncated_unsaid="what came is not MNIST", page="what came is not MNIST, but perhaps a page to log in",
            nothing="what came is not MNIST", hang="no answer in time", hang_after_some="no answer in time", drip="no answer in time, or a slow one",
            loop=r"the server sends elsewhere for ever \(302\)", outside="the server sends elsewhere", forbidden=r"the server refuses \(403 Forbidden\)",
            broken=r"the server refuses \(500 Internal Server Error\)", silly="the server refuses|no web server", large="what came is not MNIST",
            bomb="what came is not MNIST", huge_header="what came is not MNIST")

SLOW = {"hang", "hang_after_some", "drip"}

@pytest.mark.parametrize("way", WAYS)
def test_a_mirror_that_misbehaves_is_told_in_a_line_and_leaves_nothing(way, misbehaving):
    start = time.monotonic()
    tracemalloc.start()
    try: said, left = misbehaving(way)
    finally: peak = tracemalloc.get_traced_memory()[1], tracemalloc.stop()
    assert left == [] and "\n" not in said and len(said) < 300
    assert len(re.findall(f"no mirror has train-images-idx3-ubyte: {misbehaving.address}{way}/: ({WAYS[way]})", said)) == 1, said
    assert time.monotonic() - start < 20 and peak[0] < 200e6

def test_the_next_mirror_is_asked_and_a_single_redirection_followed(misbehaving):
    files, left = misbehaving(*(way for way in WAYS if way not in SLOW), "elsewhere")
    assert files == sorted(f"{name}.gz" for name in DIGESTS) and left == ["mnist"]

def test_an_old_cache_outlives_a_failing_download(misbehaving):
    whole = misbehaving("right")
    for way in ("page", "truncated"): assert misbehaving(way)[1] == ["mnist"]
    assert misbehaving("right") == whole

# A cache that cannot be written

@pytest.mark.parametrize("number", [28, 30, 13], ids=["full", "read-only", "forbidden"])
@pytest.mark.parametrize("where", ["mkdir", "staging", "write", "replace"])
def test_a_cache_that_cannot_be_written_is_a_line_and_stays_as_it_was(number, where, misbehaving, tmp_path, monkeypatch, capsys):
    def fail(*args, **kwargs): raise OSError(number, os.strerror(number))
    place = dict(mkdir=(Path, "mkdir"), staging=(tempfile, "TemporaryDirectory"), write=(Path, "write_bytes"), replace=(os, "replace"))[where]
    (tmp_path / "cache").mkdir()
    monkeypatch.setattr(data.download, "__defaults__", ((f"{misbehaving.address}right/",),))
    monkeypatch.delenv("MNIST_GRAPH_DATA", raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(*place, fail)
        assert load_mnist(cache_dir=tmp_path / "cache").name == "digits"
    said = capsys.readouterr().out
    assert f"MNIST cannot be kept in {tmp_path / 'cache'}: {os.strerror(number)}; set XDG_CACHE_HOME to a directory" in said and said.count("\n") == 1
    assert os.listdir(tmp_path / "cache") in ([], ["mnist"]) and not any((tmp_path / "cache").glob("*/*"))
    assert load_mnist(cache_dir=tmp_path / "cache").name == "mnist"

def test_a_full_device_for_real(misbehaving, tmp_path):
    "A file system of 8 kB, where this machine lets us have one."
    (tmp_path / "cache").mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", tmp_path / "cache"], capture_output=True)
    if mounted.returncode: pytest.skip("no file system may be mounted here")
    try: assert "cannot be kept" in misbehaving("right")[0] and "No space left" in misbehaving("right")[0] and os.listdir(tmp_path / "cache") == []
    finally: subprocess.run(["umount", tmp_path / "cache"], check=True)

def test_a_file_in_the_place_of_the_cache(misbehaving, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "mnist").write_text("mine")
    said, left = misbehaving("right")
    assert "cannot be kept in" in said and "File exists" in said and left == ["mnist"] and (tmp_path / "cache" / "mnist").read_text() == "mine"

# Several at once, and one killed

FETCHING = """
import json, sys
from pathlib import Path
from mnist_graph_tutorial import data
data.DIGESTS = json.loads(sys.argv[1])
data.download(Path(sys.argv[2]), (sys.argv[3],))
"""

def test_three_processes_at_once_and_one_that_is_killed(misbehaving, tmp_path):
    def fetch(way):
        words = [sys.executable, "-c", FETCHING, json.dumps(data.DIGESTS), tmp_path / "cache" / "mnist", f"{misbehaving.address}{way}/"]
        return subprocess.Popen(words, stderr=subprocess.PIPE)
    killed, whole = fetch("hang"), [fetch("right") for _ in range(3)]
    while not list(tmp_path.glob("cache/download-*")): time.sleep(.01)
    time.sleep(.3)
    killed.kill()
    assert [process.communicate()[1] for process in whole] == [b""] * 3 and killed.wait() == -9
    left = sorted(name for name in os.listdir(tmp_path / "cache") if not name.startswith("download-"))
    assert left == ["mnist"] and sorted(os.listdir(tmp_path / "cache" / "mnist")) == sorted(f"{name}.gz" for name in DIGESTS)
    assert load_mnist("mnist", cache_dir=tmp_path / "cache").name == "mnist"

# Little memory for what announces or unpacks to much

def peak(call) -> float:
    "Megabytes that a call that is refused takes at most, as Python counts them."
    tracemalloc.start()
    try:
        with pytest.raises(ValueError) as e: call()
        assert "\n" not in str(e.value) and len(str(e.value)) < 250
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally: tracemalloc.stop()

@pytest.mark.parametrize("packed", [True, False], ids=["gz", "plain"])
@pytest.mark.parametrize("header", [b"\xff" * 12, b"\x40\0\0\1" + b"\0\0\0\1" * 2, b"\xff" * 8 + b"\0" * 4, b"\0" * 4 + b"\xff" * 8], ids=["79e27", "gigabyte", "nothing", "none"])
def test_an_absurd_header_is_refused_by_itself(header, packed, tmp_path):
    raw = bytes([0, 0, 8, 3]) + header + bytes(30_000_000)
    (tmp_path / "file").write_bytes(gzip.compress(raw, 1) if packed else raw)
    assert peak(lambda: read_idx(tmp_path / "file")) < 5

@pytest.mark.parametrize("dimensions", [9, 64, 65, 255])
def test_more_dimensions_than_anything_has(dimensions):
    with pytest.raises(ValueError, match="IDX bytes: not an IDX file of bytes"): parse_idx(bytes([0, 0, 8, dimensions]) + b"\0\0\0\1" * dimensions + b"x")

def test_a_gzip_bomb_is_not_unpacked(tmp_path):
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(idx(np.zeros((3, 28, 28))) + bytes(100_000_000), 1))
    assert peak(lambda: read_idx(tmp_path / "bomb.gz")) < 5

def test_an_archive_that_would_unpack_to_gigabytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("mnist_graph_tutorial.image_files.LARGEST", 1_000_000)
    np.savez_compressed(tmp_path / "bomb.npz", images=np.zeros((9_000, 28, 28), np.uint8), labels=np.zeros(9_000, np.uint8))
    assert peak(lambda: load_mnist(tmp_path / "bomb.npz")) < 2

def test_an_archive_whose_array_announces_more_memory_than_there_is(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, dict(descr="|u1", fortran_order=False, shape=(1 << 40, 28, 28)))
    with zipfile.ZipFile(tmp_path / "own.npz", "w") as archive:
        for name in ("images.npy", "labels.npy"): archive.writestr(name, header.getvalue())
    with pytest.raises(ValueError, match="own.npz: images is damaged"): load_mnist(tmp_path / "own.npz")

# A source checked and not loaded

def answers(ask) -> list:
    "What a source is said to be, or the kind and the words of its error."
    try: return [ask()]
    except (OSError, ValueError) as e: return [type(e), str(e)]

def test_a_source_is_checked_as_it_is_loaded(tiny_mnist, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(data.download, "__defaults__", (("http://127.0.0.1:9/",),))
    monkeypatch.delenv("MNIST_GRAPH_DATA", raising=False)
    whole, damaged = tiny_mnist[0], tmp_path / "damaged"
    shutil.copytree(whole, damaged)
    name = next(iter(DIGESTS))
    (damaged / f"{name}.gz").write_bytes((whole / f"{name}.gz").read_bytes()[:100])
    for source in ("digits", "auto", "mnist", str(whole), str(damaged), str(tmp_path)):
        loaded = answers(lambda: load_mnist(source, cache_dir=tmp_path / "cache").name)
        said = capsys.readouterr().out
        assert answers(lambda: check_source(source, cache_dir=tmp_path / "cache")) == loaded
        assert capsys.readouterr().out == said

def test_a_source_is_checked_without_loading_it(tiny_mnist, monkeypatch):
    monkeypatch.setattr(data, "as_split", None)
    monkeypatch.setattr(data, "_embedded_digits", None)
    assert (check_source(str(tiny_mnist[0])), check_source("digits")) == ("mnist", "digits")
