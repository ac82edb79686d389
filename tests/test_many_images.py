"""Training on a set that stays on disk."""
import os, subprocess, sys
from types import SimpleNamespace
import numpy as np, pytest
import tensorflow as tf
from mnist_graph_tutorial import many_images
from mnist_graph_tutorial.data import read_idx
from mnist_graph_tutorial.many_images import count_images, stream, train_stream, write_idx
from mnist_graph_tutorial.mnist_net import MnistNet, descend, post_cross_entropy
from mnist_graph_tutorial.training import shuffled

@pytest.fixture
def files(tmp_path):
    "Writes a set of so many random images; its two paths."
    def write(count, seed=0):
        rng, paths = np.random.default_rng(seed), (tmp_path / f"images{count}", tmp_path / f"labels{count}")
        write_idx(paths[0], [rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)])
        write_idx(paths[1], [rng.integers(0, 10, count, dtype=np.uint8)])
        return paths
    return write

# Files

def test_parts_become_one_array(tmp_path):
    parts = [np.full((k, 28, 28), k, np.uint8) for k in (3, 1, 2)]
    write_idx(tmp_path / "i", iter(parts))
    np.testing.assert_array_equal(read_idx(tmp_path / "i"), np.concatenate(parts))
    write_idx(tmp_path / "l", (np.array([k, 9], np.uint8) for k in range(3)))
    assert read_idx(tmp_path / "l").tolist() == [0, 9, 1, 9, 2, 9]

@pytest.mark.parametrize("parts, words", {
    "nothing": ([], "nothing to write"),
    "numbers": ([np.zeros(3)], "bytes are written here, not float64"),
    "two shapes": ([np.zeros((1, 28, 28), np.uint8), np.zeros((1, 27, 28), np.uint8)], r"\(27, 28\) comes after \(28, 28\)")}.values())
def test_what_cannot_be_written_leaves_the_old_file(tmp_path, parts, words):
    (tmp_path / "i").write_bytes(b"old")
    with pytest.raises(ValueError, match=words): write_idx(tmp_path / "i", parts)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"i": b"old"}

def cut(path): path.write_bytes(path.read_bytes()[:-1])
def longer(path): path.write_bytes(path.read_bytes() + b"0")
def gzipped(path): path.write_bytes(b"\x1f\x8b" + path.read_bytes())
def empty(path): path.write_bytes(b"")
def header_alone(path): path.write_bytes(path.read_bytes()[:6])
def text(path): path.write_text("images of all kinds")

@pytest.mark.parametrize("spoil, words", [
    (cut, "its header announces"), (longer, "its header announces"), (gzipped, "gunzip it first"), (empty, "not an IDX file"),
    (header_alone, "not an IDX file|its header announces"), (text, "not an IDX file")], ids=lambda x: getattr(x, "__name__", ""))
@pytest.mark.parametrize("which", [0, 1])
def test_a_spoilt_file_is_one_line(files, spoil, words, which):
    paths = files(200)
    spoil(paths[which])
    with pytest.raises(ValueError, match=words) as found: count_images(*paths)
    assert "\n" not in str(found.value) and str(paths[which]) in str(found.value)

def test_files_that_do_not_belong_together(files, tmp_path):
    images, labels = files(200)
    for pair in ((labels, images), (images, files(300)[1]), (images, images)):
        with pytest.raises(ValueError, match="n images of 28x28 and n labels are wanted"): count_images(*pair)
    write_idx(tmp_path / "wide", [np.zeros((200, 32, 32), np.uint8)])
    with pytest.raises(ValueError, match=r"wide holds \(200, 32, 32\)"): count_images(tmp_path / "wide", labels)
    with pytest.raises(FileNotFoundError): count_images(tmp_path / "none", labels)

@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_share_every_chunk(files, workers):
    images, labels = paths = files(250)
    seen = [list(stream(*paths, 100, workers=workers, index=k)) for k in range(workers)]
    assert {len(chunks) for chunks in seen} == {2}  # the last 50 are left out
    for chunk in range(2):
        parts = [seen[k][chunk] for k in range(workers)]
        whole = [np.stack([part[which] for part in parts], axis=1) for which in (0, 1)]
        rows = slice(100 * chunk, 100 * chunk + 100)
        np.testing.assert_array_equal(whole[0].reshape(-1, 784), read_idx(images)[rows].reshape(-1, 784) / np.float32(255))
        np.testing.assert_array_equal(whole[1].ravel(), read_idx(labels)[rows])

