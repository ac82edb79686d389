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
