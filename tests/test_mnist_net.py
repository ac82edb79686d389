"The network: its file, its arithmetic, its graphs, and what it refuses."
import os, pickle, threading, tracemalloc
import numpy as np
import pytest
from mnist_graph_tutorial import checks
from mnist_graph_tutorial.data import Split, load_mnist
from mnist_graph_tutorial.device import traces
from mnist_graph_tutorial.mnist_net import (
    MnistNet, activity, confusion, descend, epoch, evaluate, post_cross_entropy, scores, slope, softmax_cross_entropy, train)
from mnist_graph_tutorial.training import shuffled
import tensorflow as tf

DIGITS = load_mnist("digits")
FEW = DIGITS._replace(train=Split(*(part[:300] for part in DIGITS.train)))

def same(a, b): return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))

def test_a_training_keeps_no_copy_of_the_images_in_numpy():
    train(MnistNet(hidden=4), FEW, epochs=1)  # traced and compiled
    tracemalloc.start()
    try:
        train(MnistNet(hidden=4), FEW, epochs=1)
        assert tracemalloc.get_traced_memory()[1] < FEW.train.images.nbytes / 2
    finally: tracemalloc.stop()

# the start, and the loss

def test_weights_start_as_widely_spread_as_they_should():
    spreads = lambda initial: [float(np.std(w)) for w in MnistNet(initial=initial).weights]
    for found, right, share in zip(spreads("post"), (.03, 1, .03, 1), (.02, .15, .05, .5)): assert abs(found / right - 1) < share
    np.testing.assert_allclose(spreads("he"), [(2 / 784) ** .5, 0, (2 / 300) ** .5, 0], rtol=.05)

def test_the_loss_of_2018_is_clipped_where_it_was():
    sure = tf.constant([[100.] + [0.] * 9])
    right, wrong = (float(post_cross_entropy(sure, tf.constant([digit]))) for digit in (0, 1))
    ceiling = float(np.float32(0.9999999))
    np.testing.assert_allclose(right, -np.log(ceiling), rtol=.01, atol=1e-7)
    np.testing.assert_allclose(wrong, -np.log(1e-10) - np.log(1 - ceiling), rtol=.01)

# the file

def test_load_gives_back_what_was_saved(tmp_path):
    net = MnistNet(hidden=7, seed=3)
    net.save(tmp_path / "net.npz")
    assert same(MnistNet.load(tmp_path / "net.npz").weights, net.weights)
    assert [p.name for p in tmp_path.iterdir()] == ["net.npz"]

def test_saving_twice_writes_the_same_bytes(tmp_path):
    for name in "ab": MnistNet(hidden=7).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

def test_damaged_files_are_refused_or_harmless(tmp_path):
    path, net, rng = tmp_path / "net.npz", MnistNet(hidden=3), np.random.default_rng(0)
    net.save(path)
    raw, refused = path.read_bytes(), 0
    for trial in range(300):
        bad = bytearray(raw[:rng.integers(len(raw))] if trial % 3 == 0 else raw)
        for _ in range(rng.integers(1, 4)):
            if bad: bad[rng.integers(len(bad))] ^= 1 << rng.integers(8)
        path.write_bytes(bad)
        try: assert same(MnistNet.load(path).weights, net.weights)
        except ValueError as e:
            assert str(path) in str(e) and "\n" not in str(e)
            refused += 1
    assert refused > 200

def arrays(**other):
    return {name: w.numpy() for name, w in MnistNet(hidden=3).weights._asdict().items()} | other

@pytest.mark.parametrize("other", [
    dict(w1=np.zeros((784, 4), "f4")), dict(w1=np.zeros((3, 784), "f4")), dict(b1=np.zeros(0, "f4")),
    dict(b2=np.zeros(9, "f4")),
    dict(w2=np.full((3, 10), np.nan, "f4")), dict(b2=np.zeros(10)), dict(w1=np.array("text")), dict(w2=None),
    dict(b1=None)])
def test_arrays_that_are_no_network_are_refused(tmp_path, other):
    np.savez(tmp_path / "net.npz", **{name: w for name, w in arrays(**other).items() if w is not None})
    with pytest.raises(ValueError, match="holds no network"): MnistNet.load(tmp_path / "net.npz")

class Trap:
    def __reduce__(self): return pytest.fail, ("a pickle was run",)

@pytest.mark.parametrize("write", [
    lambda path: path.write_bytes(pickle.dumps(Trap())),
    lambda path: np.savez(path, **arrays(w1=np.array([Trap()], object))),
    lambda path: np.save(path, np.zeros(3)),
    lambda path: path.write_bytes(b""),
    lambda path: path.write_text("weights")], ids=["pickle", "pickle inside", "npy", "empty", "text"])
def test_other_files_are_refused_and_no_pickle_is_run(tmp_path, write):
    path = tmp_path / "net.npz"
    write(path)
    if not path.exists(): (tmp_path / "net.npz.npy").rename(path)
    with pytest.raises(ValueError, match="not a NumPy archive"): MnistNet.load(path)

def test_a_missing_file_is_called_missing(tmp_path):
    with pytest.raises(FileNotFoundError): MnistNet.load(tmp_path / "none.npz")

