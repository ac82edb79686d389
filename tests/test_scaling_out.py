"Several devices and several processes: the same losses, and a worker that is killed and comes back."
import json, os, re, signal, socket, subprocess, sys, threading, time
from types import SimpleNamespace
import numpy as np
import pytest
from mnist_graph_tutorial import workers as room
from mnist_graph_tutorial.cli import main
from mnist_graph_tutorial.data import load_mnist
from mnist_graph_tutorial.checks import read_arrays
from mnist_graph_tutorial.mnist_net import MnistNet, train
from mnist_graph_tutorial.scaling_out import (
    STRATEGIES, free_addresses, start_worker, step_seconds, strategy_for, train_command, worker_config)
from mnist_graph_tutorial.training import is_chief
from mnist_graph_tutorial.workers import check_places
import tensorflow as tf

EPOCHS, SETTINGS = 60, dict(strategy="multiworker", data="digits", device="cpu")

def start(n, directory, **settings):
    addresses, kept = free_addresses(n), directory and str(directory)
    return [start_worker(addresses, k, **SETTINGS, checkpoint=kept, **settings) for k in range(n)]

def finish(workers):
    try: return [worker.communicate(timeout=300)[0] for worker in workers]
    finally:
        for worker in workers: worker.kill()

def kept(directory): return read_arrays(directory / "checkpoint.npz")

@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    "Two workers that run through."
    directory = tmp_path_factory.mktemp("undisturbed")
    workers = start(2, directory, epochs=EPOCHS, save=str(directory / "net.npz"))
    return directory, finish(workers), [worker.returncode for worker in workers]

def test_two_workers_train_to_the_losses_of_one(undisturbed):
    "To one part in a thousand: float32 sums of half batches are rounded otherwise than those of whole ones."
    directory, printed, codes = undisturbed
    assert codes == [0, 0], printed
    alone = train(MnistNet(), load_mnist("digits"), epochs=5)
    np.testing.assert_allclose(kept(directory)["rows"][:5], np.stack(alone, 1), rtol=1e-3)

def test_the_chief_alone_speaks_and_saves(undisturbed):
    directory, printed, _ = undisturbed
    printed = [re.sub("(?m)^waiting for .*\n", "", text) for text in printed]  # on a busy machine they start far apart
    assert printed[0].count("epoch") == EPOCHS and printed[1] == ""
    net, last = MnistNet.load(directory / "net.npz"), kept(directory)
    assert np.array_equal(net.w1, last["w1"]) and len(last["rows"]) == EPOCHS

def test_a_killed_worker_comes_back_and_nothing_is_lost(undisturbed, tmp_path):
    "The other worker stops with one line; both, started again, end at the very numbers of the undisturbed run."
    workers = start(2, tmp_path, epochs=EPOCHS)
    for line in workers[0].stdout:
        if line.startswith("epoch   3 "): break
    workers[1].send_signal(signal.SIGKILL)
    said = finish(workers)[0]
    assert workers[0].returncode != 0 and "another worker was lost; start all workers again" in said
    reached = len(kept(tmp_path)["rows"])
    assert 3 <= reached < EPOCHS
    again = start(2, tmp_path, epochs=EPOCHS)
    printed = finish(again)
    assert [worker.returncode for worker in again] == [0, 0], printed
    assert printed[0].count("epoch") == EPOCHS - reached
    whole, resumed = kept(undisturbed[0]), kept(tmp_path)
    assert all(np.array_equal(whole[name], resumed[name]) for name in ("w1", "b1", "w2", "b2", "rows"))

@pytest.mark.parametrize("differs", [dict(seed=[0, 7]), dict(epochs=[2, 3]), dict(checkpoint=["a", "b"])])
def test_workers_that_disagree_stop_before_the_first_step(differs, tmp_path):
    if "checkpoint" in differs:
        differs = dict(checkpoint=[tmp_path / name for name in differs["checkpoint"]])
        train(MnistNet(), load_mnist("digits"), epochs=1, checkpoint=tmp_path / "a")
    addresses, (name, values) = free_addresses(2), *differs.items()
    workers = [start_worker(addresses, k, **SETTINGS | dict(epochs=2) | {name: value}) for k, value in enumerate(values)]
    for said in finish(workers): assert "different data, settings or checkpoints" in said and "epoch   1" not in said

