"The post's search through a session, beside the compiled one, and what it refuses."
import pytest
import numpy as np
from mnist_graph_tutorial.data import load_mnist
from mnist_graph_tutorial.ideal_images import ideal_images
from mnist_graph_tutorial.mnist_net import MnistNet, train
from mnist_graph_tutorial.sessions import ideal_images_in_session


@pytest.fixture(scope="module")
def net():
    net = MnistNet(seed=0)
    train(net, load_mnist("digits"), epochs=8)
    return net


def test_session_takes_the_same_steps(net):
    by_session = ideal_images_in_session(net, rows=7, steps=60, l2=.1, learning_rate=.05, seed=4)
    by_graph = ideal_images(net, steps=60, l2=.1, learning_rate=.05, seed=4).images
    np.testing.assert_allclose(by_session, by_graph, atol=1e-4)
    some = ideal_images_in_session(net, digits=[8, 1], rows=1, steps=60, l2=.1, learning_rate=.05, seed=4)
    np.testing.assert_allclose(some, by_graph[[8, 1]], atol=1e-4)

@pytest.mark.parametrize("wrong", [dict(l2=-1), dict(steps=0), dict(learning_rate=0)])
def test_session_refuses(net, wrong):
    with pytest.raises(ValueError): ideal_images_in_session(net, digits=[0], rows=2, **wrong)
