"Contact sheets: every pixel is a square of its colour, whatever the layout."
import matplotlib
matplotlib.use("agg")
import numpy as np
import pytest
from mnist_graph_tutorial.contact_sheets import CAPTION, MARGIN, notes, sheet, stretched, strip
from mnist_graph_tutorial.ideal_images import ImageScores


def test_scores_are_told_by_their_names():
    scores = ImageScores(*(np.full(10, value) for value in (.1, .2, .3, .4)))
    assert notes(scores)[7] == "as 7: 0.10\nother: 0.20\ncorr.: 0.30"


def colours(figure):
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    matplotlib.pyplot.close(figure)
    return pixels

@pytest.mark.parametrize("columns, scale", [(10, 2), (5, 4), (5, 3)])
def test_sheet_shows_each_pixel_as_a_square_of_its_colour(columns, scale):
    images = np.zeros((10, 784), np.float32)
    images[0].reshape(28, 28)[5, 6:10] = 1, 1.2, -1, -3
    pixels = colours(sheet([("caption", images, ["note"] * 10)], columns=columns, scale=scale)).astype(int)
    top, left = CAPTION + (5 + 1) * scale, MARGIN + (6 + 1) * scale
    square = lambda k: pixels[top:top + scale, left + k * scale:left + (k + 1) * scale].reshape(-1, 3)
    black, over, minus, below = (square(k) for k in range(4))
    for patch in (black, over, minus, below): assert (patch == patch[0]).all()
    assert (black == 0).all() and (square(4) == 255).all() and (square(-1) == 255).all()
    assert over[0].argmax() == 2 and minus[0].argmax() == 0 and (minus[0] == below[0]).all()

def test_sheet_is_the_same_for_either_layout():
    images = np.random.default_rng(0).uniform(-.2, 1.1, (10, 784))
    one, two = (colours(sheet([("", images)], columns=columns)) for columns in (10, 5))
    assert one.shape[1] == 2 * (29 * 10 + 1) + 16 and two.shape[1] == 2 * (29 * 5 + 1) + 16
    height, half = 30 * 2, 29 * 5 * 2
    first = one[CAPTION:CAPTION + height, MARGIN:MARGIN + half]
    assert np.array_equal(first, two[CAPTION:CAPTION + height, MARGIN:MARGIN + half])

def test_any_number_of_pictures_in_a_row():
    images = np.random.default_rng(1).uniform(0, 1, (4, 784))
    pixels = colours(sheet([("", images, ["a\nb"] * 4)], columns=4, scale=5))
    assert pixels.shape[1] == (29 * 4 + 1) * 5 + 2 * MARGIN
    assert strip(images).shape == (30, 29 * 4 + 1)

@pytest.mark.parametrize("columns, scale", [(10, 2), (5, 3)])
def test_stretched_gives_each_picture_a_scale_of_its_own(columns, scale):
    images = np.zeros((10, 784))
    images[:, 0] = np.arange(1, 11)
    images[:, 1] = -np.arange(1, 11)
    pixels = colours(stretched(images, columns=columns, scale=scale))
    for k in range(10):
        line, column = divmod(k, columns)
        top, left = MARGIN + 29 * scale * line, MARGIN + 29 * scale * column
        high, low, zero = (pixels[top:top + scale, left + j * scale:left + (j + 1) * scale].reshape(-1, 3) for j in range(3))
        for patch, colour in ((high, (253, 231, 36)), (low, (68, 1, 84))): assert np.abs(patch.astype(int) - colour).max() < 3
        assert (zero == pixels[MARGIN, MARGIN + 2 * scale]).all()
