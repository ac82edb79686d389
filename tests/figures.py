"""The figures that compute in the page, as cells of a notebook: by name what makes each, after `SETUP`."""

SETUP = """import numpy as np, tensorflow as tf
from mnist_graph_tutorial.data import load_mnist
from mnist_graph_tutorial.fingerprints import fingerprints
from mnist_graph_tutorial.graph_view import graph_of
from mnist_graph_tutorial.mnist_net import MnistNet
from mnist_graph_tutorial.page_dream import Dream
from mnist_graph_tutorial.page_fingerprint import OwnFingerprint
from mnist_graph_tutorial.page_inverse import InvertYourOwn
from mnist_graph_tutorial.page_network import RingAllReduce, WhenItPays
from mnist_graph_tutorial.page_shift import MovedDigit
from mnist_graph_tutorial.page_training import TrainHere
from mnist_graph_tutorial.scaling_out import ring_turns, step_seconds
data, net, second = load_mnist("digits"), MnistNet(hidden=300, seed=0), MnistNet(hidden=300, seed=1)
a = tf.Variable(2., name="a")
def step(x):
    loss = tf.reduce_sum((a * x - 3) ** 2)
    a.assign_sub(.1 * tf.gradients(loss, a)[0])
    return loss"""

FIGURES = dict(
    steps="graph_of(step, tf.constant([1., 2.])).steps()",
    invert="InvertYourOwn({'two': [[2, 1], [1, 3]], 'ten': np.eye(10) + np.arange(100).reshape(10, 10) % 7})",
    train="TrainHere(data)",
    fingerprint="OwnFingerprint(net, fingerprints(net, data.train).means, data.test)",
    dream="Dream(net, second, data.test)",
    shift="MovedDigit(net, data.test)",
    pay="WhenItPays(step_seconds)",
    ring="RingAllReduce(ring_turns)")

# One control of each, what is done to it, and what the figure says then.
ANSWERS = dict(
    steps=("button", "Another step", "Enter", "After 1 more step"),
    invert=("button", "Step", "Enter", "Step 1 of"),
    train=("button", "One step", "Enter", "Epoch 1: 10 of"),
    fingerprint=("slider", "unit", "End", "The network reads"),
    dream=("button", "Step", "Enter", "Step 1 of a search for a 3"),
    shift=("slider", "sideways", "ArrowRight", "1\u00a0px right"),
    pay=("button", "Look", "Enter", "Fastest with"),
    ring=("slider", "turn", "ArrowRight", "Turn 1 of 6"))

def answered(page, name):
    "The figure of that name, once it is set up, one control was used by keyboard, and it has answered."
    role, control, key, text = ANSWERS[name]
    figure = page.locator(f".mgt-{name}[data-ready]")
    figure.get_by_role(role, name=control, exact=True).press(key)
    figure.get_by_text(text).first.wait_for()
    return figure
