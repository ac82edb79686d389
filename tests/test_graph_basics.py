"""The loop of steps that chapter 1 exports."""
import numpy as np, pytest
from mnist_graph_tutorial.device import compiled, traces
from mnist_graph_tutorial.graph_basics import graph_of, repeat
import tensorflow as tf

X, T = tf.constant([-1., 1.]), tf.constant([-3., 3.])

@pytest.fixture
def a(): return tf.Variable(2., name="a")

@pytest.fixture
def step(a):
    def step(x, t):
        with tf.GradientTape() as tape: loss = tf.reduce_mean(tf.square(a * x - t))
        a.assign_sub(0.25 * tape.gradient(loss, a))
        return loss
    return step

@pytest.mark.parametrize("made", [lambda fn: fn, tf.function, compiled], ids=["eager", "graph", "compiled"])
def test_repeat_does_what_a_python_loop_does(a, step, made):
    loss = made(lambda x, t: repeat(step, 5, x, t))(X, T)
    assert a.numpy() == 3 - 1 / 32 and loss.numpy() == 1 / 256
    a.assign(2.)
    for _ in range(5): last = step(X, T)
    assert a.numpy() == 3 - 1 / 32 and last.numpy() == 1 / 256

def test_repeat_of_nothing_changes_nothing(a, step):
    assert repeat(step, 0, X, T).numpy() == 0 and a.numpy() == 2

def test_how_often_may_be_a_tensor_so_that_one_trace_serves_all(a, step):
    run = compiled(lambda times: repeat(step, times, X, T))
    for times, left in ((1, 1 / 2), (3, 1 / 16)): assert run(tf.constant(times)).numpy() >= 0 and a.numpy() == 3 - left
    assert traces(run) == 1

def test_a_repeated_step_without_inputs(a):
    def half():
        a.assign(a / 2)
        return tf.square(a)
    assert repeat(half, 3).numpy() == 1 / 16 and a.numpy() == 1 / 4

def test_what_is_repeated_is_one_box(step):
    view = graph_of(lambda x, t: repeat(step, 1000, x, t), X, T)
    assert [node.label for node in view.nodes if node.kind == "box"] == ["while loop"]
    assert np.isclose(float(view.steps().captions[-1][1].split()[-1]), 0, atol=1e-6)
