"Training: what it refuses, its orders and its history, and that it can be interrupted."
import functools
import numpy as np
import pytest
from mnist_graph_tutorial import training
from mnist_graph_tutorial.checks import digest, read_arrays
from mnist_graph_tutorial.data import Split, load_mnist
from mnist_graph_tutorial.mnist_net import MnistNet, evaluate, softmax_cross_entropy, train
from mnist_graph_tutorial.sessions import train_in_session
from mnist_graph_tutorial.training import shuffled
import tensorflow as tf

DIGITS = load_mnist("digits")
FEW = DIGITS._replace(train=Split(*(part[:300] for part in DIGITS.train)))

def same(a, b): return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))

def test_orders_are_permutations_of_their_own():
    orders = {(seed, k): tuple(shuffled(100, seed, k)) for seed in range(3) for k in range(3)}
    assert all(sorted(order) == list(range(100)) for order in orders.values()) and len(set(orders.values())) == 9

def test_session_and_compiled_graph_agree():
    a, b = MnistNet(hidden=50), MnistNet(hidden=50)
    for one, other in zip(train(a, DIGITS, epochs=2), train_in_session(b, DIGITS, epochs=2)):
        np.testing.assert_allclose(one, other, rtol=1e-4)
    for one, other in zip(a.weights, b.weights): np.testing.assert_allclose(one, other, atol=1e-4)

def test_each_sees_every_epoch_and_copies_stay():
    net, seen, copies = MnistNet(hidden=11), [], []
    def each(k, row):
        seen.append((k, row))
        copies.append(net.weights)
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

def test_a_training_that_diverges_says_so_and_keeps_the_last_weights(tmp_path):
    net = MnistNet(initial="he")
    before = net.weights
    with pytest.raises(ValueError, match="epoch 1 diverged"):
        train(net, FEW, epochs=3, learning_rate=1e30, checkpoint=tmp_path)
    assert same(before, net.weights) and not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="epoch 1 diverged"): train_in_session(net, FEW, epochs=3, learning_rate=1e30)
    assert same(before, net.weights)

def minus_squares(logits, labels):
    "A loss whose descent makes the logits grow for ever."
    return -tf.reduce_mean(tf.reduce_sum(logits ** 2, axis=1))

@pytest.mark.parametrize("how", [train, train_in_session])
def test_where_a_later_epoch_diverges_the_network_keeps_the_last_good_one(how):
    settings = dict(batch_size=50, learning_rate=.001, loss=minus_squares)
    net, good = (MnistNet(hidden=5, initial="he") for _ in range(2))
    with pytest.raises(ValueError, match="epoch [0-9]+ diverged") as e: how(net, FEW, epochs=20, **settings)
    number = int(str(e.value).split()[1])
    assert 1 < number < 20 and all(np.isfinite(w).all() for w in net.weights)
    how(good, FEW, epochs=number - 1, **settings)
    assert same(net.weights, good.weights)

def test_a_loss_without_a_name_will_do():
    loss = functools.partial(softmax_cross_entropy)
    assert len(train(MnistNet(hidden=5), FEW, epochs=1, loss=loss).train_loss) == 1

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
    history, write, calls = train(whole, FEW, **settings), training.write_arrays, []
    def full_disk(path, **arrays):
        calls.append(path)
        if len(calls) == 2: raise OSError(28, "No space left on device")
        write(path, **arrays)
    monkeypatch.setattr(training, "write_arrays", full_disk)
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

def test_workers_that_disagree_leave_the_network_as_it_was(tmp_path, monkeypatch):
    settings = dict(batch_size=50, checkpoint=tmp_path, strategy=tf.distribute.OneDeviceStrategy("cpu:0"))
    train(MnistNet(hidden=5), FEW, epochs=1, **settings)
    def disagree(strategy, plan): raise ValueError(plan)
    monkeypatch.setattr(training, "_check_agreement", disagree)
    net, before = MnistNet(hidden=5), MnistNet(hidden=5).weights
    with pytest.raises(ValueError, match="2 epochs, 1 of them done") as e: train(net, FEW, epochs=2, **settings)
    assert same(before, net.weights) and digest(*read_arrays_in_order(tmp_path)) in str(e.value)

def read_arrays_in_order(directory):
    "The weights that a checkpoint holds."
    arrays = read_arrays(directory / "checkpoint.npz")
    return [arrays[name] for name in ("w1", "b1", "w2", "b2")]

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
