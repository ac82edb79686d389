"""Choosing a device, in processes of their own: TensorFlow settles its devices once."""
import os, subprocess, sys
import pytest
from mnist_graph_tutorial import device

def run(code, **env):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | env)

def test_cpu_is_taken_where_asked_for_and_nothing_is_said():
    answer = run("from mnist_graph_tutorial.device import *; print(use_device())", MNIST_GRAPH_DEVICE="cpu")
    assert (answer.stdout, answer.stderr) == ("cpu\n", "")

def test_gpu_where_there_is_none_is_one_clear_line():
    answer = run("from mnist_graph_tutorial.device import *; use_device('gpu')", CUDA_VISIBLE_DEVICES="-1")
    assert answer.stderr.strip().splitlines()[-1].startswith("RuntimeError: no GPU is visible to TensorFlow; use --device cpu")

def test_why_there_is_no_gpu_is_what_tensorflow_says(monkeypatch):
    said = """I0000 00:00:1.5  7 port.cc:153] oneDNN custom operations are on.
I0000 00:00:1.5  7 cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU will not be used.
W0000 00:00:1.6  7 gpu_device.cc:2344] Cannot dlopen some GPU libraries.
Skipping registering GPU devices...
I0000 00:00:1.7  7 cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU will not be used.
"""
    asked = []
    def answer(words, env, **pipes):
        asked.append(env["TF_CPP_MIN_LOG_LEVEL"])
        return subprocess.CompletedProcess(words, 0, "", said)
    monkeypatch.setattr(device.tf.config, "get_visible_devices", lambda kind: [])
    monkeypatch.setattr(device.subprocess, "run", answer)
    with pytest.raises(RuntimeError) as error: device.use_device("gpu")
    assert str(error.value) == ("no GPU is visible to TensorFlow; use --device cpu. TensorFlow says: Could not find cuda drivers on your machine, "
                                "GPU will not be used. Cannot dlopen some GPU libraries.") and asked == ["0"]
    said = ""
    with pytest.raises(RuntimeError, match="use --device cpu$"): device.use_device("gpu")

PRETEND = """
import tensorflow as tf
told = []
def grow(gpu, grows):
    told.append((gpu, grows))
    if gpu == "late": raise RuntimeError("Physical devices cannot be modified after being initialized")
    if gpu == "cut": raise ValueError("Cannot set memory growth on device when virtual devices configured")
tf.config.list_physical_devices = lambda kind=None: ["GPU 0", "late", "cut", "GPU 1"] if kind == "GPU" else []
tf.config.experimental.set_memory_growth = grow
import mnist_graph_tutorial.device
print(told)
"""

def test_the_memory_of_every_gpu_grows_as_soon_as_the_book_is_imported_where_it_still_can():
    done = run(PRETEND)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{[(name, True) for name in ('GPU 0', 'late', 'cut', 'GPU 1')]}\n"

GROWING = """
from mnist_graph_tutorial.device import tf, use_device
use_device("gpu")
tf.constant(1.)
use_device("gpu")
print(all(map(tf.config.experimental.get_memory_growth, tf.config.list_physical_devices("GPU"))))
"""

def test_the_memory_of_a_real_gpu_grows():
    import tensorflow as tf
    if not tf.config.list_physical_devices("GPU"): pytest.skip("no GPU on this machine")
    assert run(GROWING).stdout == "True\n"

def test_the_same_graph_on_the_gpu():
    import tensorflow as tf
    if not tf.config.list_physical_devices("GPU"): pytest.skip("no GPU on this machine")
    from mnist_graph_tutorial.device import compiled
    assert "GPU" in compiled(lambda a: a + 1)(tf.constant(1.)).device

@pytest.mark.parametrize("script, version", [("echo 580.95.05; echo 580.95.05", "580.95.05"), ("exit 9", "unknown")])
def test_the_driver_is_what_nvidia_smi_says(script, version, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert device.gpu_driver() == "unknown"
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert device.gpu_driver() == version

def test_the_machine_is_described_in_one_line():
    said = device.describe_device()
    assert "\n" not in said and "TensorFlow 2." in said and ("cores" in said or "driver" in said)
