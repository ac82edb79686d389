"""Choosing a device, in processes of their own: TensorFlow settles its devices once."""
import os, subprocess, sys
import pytest

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