MIRRORED = """
import numpy as np
from mnist_graph_tutorial.scaling_out import split_cpu, strategy_for
from mnist_graph_tutorial.device import traces, use_device
use_device("cpu")
strategy = strategy_for("mirrored", 3)
from mnist_graph_tutorial.data import load_mnist
from mnist_graph_tutorial.mnist_net import MnistNet, train
from mnist_graph_tutorial.training import epoch_on
data, before = load_mnist("digits"), MnistNet().weights
net, other = MnistNet(), MnistNet()
try: train(net, data, epochs=1, batch_size=100, strategy=strategy)
except ValueError as e: assert "cannot be shared by 3 devices evenly" in str(e)
else: raise AssertionError("an uneven batch went through")
assert all(np.array_equal(a, b) for a, b in zip(before, net.weights))
settings = dict(epochs=3, batch_size=90)
for one, three in zip(train(other, data, **settings), train(net, data, **settings, strategy=strategy)):
    np.testing.assert_allclose(one, three, rtol=1e-3)
assert traces(epoch_on) == 1
try: split_cpu(2)
except RuntimeError: print("done")
"""

def test_three_logical_devices_train_to_the_losses_of_one():
    done = subprocess.run([sys.executable, "-c", MIRRORED], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stdout.endswith("done\n"), done.stderr

# ended from outside, and together from the start

def test_sigterm_ends_a_worker_that_trains_and_the_other_says_so():
    workers = start(2, None, epochs=100_000)
    for line in workers[0].stdout:
        if line.startswith("epoch   3 "): break
    workers[1].terminate()
    workers[1].wait(timeout=10)
    said = finish(workers)[0]
    assert workers[1].returncode == -signal.SIGTERM and "another worker was lost" in said

MEETING = """
import os, socket, time
from mnist_graph_tutorial import workers
workers._PATIENCE, meet = 5, workers._meet
def met(addresses, own):
    meet(addresses, own)
    if {lost} == 0: return open({marker!r}, "w").close()
    with socket.create_server(addresses[own]):
        while not os.path.exists({marker!r}): time.sleep(.05)  # until the other has met this one, too
    os.kill(os.getpid(), 9)
workers._meet = met
workers.train_command(strategy="multiworker", data="digits", device="cpu", epochs=1, hidden=5)
"""

def test_a_worker_that_is_lost_before_tensorflow_has_started_ends_the_others_too(tmp_path):
    "Two processes that import TensorFlow, and five seconds of waiting."
    addresses, marker = free_addresses(2), str(tmp_path / "met")
    both = [subprocess.Popen([sys.executable, "-c", MEETING.format(lost=lost, marker=marker)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, env=os.environ | dict(TF_CONFIG=worker_config(addresses, lost))) for lost in (0, 1)]
    both[1].wait(timeout=120)
    begun, said = time.monotonic(), finish(both)[0].splitlines()
    assert both[0].returncode == -signal.SIGKILL and time.monotonic() - begun < 60
    assert said[-1] == "mnist-graph-tutorial: another worker was lost while TensorFlow started; start all workers again"

def test_the_clock_stops_with_the_worker_and_hurts_nobody(capfd):
    with room._on_time() as clock: assert os.getpgid(clock.pid) == clock.pid  # Ctrl-C in a terminal ends the worker alone
    assert clock.returncode == 0 and capfd.readouterr().err == ""

WAITING = """
import signal
from mnist_graph_tutorial.workers import _meet
signal.signal(signal.SIGINT, signal.default_int_handler)  # what is begun in the background ignores it
_meet({{0: ('127.0.0.1', {}), 1: ('127.0.0.1', {})}}, 0, patience=.1)
"""

def test_signals_end_a_worker_that_waits_and_it_says_for_whom():
    ports = [address.rpartition(":")[2] for address in free_addresses(4)]
    waiting = {number: subprocess.Popen([sys.executable, "-c", WAITING.format(*pair)], stderr=subprocess.PIPE, text=True)
               for number, pair in {signal.SIGTERM: ports[:2], signal.SIGINT: ports[2:]}.items()}
    for (number, process), missing in zip(waiting.items(), ports[1::2]):
        assert process.stderr.readline() == f"waiting for 1 of 2 workers: no answer from 127.0.0.1:{missing}\n"
        process.send_signal(number)
        assert process.wait(timeout=10) == -number

def test_workers_meet_whenever_they_come(capsys):
    addresses = {k: ("127.0.0.1", int(address.rpartition(":")[2])) for k, address in enumerate(free_addresses(2))}
    early = threading.Thread(target=room._meet, args=(addresses, 0, 0))
    early.start()
    time.sleep(.5)
    assert early.is_alive() and "waiting for 1 of 2 workers" in capsys.readouterr().err
    with socket.create_server(addresses[1]): early.join(timeout=10)
    assert not early.is_alive() and not room._answers(*addresses[0])

def test_a_busy_port_and_the_same_index_twice_are_one_line(monkeypatch, capsys):
    monkeypatch.delenv("MNIST_GRAPH_DATA", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("TF_CONFIG", worker_config([f"127.0.0.1:{port}", "127.0.0.1:9"], 0))
        assert main(["train", "--data", "digits", "--epochs", "1", "--strategy", "multiworker"]) == 1
    told = f"this worker cannot listen at 127.0.0.1:{port}: another program listens there, or another worker with the same index in TF_CONFIG"
    assert capsys.readouterr().err == f"mnist-graph-tutorial: {told}\n"

def test_the_same_index_on_another_machine_is_said(capsys):
    room._listener("192.0.2.1", 0).close()  # an address that no machine has
    assert capsys.readouterr().err.startswith("192.0.2.1 is no address of this machine; where another worker has the same index")

def test_a_port_that_may_not_be_had_and_a_name_that_nobody_has(monkeypatch):
    with pytest.raises(OSError, match="this worker cannot listen at nobody.invalid:80: ") as e: room._listener("nobody.invalid", 80)
    assert "\n" not in str(e.value)

def test_what_tensorflow_says_of_the_same_index_is_put_in_words(monkeypatch):
    def fail(): raise tf.errors.InternalError(None, None, "Barrier failed: task:1 tried to connect with a different incarnation.\nmore")
    monkeypatch.setenv("TF_CONFIG", worker_config(free_addresses(1), 0))
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", fail)
    with pytest.raises(ValueError, match="two workers have the same index in TF_CONFIG"): strategy_for("multiworker")

# what is asked for wrongly

def test_unknown_strategies_are_refused():
    with pytest.raises(ValueError, match="none, mirrored, multiworker"): strategy_for("parameter server")
    with pytest.raises(ValueError, match="devices is 0; it must be a whole number from 1 up"): strategy_for("mirrored", 0)

@pytest.mark.parametrize("config", [None, "", "{", "[]", "{}", '{"cluster": {}}', '{"cluster": []}',
                                    worker_config("127.0.0.1:1", 0), worker_config(["a:1", "b:2"], 2), worker_config(["a", "b"], 0),
                                    '{"cluster": {"worker": ["a:1"]}}', '{"cluster": {"worker": ["a:1"]}, "task": 0}'])
def test_multiworker_needs_addresses(monkeypatch, config):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None: monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ValueError, match="TF_CONFIG"): strategy_for("multiworker")

@pytest.mark.parametrize("settings", [dict(epochs=0), dict(batch_size=10**6), dict(learning_rate=-1), dict(hidden=0), dict(seed=-1),
                                      dict(strategy="both"), dict(data="no such directory")])
def test_the_command_refuses_in_one_line(settings):
    with pytest.raises((ValueError, OSError)) as e: train_command(**dict(data="digits", epochs=1) | settings)
    assert "\n" not in str(e.value)

@pytest.mark.parametrize("wrong", [dict(epochs=0), dict(batch_size=10**6), dict(learning_rate=-1), dict(hidden=0), dict(devices=0),
                                   dict(data="no such directory")])
def test_a_worker_is_refused_before_it_waits_for_the_others(wrong, monkeypatch):
    def waits(): raise AssertionError("waited for the others")
    monkeypatch.setattr("mnist_graph_tutorial.workers._multiworker", waits)
    with pytest.raises((ValueError, OSError)): train_command(**dict(data="digits", epochs=1, strategy="multiworker") | wrong)

def test_a_place_that_cannot_be_saved_to_is_refused_before_training(tmp_path, capsys):
    with pytest.raises(OSError, match="is a directory"): train_command(data="digits", epochs=1, save=tmp_path)
    with pytest.raises(ValueError, match="the checkpoint itself"):
        train_command(data="digits", epochs=1, checkpoint=tmp_path, save=tmp_path / "checkpoint.npz")
    with pytest.raises(ValueError, match="the checkpoint itself"):
        train_command(data="digits", epochs=1, checkpoint=tmp_path / "new", save=tmp_path / "new")
    with pytest.raises(OSError, match="is a directory"): train_command(data="digits", epochs=1, save="")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="a checkpoint needs a directory"): train_command(data="digits", epochs=1, checkpoint=tmp_path / "file")
    assert capsys.readouterr().out == ""

def test_places_that_go_together(tmp_path):
    check_places(None, None)
    check_places(tmp_path / "net.npz", None)
    check_places(None, tmp_path / "kept")
    check_places(tmp_path / "new" / "net.npz", tmp_path / "new")
    assert (tmp_path / "new").is_dir() and not (tmp_path / "kept").exists()

def test_a_network_may_be_called_checkpoint_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train_command(data="digits", epochs=1, hidden=5, save="checkpoint.npz")
    assert MnistNet.load("checkpoint.npz").w1.shape == (784, 5)

def test_the_command_trains_and_saves(tmp_path, capsys):
    history = train_command(data="digits", epochs=2, hidden=20, save=tmp_path / "net.npz")
    assert MnistNet.load(tmp_path / "net.npz").w1.shape == (784, 20)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith(f"epoch   2  cost {history.train_loss[1]:.4f}")

def test_the_command_says_when_nothing_is_left_to_do(tmp_path, capsys):
    settings = dict(data="digits", epochs=1, hidden=20, checkpoint=tmp_path / "kept")
    trained = train_command(**settings)
    capsys.readouterr()
    again = train_command(**settings, save=tmp_path / "net.npz")
    told = capsys.readouterr().out
    assert "is at epoch 1 already" in told and f"test accuracy {trained.test_accuracy[0]:.2%}" in told and told.count("\n") == 1
    assert again.train_loss == trained.train_loss and (tmp_path / "net.npz").is_file()

# who writes, and what it costs

def resolver(task_type, task_id, *jobs):
    spec = SimpleNamespace(jobs=jobs)
    known = SimpleNamespace(task_type=task_type, task_id=task_id, cluster_spec=lambda: spec)
    return SimpleNamespace(cluster_resolver=known)

@pytest.mark.parametrize("number", [0, 1])
def test_of_several_workers_the_first_speaks_and_saves(number, tmp_path, monkeypatch, capsys):
    class Worker(tf.distribute.OneDeviceStrategy): cluster_resolver = resolver("worker", number, "worker").cluster_resolver
    monkeypatch.setattr("mnist_graph_tutorial.workers.strategy_for", lambda *_: Worker("cpu:0"))
    train_command(data="digits", epochs=1, hidden=5, save=tmp_path / "net.npz")
    assert (tmp_path / "net.npz").exists() == ("epoch" in capsys.readouterr().out) == (number == 0)

def test_the_seed_is_that_of_weights_and_batches(tmp_path):
    train_command(data="digits", epochs=1, hidden=5, seed=3, save=tmp_path / "net.npz")
    net = MnistNet(hidden=5, seed=3)
    train(net, load_mnist("digits"), epochs=1, seed=3)
    for saved, own in zip(MnistNet.load(tmp_path / "net.npz").weights, net.weights): assert np.array_equal(saved, own)

def test_one_process_is_the_chief():
    assert is_chief(None) and is_chief(SimpleNamespace()) and is_chief(SimpleNamespace(cluster_resolver=None))
    assert is_chief(resolver("worker", 0, "worker")) and not is_chief(resolver("worker", 1, "worker"))
    assert is_chief(resolver("chief", 0, "chief", "worker")) and not is_chief(resolver("worker", 0, "chief", "worker"))

@pytest.mark.parametrize("task_id, writes", [(0, True), (1, False)])
def test_the_chief_alone_writes_the_checkpoint(task_id, writes, tmp_path):
    class Worker(tf.distribute.OneDeviceStrategy):
        cluster_resolver = resolver("worker", task_id, "worker").cluster_resolver
    train(MnistNet(hidden=5), load_mnist("digits"), epochs=1, checkpoint=tmp_path, strategy=Worker("cpu:0"))
    assert (tmp_path / "checkpoint.npz").exists() == writes

def test_worker_config_is_what_tensorflow_reads():
    config = json.loads(worker_config(["a:1", "b:2"], 1))
    assert config == {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}

def test_step_seconds_adds_up():
    alone = step_seconds(1, 100)
    assert np.isclose(alone, 100 * 958_800 / 1e11)
    assert np.isclose(step_seconds(4, 100), alone / 4 + 1.5 * 4 * 238_511 / 1.25e9 + 6 * 50e-6)
    assert np.isclose(step_seconds(4, 100, latency=0, bandwidth=np.inf), alone / 4)

def test_free_addresses_differ():
    assert len(set(free_addresses(5))) == 5 and set(STRATEGIES) == {"none", "mirrored", "multiworker"}
