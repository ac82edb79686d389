"The network: its file, its gradient, its training, what it refuses, and that it can be interrupted."
import functools, os, pickle, threading
import numpy as np
import pytest
from mnist_graph_tutorial import mnist_net
from mnist_graph_tutorial.data import Split, load_mnist
from mnist_graph_tutorial.device import traces
from mnist_graph_tutorial.mnist_net import (
    MnistNet, activity, confusion, descend, digest, epoch, evaluate, kept_at, post_cross_entropy, scores, shuffled, slope,
    softmax_cross_entropy, train, train_in_session, trained)
import tensorflow as tf

DIGITS = load_mnist("digits")
FEW = DIGITS._replace(train=Split(*(part[:300] for part in DIGITS.train)))

def same(a, b): return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))

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
    def half(file, **arrays): file.write(b"half"); raise OSError("disk full")
    monkeypatch.setattr(mnist_net.np, "savez", half)
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
    y = np.exp(z - z.max(1, keepdims=True)); y /= y.sum(1, keepdims=True)
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

def test_orders_are_permutations_of_their_own():
    orders = {(seed, k): tuple(shuffled(100, seed, k)) for seed in range(3) for k in range(3)}
    assert all(sorted(order) == list(range(100)) for order in orders.values()) and len(set(orders.values())) == 9

def test_confusion_and_activity_count():
    net = MnistNet(hidden=30)
    counts, answers = confusion(net, DIGITS.test), np.argmax(net(DIGITS.test.images), 1)
    assert counts.sum() == 300 and (counts.sum(1) == np.bincount(DIGITS.test.labels, minlength=10)).all()
    assert all(counts[i, j] == ((DIGITS.test.labels == i) & (answers == j)).sum() for i in range(10) for j in range(10))
    assert np.isclose(np.trace(counts) / 300, evaluate(net, DIGITS.test).accuracy)
    np.testing.assert_allclose(activity(net, DIGITS.test.images), (net.hidden(DIGITS.test.images).numpy() > 0).mean(0))

# training

def test_session_and_compiled_graph_agree():
    a, b = MnistNet(hidden=50), MnistNet(hidden=50)
    for one, other in zip(train(a, DIGITS, epochs=2), train_in_session(b, DIGITS, epochs=2)):
        np.testing.assert_allclose(one, other, rtol=1e-4)
    for one, other in zip(a.weights, b.weights): np.testing.assert_allclose(one, other, atol=1e-4)

def test_nothing_is_traced_twice():
    train(MnistNet(hidden=11), FEW, epochs=1, batch_size=50)
    before = traces(epoch), traces(scores)
    train(MnistNet(hidden=11, seed=1), FEW, epochs=3, batch_size=50, learning_rate=.2, seed=4)
    evaluate(MnistNet(hidden=11), FEW.test)
    assert (traces(epoch), traces(scores)) == before

def test_each_sees_every_epoch_and_copies_stay():
    net, seen, copies = MnistNet(hidden=11), [], []
    def each(k, row): seen.append((k, row)); copies.append(net.weights)
    history = train(net, FEW, epochs=3, batch_size=50, each=each)
    assert [k for k, _ in seen] == [1, 2, 3] and np.allclose([row for _, row in seen], np.stack(history, 1))
    assert same(copies[-1], net.weights) and not same(copies[0], net.weights)

@pytest.mark.parametrize("settings, word", [
    (dict(epochs=0), "epochs"), (dict(epochs=-3), "epochs"), (dict(epochs=1.5), "epochs"),
    (dict(batch_size=0), "batch_size"), (dict(batch_size=301), "batch_size"), (dict(batch_size=2.5), "batch_size"),
    (dict(learning_rate=0), "learning_rate"), (dict(learning_rate=-.1), "learning_rate"),
    (dict(learning_rate=np.nan), "learning_rate"),
    (dict(learning_rate=np.inf), "learning_rate")])
