"The trained network: trained once, kept under a name that says what decides the weights."
import numpy as np
import pytest
from mnist_graph_tutorial import mnist_net, pretrained
from mnist_graph_tutorial.data import Split, load_mnist
from mnist_graph_tutorial.mnist_net import MnistNet, train
from mnist_graph_tutorial.pretrained import kept_at, trained

DIGITS = load_mnist("digits")
FEW = DIGITS._replace(train=Split(*(part[:300] for part in DIGITS.train)))

def same(a, b): return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))

def test_the_trained_network_is_handed_out_where_it_cannot_be_kept(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert isinstance(trained(FEW, epochs=1), MnistNet)

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
    source = pretrained.inspect.getsource
    for old, new in (("1e-10", "1e-9"), ("permutation", "choice"), ("0.03", "0.04"), ("jit_compile=True", "jit_compile=False")):
        with monkeypatch.context() as changed:
            changed.setattr(pretrained.inspect, "getsource", lambda room: source(room).replace(old, new))
            names.add(kept_at(FEW))
    for machine in ("another GPU", "another CPU"):
        monkeypatch.setattr(pretrained.device, "describe_device", lambda: machine)
        names.add(kept_at(FEW))
    assert len(names) == 11

def test_a_damaged_cache_is_trained_again(cache, monkeypatch):
    calls, whole = count_trainings(monkeypatch), trained(FEW, epochs=1)
    path = kept_at(FEW, epochs=1)
    for damaged in (b"", path.read_bytes()[:1000]):
        path.write_bytes(damaged)
        assert same(trained(FEW, epochs=1).weights, whole.weights)
        assert same(MnistNet.load(path).weights, whole.weights)
    assert len(calls) == 3
