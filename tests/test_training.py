"Training: what it refuses, its orders and its history, and that it can be interrupted."
import functools, multiprocessing, os, random, signal, time
import numpy as np
import pytest
from mnist_graph_tutorial import training
from mnist_graph_tutorial.checks import digest, read_arrays
from mnist_graph_tutorial.cli import main
from mnist_graph_tutorial.data import Split, load_mnist
from mnist_graph_tutorial.execution import environment, warm_up
from mnist_graph_tutorial.mnist_net import MnistNet, evaluate, softmax_cross_entropy, train
from mnist_graph_tutorial.sessions import train_in_session
from mnist_graph_tutorial.training import History, guessing, shuffled
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

# collapsed

GUESS = np.bincount(FEW.test.labels).max() / len(FEW.test.labels)
CLIPPED, UNCLIPPED = lambda *_: 3.25, lambda *_: 2.3

def ended(*costs, accuracy=GUESS): return History(np.array(costs), None, np.full(len(costs), accuracy))

@pytest.mark.parametrize("costs, loss", [((31.2, 35., 35.1), CLIPPED), ((32.2, 34.59, 34.59), CLIPPED), ((30.8, 35.25, 35.13), CLIPPED), ((33.,), CLIPPED),
                                         ((4.37, 3.21, 3.26), CLIPPED), ((4.84, 2.305, 2.308), UNCLIPPED), ((1122., 2.64, 2.82), UNCLIPPED)])
def test_a_training_that_only_guesses_is_told(costs, loss):
    said = guessing(ended(*costs), FEW, 2., loss)
    assert f"its cost stays at {costs[-1]:.4g}" in said and "chapter 3" in said and "below 2.0" in said and "\n" not in said
    assert guessing(ended(*costs, accuracy=GUESS + .01), FEW, 2., loss) == ""

@pytest.mark.parametrize("costs, loss", [((3.7,), CLIPPED), ((3.7, 3.54, 3.52), CLIPPED), ((3.717, 3.718, 3.716), CLIPPED), ((2.7, 2.67, 2.65), UNCLIPPED),
                                         ((2.7, 2.0, 2.0), UNCLIPPED)])
def test_a_training_that_is_slow_is_not_told_to_guess(costs, loss): assert guessing(ended(*costs), FEW, 2., loss) == ""

def test_what_a_guess_among_three_classes_costs_is_told_apart():
    three = FEW._replace(test=Split(FEW.test.images[:9], np.arange(9, dtype=np.int32) % 3), classes=tuple("abc"))
    assert "its cost stays at 1.1" in guessing(ended(1.5, 1.1, 1.1, accuracy=1 / 3), three, 2., softmax_cross_entropy)

@pytest.mark.parametrize("rate, guesses", [(2., True), (.1, False), (1e-6, False)])
def test_the_command_fails_where_the_network_only_guesses_and_keeps_it(rate, guesses, tmp_path, capsys):
    words = ["train", "--data", "digits", "--epochs", "3", "--learning-rate", str(rate), "--save", str(tmp_path / "net.npz")]
    assert main(words) == guesses and (tmp_path / "net.npz").is_file()
    said = capsys.readouterr()
    assert said.out.count("epoch") == 3 and said.err.startswith("mnist-graph-tutorial: the network only guesses: its cost stays at 3") == guesses
    assert said.err.count("\n") == guesses

def test_whether_a_network_guesses_is_found_out_once(monkeypatch):
    asked, true = [], training.guessing
    monkeypatch.setattr(training, "guessing", lambda *seen: asked.append(seen) or true(*seen))
    assert main(["train", "--data", "digits", "--epochs", "1", "--hidden", "5"]) == 0 and len(asked) == 1
    assert History(1, 2, 3).said == "" and len(History(1, 2, 3)) == 3

def test_a_notebook_says_that_a_network_only_guesses(monkeypatch):
    done = []
    monkeypatch.setattr(training.Progress, "done", lambda bar, sentence: done.append(sentence))
    train(MnistNet(), FEW, epochs=2, learning_rate=20.)
    assert "; the network only guesses: " in done[0] and done[0].endswith("below 20.0.")
    train(MnistNet(hidden=20), FEW, epochs=2)
    assert done[1].startswith("Epoch 2 had a mean cost of 3.") and "guesses" not in done[1]

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

TRAINING = """
from mnist_graph_tutorial.data import Split, load_mnist
from mnist_graph_tutorial.mnist_net import MnistNet, train
digits = load_mnist("digits")
few = digits._replace(train=Split(*(part[:300] for part in digits.train)))
train(MnistNet(hidden=11), few, epochs=400, batch_size=50, checkpoint=directory)
"""

def begin(directory):
    "A process that trains, forked from one that has imported TensorFlow already: twenty of them are to be started."
    process = multiprocessing.get_context("forkserver").Process(target=exec, args=(TRAINING, dict(directory=str(directory))))
    process.start()
    return process

def test_a_training_survives_twenty_kills_to_the_last_bit(tmp_path):
    "At random moments: before the first epoch, between two, while a checkpoint is written. Real processes: half a minute."
    warm_up(environment("digits", "cpu"))
    kept, moments = tmp_path / "checkpoint.npz", random.Random(0)
    for number in range(20):
        before, process = kept.stat().st_mtime_ns if kept.exists() else 0, begin(tmp_path)
        def moved(): return kept.exists() and kept.stat().st_mtime_ns != before
        while number % 5 and not moved() and process.is_alive(): time.sleep(.001)  # one in five is hit wherever it is
        time.sleep(moments.uniform(0, .05 if number % 5 else 1))
        assert process.is_alive()
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    assert 16 <= len(read_arrays(kept)["rows"]) < 400
    last = begin(tmp_path)
    whole = MnistNet(hidden=11)
    history = train(whole, FEW, epochs=400, batch_size=50)
    last.join()
    assert last.exitcode == 0
    arrays = read_arrays(kept)
    assert same(arrays["rows"], np.stack(history, 1)) and same([arrays[name] for name in ("w1", "b1", "w2", "b2")], whole.weights)

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

def test_a_checkpoint_of_other_classes_says_how_many_they_are(tmp_path):
    three = FEW._replace(train=Split(FEW.train.images, FEW.train.labels % 3), test=Split(FEW.test.images, FEW.test.labels % 3), classes=tuple("abc"))
    train(MnistNet(hidden=5, classes="abc"), three, epochs=1, batch_size=50, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="checkpoint.npz: holds a network of 3 classes, not of 10; take another directory, or the images"):
        train(MnistNet(hidden=5), FEW, epochs=2, batch_size=50, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"holds a network of 3 classes, not of 10; name its own, as in MnistNet.load\(path, data.classes\)"):
        MnistNet.load(tmp_path / "checkpoint.npz")
    assert MnistNet.load(tmp_path / "checkpoint.npz", three.classes).w2.shape == (5, 3)

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
