"""A network of Keras where one of the book's is wanted: two dense layers are read, anything else is refused in a line."""
import numpy as np
import pytest
from mnist_graph_tutorial.data import load_mnist
from mnist_graph_tutorial.digit_pad import DigitPad
from mnist_graph_tutorial.fingerprints import contributions, fingerprints
from mnist_graph_tutorial.ideal_images import ideal_images
from mnist_graph_tutorial.keras_net import two_layers
from mnist_graph_tutorial.mnist_net import MnistNet, activity, as_network, confusion, evaluate, train
import tensorflow as tf
from tensorflow import keras

DIGITS = load_mnist("digits")
IMAGES = DIGITS.test.images[:40]
dense, layers = keras.layers.Dense, keras.layers

def sequential(*parts, shape=(784,)):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input(shape), *parts])

def functional():
    x = keras.Input((28, 28, 1))
    h = layers.Dropout(.5)(dense(15, activation=tf.nn.relu)(layers.Flatten()(x)))
    return keras.Model(x, dense(10, activation=tf.nn.softmax)(h))

FIT = {
    "plain": lambda: sequential(dense(15, "relu"), dense(10)),
    "layers of their own": lambda: sequential(layers.Flatten(), dense(15), layers.ReLU(), dense(10), shape=(28, 28)),
    "without biases": lambda: sequential(dense(15, use_bias=False), layers.Activation("relu"), dense(10, use_bias=False)),
    "softmax": lambda: sequential(dense(15, "relu"), dense(10, "softmax")),
    "a softmax layer": lambda: sequential(dense(15, "relu"), dense(10), layers.Softmax()),
    "functional": functional,
}

@pytest.mark.parametrize("name", FIT)
def test_two_dense_layers_are_read_and_a_last_softmax_is_left_off_and_said(name, capsys):
    theirs = FIT[name]()
    ours = as_network(theirs)
    said, ends = capsys.readouterr().out, "softmax" in name or name == "functional"
    assert said == ("The network ends in softmax, which is left off: the book wants the logits.\n" if ends else "")
    wanted = theirs(IMAGES.reshape(-1, *theirs.input_shape[1:])).numpy()
    found = ours(IMAGES).numpy()
    np.testing.assert_allclose(tf.nn.softmax(found) if ends else found, wanted, atol=1e-5)

def test_every_function_that_wants_a_network_takes_one_of_keras():
    theirs = FIT["plain"]()
    ours = MnistNet.of(as_network(theirs).weights)
    assert evaluate(theirs, DIGITS.test) == evaluate(ours, DIGITS.test)
    np.testing.assert_array_equal(fingerprints(theirs, DIGITS.test).means, fingerprints(ours, DIGITS.test).means)
    np.testing.assert_array_equal(contributions(theirs, IMAGES), contributions(ours, IMAGES))
    np.testing.assert_array_equal(confusion(theirs, DIGITS.test), confusion(ours, DIGITS.test))
    np.testing.assert_array_equal(activity(theirs, IMAGES), activity(ours, IMAGES))
    np.testing.assert_array_equal(ideal_images(theirs, steps=3).images, ideal_images(ours, steps=3).images)
    pad, own = DigitPad(theirs, DIGITS.test), DigitPad(ours, DIGITS.test)
    np.testing.assert_allclose(pad.net(IMAGES), own.net(IMAGES), atol=1e-5)
    assert repr(pad) == "DigitPad of 784-15-10" and "mgt-pad" in pad._repr_html_()

def test_the_network_of_keras_is_copied():
    theirs = FIT["plain"]()
    before = theirs.get_weights()
    ours = as_network(theirs)
    train(ours, DIGITS, epochs=1, batch_size=300)
    for kept, now in zip(before, theirs.get_weights()): np.testing.assert_array_equal(kept, now)

class Written(keras.Model):
    def __init__(self):
        super().__init__()
        self.one, self.two = dense(15, "relu"), dense(10)
    def call(self, x): return self.two(self.one(x / 255))

REFUSED = {
    "deep": (lambda: sequential(dense(15, "relu"), dense(15, "relu"), dense(10)), "this one has dense 784 to 15, relu, dense 15 to 15, relu, dense 15 to 10"),
    "tanh": (lambda: sequential(dense(15, "tanh"), dense(10)), "this one has dense 784 to 15, tanh, dense 15 to 10"),
    "leaky": (lambda: sequential(dense(15), layers.ReLU(negative_slope=.1), dense(10)), "another relu"),
    "scaled": (lambda: sequential(layers.Rescaling(1 / 255), dense(15, "relu"), dense(10)), "this one has rescaling"),
    "convolution": (lambda: sequential(layers.Conv2D(2, 3), layers.Flatten(), dense(10), shape=(28, 28, 1)), "conv2d"),
    "twelve classes": (lambda: sequential(dense(15, "relu"), dense(12)), "dense 15 to 12"),
    "small pictures": (lambda: sequential(dense(15, "relu"), dense(10), shape=(64,)), "dense 64 to 15"),
    "one layer": (lambda: sequential(dense(10)), "this one has dense 784 to 10"),
    "no layer": (lambda: keras.Sequential(), "no layers"),
    "not built": (lambda: keras.Sequential([dense(15, "relu"), dense(10)]), "no weights yet"),
    "a call of its own": (Written, "Written has a call of its own"),
    "a word": (lambda: "net", "this is of type str"),
    "nothing": (lambda: None, "this is of type NoneType"),
}

@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_such_network_is_refused_in_one_line(name):
    make, says = REFUSED[name]
    net = make()
    for call in (two_layers, lambda net: evaluate(net, DIGITS.test), lambda net: fingerprints(net, DIGITS.test),
                 lambda net: contributions(net, IMAGES), lambda net: DigitPad(net, DIGITS.test)):
        with pytest.raises(ValueError) as error: call(net)
        said = str(error.value)
        assert says in said and "\n" not in said and (name == "not built" or "needed is an MnistNet, or a keras.Sequential" in said)

def test_ideal_images_take_any_network_of_keras_that_gives_logits():
    deep = sequential(dense(15, "tanh"), dense(10))
    assert ideal_images(deep, steps=2).images.shape == (10, 784)
    for words in (dict(net=sequential(dense(15, "tanh"), dense(10, "softmax"))), dict(net=deep, second=sequential(dense(10), layers.Softmax()))):
        with pytest.raises(ValueError, match="^the network ends in softmax; ideal images need the logits before it$"): ideal_images(**words, steps=2)

def test_training_changes_a_network_in_place_and_takes_none_of_keras():
    with pytest.raises(ValueError, match="^an MnistNet is trained here, not a Sequential$"): train(FIT["plain"](), DIGITS, epochs=1)