@pytest.mark.parametrize("how", [train, train_in_session])
def test_bad_settings_cost_nothing(how, settings, word):
    net = MnistNet(hidden=5)
    before = net.weights
    with pytest.raises(ValueError, match=word) as e: how(net, FEW, **settings)
    assert "\n" not in str(e.value) and same(before, net.weights)

@pytest.mark.parametrize("split", [
    Split(FEW.train.images[:, :700], FEW.train.labels), Split(FEW.train.images * 255, FEW.train.labels),
    Split(FEW.train.images - .5, FEW.train.labels), Split(FEW.train.images[:-1], FEW.train.labels),
    Split(FEW.train.images, FEW.train.labels + 1), Split(FEW.train.images * np.nan, FEW.train.labels)])
def test_bad_data_is_refused(split):
    for data in (FEW._replace(train=split), FEW._replace(test=split)):
        with pytest.raises(ValueError): train(MnistNet(hidden=5), data, epochs=1)
    with pytest.raises(ValueError): evaluate(MnistNet(hidden=5), split)

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

def test_a_training_that_diverges_says_so_and_keeps_the_last_weights(tmp_path):
    net = MnistNet(initial="he")
    before = net.weights
    with pytest.raises(ValueError, match="epoch 1 diverged"):
        train(net, FEW, epochs=3, learning_rate=1e30, checkpoint=tmp_path)
    assert same(before, net.weights) and not list(tmp_path.iterdir())

def test_a_loss_without_a_name_will_do():
    loss = functools.partial(softmax_cross_entropy)
    assert len(train(MnistNet(hidden=5), FEW, epochs=1, loss=loss).train_loss) == 1

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

def test_the_trained_network_is_handed_out_where_it_cannot_be_kept(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert isinstance(trained(FEW, epochs=1), MnistNet)

# interrupted

class Interrupted(Exception): pass

def interrupt_at(number):
    def each(k, row):
        if k == number: raise Interrupted
    return each

def test_an_interrupted_training_ends_where_a_whole_one_does(tmp_path):
    whole, settings = MnistNet(hidden=11), dict(epochs=5, batch_size=50)
    history = train(whole, FEW, **settings, checkpoint=tmp_path / "5")
    for number in (1, 3, 4, 5):
        directory = tmp_path / str(number)
        if number < 5:
            with pytest.raises(Interrupted):
                train(MnistNet(hidden=11), FEW, **settings, checkpoint=directory, each=interrupt_at(number))
        net = MnistNet(hidden=11)
        assert same(train(net, FEW, **settings, checkpoint=directory), history)
        assert same(net.weights, whole.weights)

def test_an_interrupted_network_itself_can_go_on(tmp_path):
    whole, net, settings = MnistNet(hidden=11), MnistNet(hidden=11), dict(epochs=3, batch_size=50)
    history = train(whole, FEW, **settings)
    for number in (1, 2):
        with pytest.raises(Interrupted): train(net, FEW, **settings, checkpoint=tmp_path, each=interrupt_at(number))
    assert same(train(net, FEW, **settings, checkpoint=tmp_path), history) and same(net.weights, whole.weights)
    assert same(train(MnistNet(hidden=11), FEW, **settings, checkpoint=tmp_path), history)

def test_a_training_goes_on_after_a_checkpoint_could_not_be_written(tmp_path, monkeypatch):
    whole, net, settings = MnistNet(hidden=11), MnistNet(hidden=11), dict(epochs=3, batch_size=50)
    history, write, calls = train(whole, FEW, **settings), mnist_net.write_arrays, []
    def full_disk(path, **arrays):
        calls.append(path)
        if len(calls) == 2: raise OSError(28, "No space left on device")
        write(path, **arrays)
    monkeypatch.setattr(mnist_net, "write_arrays", full_disk)
    with pytest.raises(OSError, match="No space"): train(net, FEW, **settings, checkpoint=tmp_path)
    assert same(train(net, FEW, **settings, checkpoint=tmp_path), history) and same(net.weights, whole.weights)

@pytest.mark.parametrize("other", [
    dict(epochs=1), dict(batch_size=60), dict(learning_rate=.2), dict(seed=1), dict(loss=softmax_cross_entropy)])
def test_a_checkpoint_of_another_training_is_refused(tmp_path, other):
    settings = dict(epochs=2, batch_size=50, checkpoint=tmp_path)
    train(MnistNet(hidden=11), FEW, **settings)
    net, before = MnistNet(hidden=11), MnistNet(hidden=11).weights
    with pytest.raises(ValueError, match="checkpoint.npz"): train(net, FEW, **settings | other)
    assert same(before, net.weights)
    for start in (dict(hidden=12), dict(hidden=11, seed=1), dict(hidden=11, initial="he")):
        with pytest.raises(ValueError, match="checkpoint.npz"): train(MnistNet(**start), FEW, **settings)
    with pytest.raises(ValueError, match="checkpoint.npz"): train(MnistNet(hidden=11), DIGITS, **settings)
    turned = FEW._replace(train=Split(FEW.train.images, FEW.train.labels[::-1]))
    with pytest.raises(ValueError, match="checkpoint.npz"): train(MnistNet(hidden=11), turned, **settings)

def test_a_damaged_checkpoint_is_refused(tmp_path):
    path, settings = tmp_path / "checkpoint.npz", dict(batch_size=50, checkpoint=tmp_path)
    train(MnistNet(hidden=11), FEW, epochs=1, **settings)
    MnistNet(hidden=11).save(tmp_path / "no history")
    raw = path.read_bytes()
    for damaged in (raw[:-100], raw[:20], b"", (tmp_path / "no history").read_bytes()):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="checkpoint.npz"): train(MnistNet(hidden=11), FEW, epochs=2, **settings)

