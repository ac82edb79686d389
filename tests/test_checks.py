"""Arguments that make no sense, and files that are never half written."""
import math, os, signal, stat, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
import numpy as np
import pytest
from mnist_graph_tutorial.checks import (check_place, digest, needs_eager, not_negative, one_of, positive, put, read_arrays, stderr_to,
                                         whole, write_arrays, write_by_rename)

ROOT = Path(__file__).parent.parent

@pytest.mark.parametrize("value", [1, 7, np.int64(3), np.uint8(2)])
def test_whole_numbers_pass(value): whole(epochs=value)

@pytest.mark.parametrize("value", [0, -1, 1.0, True, "3", None, math.nan, np.float32(2), Decimal(2), [1]])
def test_other_values_are_no_whole_numbers(value):
    with pytest.raises(ValueError, match="^epochs is .*; it must be a whole number from 1 up$"): whole(epochs=value)

def test_whole_numbers_from_another_one_on():
    whole(0, seed=0)
    with pytest.raises(ValueError, match="^seed is -1; it must be a whole number from 0 up$"): whole(0, seed=-1)

@pytest.mark.parametrize("value", [1e-300, 3, np.float32(.5)])
def test_positive_numbers_pass(value): positive(rate=value)

@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan, True, "1", None, 1j])
def test_other_values_are_not_positive(value):
    with pytest.raises(ValueError, match="^rate is .*; it must be positive and finite$"): positive(rate=value)

@pytest.mark.parametrize("value", [-1e-9, math.inf, math.nan, "0", None])
def test_negative_values_are_refused(value):
    not_negative(l1=0, l2=0.25)
    with pytest.raises(ValueError, match="^l1 is .*; it must be zero or more, and finite$"): not_negative(l1=value)

def test_the_wrong_one_of_several_is_named():
    with pytest.raises(ValueError, match="^batch_size is 0"): whole(epochs=3, batch_size=0)
    with pytest.raises(ValueError, match="^initial 'xavier' is not one of post, he$"): one_of(("post", "he"), initial="xavier")
    one_of({"post": 1}, initial="post")

def test_a_digest_tells_arrays_apart_by_shape_and_type_too():
    arrays = np.zeros(4, np.float32), np.zeros(4, np.int32), np.zeros((2, 2), np.float32), np.zeros(8, np.float32)
    assert len({digest(array) for array in arrays} | {digest(arrays[0][:2], arrays[0][2:])}) == 5
    assert digest(b"bytes") == digest(b"bytes") != digest(b"other")

def test_a_place_is_made_or_refused(tmp_path):
    assert check_place(tmp_path / "new" / "a.npz") == (tmp_path / "new" / "a.npz").resolve()
    assert (tmp_path / "new").is_dir()
    with pytest.raises(IsADirectoryError, match="name of a file"): check_place(tmp_path)
    with pytest.raises(OSError, match="device"): check_place("/dev/null")

def test_arrays_come_back_as_they_were(tmp_path):
    write_arrays(tmp_path / "deep" / "a.npz", a=np.arange(3), b="words")
    kept = read_arrays(tmp_path / "deep" / "a.npz")
    assert kept["a"].tolist() == [0, 1, 2] and str(kept["b"]) == "words"
    assert os.listdir(tmp_path / "deep") == ["a.npz"]

@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive", bytes(range(99))])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match="a.npz: not a NumPy archive"): read_arrays(tmp_path / "a.npz")

def test_pickled_objects_are_not_read(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.array([{}], object))
    with pytest.raises(ValueError, match="not a NumPy archive"): read_arrays(tmp_path / "a.npz")