def test_a_save_that_fails_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "net.npz"
    MnistNet(hidden=3).save(path)
    before = path.read_bytes()
    def half(file, **arrays):
        file.write(b"half")
        raise OSError("disk full")
    monkeypatch.setattr(checks.np, "savez", half)
    with pytest.raises(OSError, match="disk full"): MnistNet(hidden=4).save(path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1

def test_many_writers_and_a_reader(tmp_path):
    path, nets = tmp_path / "net.npz", [MnistNet(hidden=3, seed=seed) for seed in range(4)]
    nets[0].save(path)
    writers = [threading.Thread(target=lambda net=net: [net.save(path) for _ in range(25)]) for net in nets]
    for w in writers: w.start()
    reads = 0
    while any(w.is_alive() for w in writers) or not reads:
        weights, reads = MnistNet.load(path).weights, reads + 1
        assert any(same(weights, net.weights) for net in nets)
    assert len(list(tmp_path.iterdir())) == 1

# the arithmetic

def numpy_cost(weights, x, t, post):
    w1, b1, w2, b2 = weights
    z = np.maximum(x @ w1 + b1, 0) @ w2 + b2
    y = np.exp(z - z.max(1, keepdims=True))
    y /= y.sum(1, keepdims=True)
    if not post: return -np.log(y[np.arange(len(t)), t]).mean()
    y, hot = np.clip(y, 1e-10, .9999999), np.eye(10)[t]
    return -(hot * np.log(y) + (1 - hot) * np.log(1 - y)).sum(1).mean()

@pytest.mark.parametrize("loss", [post_cross_entropy, softmax_cross_entropy])
def test_a_step_follows_the_gradient(loss):
    "Against central differences of the same cost, computed in float64 by NumPy."
    net, (x, t) = MnistNet(hidden=20), (part[:50] for part in DIGITS.train)
    moved, cost = descend(net.weights, tf.constant(x), tf.constant(t), 1., loss)
    exact, post = [w.numpy().astype(float) for w in net.weights], loss is post_cross_entropy
    assert np.isclose(cost, numpy_cost(exact, x, t, post), rtol=1e-5)
    rng = np.random.default_rng(0)
    for k in range(4):
        way = rng.normal(size=exact[k].shape)
        there, back = ([w + s * way if i == k else w for i, w in enumerate(exact)] for s in (1e-6, -1e-6))
        along = (numpy_cost(there, x, t, post) - numpy_cost(back, x, t, post)) / 2e-6
        assert np.isclose(np.sum((exact[k] - moved[k].numpy()) * way), along, rtol=1e-3, atol=1e-4)

def test_an_epoch_is_its_steps():
    net, (x, t) = MnistNet(hidden=20), map(tf.constant, FEW.train)
    order, weights, costs = shuffled(300, 0, 0), net.weights, []
    for rows in order[:280].reshape(-1, 40):
        weights, cost = descend(weights, tf.gather(x, rows), tf.gather(t, rows), .1, post_cross_entropy)
        costs.append(float(cost))
    looped, mean = epoch(net.weights, x, t, order, tf.constant(.1), post_cross_entropy, 40)
    assert np.isclose(mean, np.mean(costs), rtol=1e-5)
    for a, b in zip(looped, weights): np.testing.assert_allclose(a, b, atol=1e-5)

def test_post_cross_entropy_never_overflows():
    logits = tf.constant([[1e30] + [-1e30] * 9, [-1e30] * 9 + [1e30]])
    assert np.isfinite(post_cross_entropy(logits, tf.constant([0, 0])))
    assert np.isfinite(slope(post_cross_entropy, logits, tf.constant([0, 0]))).all()

def test_confusion_and_activity_count():
    net = MnistNet(hidden=30)
    counts, answers = confusion(net, DIGITS.test), np.argmax(net(DIGITS.test.images), 1)
    assert counts.sum() == 300 and (counts.sum(1) == np.bincount(DIGITS.test.labels, minlength=10)).all()
    assert all(counts[i, j] == ((DIGITS.test.labels == i) & (answers == j)).sum() for i in range(10) for j in range(10))
    assert np.isclose(np.trace(counts) / 300, evaluate(net, DIGITS.test).accuracy)
    np.testing.assert_allclose(activity(net, DIGITS.test.images), (net.hidden(DIGITS.test.images).numpy() > 0).mean(0))

# training

def test_nothing_is_traced_twice():
    train(MnistNet(hidden=11), FEW, epochs=1, batch_size=50)
    before = traces(epoch), traces(scores)
    train(MnistNet(hidden=11, seed=1), FEW, epochs=3, batch_size=50, learning_rate=.2, seed=4)
    evaluate(MnistNet(hidden=11), FEW.test)
    assert (traces(epoch), traces(scores)) == before

@pytest.mark.parametrize("settings", [dict(hidden=0), dict(hidden=-1), dict(initial="zeros")])
def test_impossible_networks_are_refused(settings):
    with pytest.raises(ValueError): MnistNet(**settings)

@pytest.mark.parametrize("how", [train, evaluate, confusion])
def test_arrays_of_any_precision_are_taken(how):
    net, doubles = MnistNet(hidden=5), Split(FEW.train.images.astype(float), FEW.train.labels.astype(np.int64))
    call = (lambda split: train(net, FEW._replace(train=split, test=split), epochs=1)) if how is train else (
        lambda split: how(net, split))
    before = net.weights
    first = call(FEW.train)
    net.assign(before)
    assert same(call(doubles), first)

def test_a_directory_is_no_place_for_a_network(tmp_path):
    for path in (tmp_path, "."):
        with pytest.raises(OSError, match="is a directory"): MnistNet(hidden=5).save(path)

def test_saving_goes_through_a_link_and_leaves_devices_alone(tmp_path):
    net, link, pipe = MnistNet(hidden=5), tmp_path / "link.npz", tmp_path / "pipe"
    link.symlink_to(tmp_path / "real.npz")
    net.save(link)
    assert link.is_symlink() and same(MnistNet.load(tmp_path / "real.npz").weights, net.weights)
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="not a file"): net.save(pipe)
    assert pipe.is_fifo()