def test_a_digest_tells_arrays_apart_by_shape_and_type_too():
    arrays = [np.zeros(4, np.float32), np.zeros((2, 2), np.float32), np.zeros(4, np.int32), np.zeros(2, np.float64)]
    assert len({digest(array) for array in arrays} | {digest(arrays[0][:2], arrays[0][2:])}) == 5

# the cache

@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path

def count_trainings(monkeypatch):
    "Count the calls of `evaluate`'s and `train`'s inner graph: one for each epoch trained."
    calls, run = [], mnist_net.epoch
    monkeypatch.setattr(mnist_net, "epoch", lambda *args: calls.append(1) or run(*args))
    return calls

def test_trained_trains_once(cache, monkeypatch):
    calls = count_trainings(monkeypatch)
    first, second = trained(FEW, seed=3, epochs=2), trained(FEW, seed=3, epochs=2)
    assert same(first.weights, second.weights) and len(calls) == 2
    by_hand = MnistNet(seed=3)
    train(by_hand, FEW, seed=3, epochs=2)
    assert same(first.weights, by_hand.weights)

def test_what_decides_the_weights_decides_the_name(cache, monkeypatch):
    changed = FEW._replace(train=Split(FEW.train.images, FEW.train.labels[::-1].copy()))
    names = {kept_at(FEW), kept_at(FEW, seed=1), kept_at(FEW, epochs=2), kept_at(DIGITS), kept_at(changed)}
    assert len(names) == 5 and all(cache in name.parents for name in names) and kept_at(FEW) in names
    assert kept_at(FEW, seed=1, epochs=15) != kept_at(FEW, seed=11, epochs=5)
    monkeypatch.setattr(mnist_net, "shuffled", interrupt_at)
    assert kept_at(FEW) not in names

def test_a_damaged_cache_is_trained_again(cache, monkeypatch):
    calls, whole = count_trainings(monkeypatch), trained(FEW, epochs=1)
    path = kept_at(FEW, epochs=1)
    for damaged in (b"", path.read_bytes()[:1000]):
        path.write_bytes(damaged)
        assert same(trained(FEW, epochs=1).weights, whole.weights)
        assert same(MnistNet.load(path).weights, whole.weights)
    assert len(calls) == 3
