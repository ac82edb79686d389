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
    assert answer.stderr.strip().splitlines()[-1] == "RuntimeError: no GPU is visible to TensorFlow; use --device cpu"

def pretend_gpus(monkeypatch, set_growth):
    monkeypatch.setattr(device.tf.config, "get_visible_devices", lambda kind: ["GPU 0", "GPU 1"])
    monkeypatch.setattr(device.tf.config, "set_visible_devices", lambda devices, kind: None)
    monkeypatch.setattr(device.tf.config.experimental, "set_memory_growth", set_growth)

def test_the_memory_of_gpus_grows_where_they_are_used(monkeypatch):
    told = []
    pretend_gpus(monkeypatch, lambda gpu, grows: told.append((gpu, grows)))
    assert device.use_device("cpu") == "cpu" and told == []
    assert device.use_device("gpu") == "gpu" and told == [("GPU 0", True), ("GPU 1", True)]

def test_a_gpu_whose_memory_is_taken_already_is_used_as_it_is(monkeypatch):
    def too_late(gpu, grows): raise RuntimeError("Physical devices cannot be modified after being initialized")
    pretend_gpus(monkeypatch, too_late)
    assert device.use_device("auto") == "gpu"

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