@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, error):
    def half(file):
        file.write(b"half")
        raise error
    put(tmp_path / "a.txt", "old")
    with pytest.raises(type(error)): write_by_rename(tmp_path / "a.txt", half)
    assert os.listdir(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"

def test_text_is_written_in_utf_8_through_a_link(tmp_path):
    put(tmp_path / "real.txt", "old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    put(tmp_path / "link.txt", "größer\n")
    assert (tmp_path / "link.txt").is_symlink() and (tmp_path / "real.txt").read_bytes() == "größer\n".encode()
    assert stat.S_ISREG((tmp_path / "real.txt").stat().st_mode)

# TensorFlow as in 2018

AS_IN_2018 = """
import sys
import numpy as np
import tensorflow as tf
from mnist_graph_tutorial.checks import needs_eager
from mnist_graph_tutorial.data import load_mnist
from mnist_graph_tutorial.digit_pad import DigitPad
from mnist_graph_tutorial.fingerprints import contributions, draw_decision, fingerprints
from mnist_graph_tutorial.graph_basics import graph_of
from mnist_graph_tutorial.ideal_images import ideal_images, mean_images
from mnist_graph_tutorial.inverting import learn_inverse_in_session
from mnist_graph_tutorial.matrix_inverse import learn_inverse, newton_schulz
from mnist_graph_tutorial.mnist_net import MnistNet, activity, confusion, evaluate, train
from mnist_graph_tutorial.sessions import ideal_images_in_session, train_in_session
data, A = load_mnist("digits"), [[2., 1.], [1., 3.]]
net, image = MnistNet(hidden=5), data.test.images[0]
prints = fingerprints(net, data.test)
tf.function(needs_eager)()
{switch}
calls = dict(
    MnistNet=lambda: MnistNet(), train=lambda: train(net, data, epochs=1), evaluate=lambda: evaluate(net, data.test),
    confusion=lambda: confusion(net, data.test), activity=lambda: activity(net, data.test.images), save=lambda: net.save("never.npz"),
    fingerprints=lambda: fingerprints(net, data.test), contributions=lambda: contributions(net, image[None]),
    classify=lambda: prints.classify(image[None]), draw_decision=lambda: draw_decision(prints, image),
    ideal_images=lambda: ideal_images(net, steps=1), of_a_function=lambda: ideal_images(lambda x: x[:, :10], steps=1),
    learn_inverse=lambda: learn_inverse(A, steps=1), newton_schulz=lambda: newton_schulz(A), DigitPad=lambda: DigitPad(net, data.test),
    steps=lambda: graph_of(lambda a: a * a, 3.).steps(), train_in_session=lambda: train_in_session(net, data, epochs=1),
    ideal_images_in_session=lambda: ideal_images_in_session(net, steps=1))
for name, call in calls.items():
    try: call()
    except RuntimeError as e: print("refused" if str(e).startswith("TensorFlow only builds a graph here")
                                    and str(e).endswith("start Python again") and "\\n" not in str(e) else e)
    except Exception as e: print(name, repr(e))
    else: print(name, "ran")
learn_inverse_in_session(A, steps=1), graph_of(lambda a: a * a, 3.), mean_images(load_mnist("digits").test)  # compute as they did then, or not
print(len(calls))
"""

@pytest.mark.parametrize("switch", ["tf.compat.v1.disable_v2_behavior()", "tf.compat.v1.disable_eager_execution()"])
def test_where_tensorflow_only_builds_graphs_every_function_that_computes_says_so(switch, tmp_path):
    env = os.environ | dict(PYTHONPATH=str(ROOT), MPLBACKEND="agg", CUDA_VISIBLE_DEVICES="-1")
    done = subprocess.run([sys.executable, "-c", AS_IN_2018.format(switch=switch)], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *said, count = done.stdout.split("\n")[:-1]
    assert [line for line in said if line != "refused"] == [] and len(said) == int(count) == 18
    assert not list(tmp_path.iterdir())

def test_an_own_graph_is_told_as_well():
    import tensorflow as tf
    needs_eager()
    def said():
        with pytest.raises(RuntimeError) as refused: needs_eager()
        return str(refused.value)
    first = "TensorFlow only builds a graph here, as in 2018: first leave the `with` block of tf.Graph().as_default(), or of a session"
    with tf.Graph().as_default(): assert said() == first
    with tf.compat.v1.Session(graph=tf.Graph()): assert said() == first
    needs_eager()

# Silence

TALK = """
import os
from mnist_graph_tutorial.checks import silent_stderr
with silent_stderr():
    os.write(2, b"a processor without AVX")
    {then}
os.write(2, b"heard")
"""

@pytest.mark.parametrize("then, status, says", [
    ("pass", 0, ["heard"]), ("raise ImportError('no')", 1, ["a processor without AVX", "ImportError: no"]),
    ("os.abort()", -signal.SIGABRT, ["a processor without AVX"]), ("os.kill(os.getpid(), 9)", -signal.SIGKILL, ["a processor without AVX"]),
    ("os._exit(3)", 3, ["a processor without AVX"])], ids=["well", "fails", "aborts", "killed", "ends"])
def test_what_was_kept_back_is_said_where_the_process_fails_or_dies_and_only_there(then, status, says):
    done = subprocess.run([sys.executable, "-c", TALK.format(then=then)], env=os.environ | dict(PYTHONPATH=str(ROOT)), capture_output=True, text=True)
    assert done.returncode == status and [word for word in says if word not in done.stderr] == []
    assert ("AVX" in done.stderr) == ("a processor without AVX" in says) and (says != ["heard"] or done.stderr == "heard")

def test_standard_error_is_where_it_was_after_several_threads_have_sent_it_elsewhere(tmp_path):
    def talk(k):
        with open(tmp_path / str(k), "wb") as file, stderr_to(file):
            time.sleep(.01)
            os.write(2, b"%d" % k)
    before = os.fstat(2)
    with ThreadPoolExecutor(8) as pool: list(pool.map(talk, range(16)))
    assert (os.fstat(2).st_dev, os.fstat(2).st_ino) == (before.st_dev, before.st_ino)
    assert [(tmp_path / str(k)).read_text() for k in range(16)] == [str(k) for k in range(16)]