# Training

def test_epochs_go_on_with_new_orders(files):
    images, labels = paths = files(400)
    net, costs = MnistNet(hidden=20), []
    pixels, answers = read_idx(images).reshape(-1, 784) / np.float32(255), read_idx(labels).astype(np.int32)
    weights = net.weights
    for number, first in enumerate([0, 200] * 2):
        for rows in shuffled(200, 3, number).reshape(-1, 50) + first:
            weights, cost = descend(weights, tf.constant(pixels[rows]), tf.constant(answers[rows]), .05, post_cross_entropy)
            costs.append(float(cost))
    found = train_stream(net, *paths, epochs=2, batch_size=50, learning_rate=.05, chunk=200, seed=3)
    np.testing.assert_allclose(found, np.reshape(costs, (2, -1)).mean(axis=1), rtol=1e-4)
    for a, b in zip(net.weights, weights): np.testing.assert_allclose(a, b, atol=1e-5)

@pytest.mark.parametrize("settings, words", [
    (dict(chunk=500), "chunk is 500, but there are only 400 images"), (dict(chunk=250), "a chunk of 250 cannot be cut into batches of 100"),
    (dict(chunk=0), "chunk"), (dict(batch_size=0), "batch_size"), (dict(epochs=0), "epochs"), (dict(learning_rate=-1), "learning_rate"),
    (dict(learning_rate=1e30), "diverged")], ids=str)
def test_what_cannot_be_trained_leaves_the_network(files, settings, words):
    net = MnistNet(hidden=5)
    before = [w.numpy() for w in net.weights]
    with pytest.raises(ValueError, match=words): train_stream(net, *files(400), **dict(chunk=200) | settings)
    for w, old in zip(net.weights, before): np.testing.assert_array_equal(w, old)

@pytest.mark.parametrize("cluster, task, place", [
    (dict(worker=["a", "b", "c"]), ("worker", 2), (3, 2)), (dict(chief=["a"], worker=["b", "c"]), ("chief", 0), (3, 0)),
    (dict(chief=["a"], worker=["b", "c"]), ("worker", 0), (3, 1)), ({}, ("", None), (1, 0))])
def test_each_worker_has_a_place_of_its_own(cluster, task, place):
    resolver = SimpleNamespace(task_type=task[0], task_id=task[1], cluster_spec=lambda: tf.train.ClusterSpec(cluster))
    assert many_images._place(SimpleNamespace(cluster_resolver=resolver)) == place
    assert many_images._place(None) == (1, 0)

MILLION = """
import resource, sys
from mnist_graph_tutorial.many_images import train_stream
from mnist_graph_tutorial.mnist_net import MnistNet
train_stream(MnistNet(hidden=4), *sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""

def blank(directory, count):
    "A set of blank images, in files with a hole: they take no room on the disk."
    paths = [directory / f"images{count}", directory / f"labels{count}"]
    for path, shape in zip(paths, ((count, 28, 28), (count,))):
        header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
        path.write_bytes(header)
        os.truncate(path, len(header) + np.prod(shape))
    return paths

def test_a_million_images_take_no_more_memory_than_fifty_thousand(tmp_path):
    started = [subprocess.Popen([sys.executable, "-c", MILLION, *blank(tmp_path, count)], stdout=subprocess.PIPE, text=True)
               for count in (50_000, 10**6)]
    few, many = [float(process.communicate()[0]) for process in started]
    assert many - few < 300  # megabytes: how threads meet counts for some 140; the million images take 2,990 as floats

def test_a_wide_network_is_kept_whole(tmp_path):
    net = MnistNet(hidden=30_000)
    net.save(tmp_path / "wide")
    assert 0 < sum(path.stat().st_size for path in tmp_path.iterdir()) - 4 * (785 * 30_000 + 10 * 30_001) < 2_000
    for a, b in zip(MnistNet.load(tmp_path / "wide").weights, net.weights): np.testing.assert_array_equal(a, b)
