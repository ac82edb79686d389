"""Data of the reader's own: every form they come in, and one clear line for what will not do."""
import gzip, hashlib, http.client, io, json, os, re, socket, ssl, subprocess, sys, tracemalloc, urllib.error, zipfile
from pathlib import Path
import numpy as np
import pytest
from PIL import Image
from mnist_graph_tutorial import book, data
from mnist_graph_tutorial.book import settle_data
from mnist_graph_tutorial.cli import main
from mnist_graph_tutorial.data import DIGESTS, Mnist, Split, check_source, check_split, load_mnist
from mnist_graph_tutorial.execution import Executed, environment, execute
from mnist_graph_tutorial.manuscript import project
from mnist_graph_tutorial.own_data import ImageFiles, name_of

MAIN = "import sys; from mnist_graph_tutorial.cli import main; sys.exit(main())"

def call(*words, **env):
    "The command as a terminal would run it."
    env = os.environ | dict(PYTHONPATH=str(project()), CUDA_VISIBLE_DEVICES="-1") | env
    return subprocess.run([sys.executable, "-c", MAIN, *words], env=env, capture_output=True, text=True)

def words(value) -> str:
    "What a case is called in a list of tests."
    return value if isinstance(value, str) else ""

def shapes(n, classes=10, side=28, seed=0):
    "Random bright bars, at a height that tells the class, in random order."
    rng = np.random.default_rng(seed)
    images, labels = rng.integers(0, 40, (n, side, side)).astype(np.uint8), rng.permutation(np.arange(n) % classes).astype(np.uint8)
    for image, label in zip(images, labels):
        top = 2 + int(label) * (side - 6) // classes
        image[top:top + 3, 3:-3] = rng.integers(150, 256)
    return images, labels

def idx(array):
    "The bytes of an IDX file that holds `array`."
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()

NAMES = [*DIGESTS]

def write_idx(directory, train, test, names=NAMES, packed=True):
    "Four IDX files; the directory."
    directory.mkdir(parents=True, exist_ok=True)
    for name, array in zip(names, (*train, *test)):
        raw = idx(np.asarray(array))
        if packed: (directory / f"{name}.gz").write_bytes(gzip.compress(raw, 1))
        else: (directory / name).write_bytes(raw)
    return directory

def write_npz(path, train, test=None, names=("x_train", "y_train", "x_test", "y_test")):
    np.savez(path, **dict(zip(names, (*train, *(test or ())))))
    return path

def write_pictures(directory, images, labels, names, ending="png", change=lambda picture: picture):
    "A folder a class."
    for name in names: (directory / name).mkdir(parents=True, exist_ok=True)
    for k, (image, label) in enumerate(zip(images, labels)):
        change(Image.fromarray(image)).save(directory / names[label] / f"{k}.{ending}")
    return directory

def refused(source, match, kind=(ValueError, OSError)):
    "One clear line, the same for `load_mnist` and for `check_source`."
    said = []
    for ask in (load_mnist, check_source):
        with pytest.raises(kind, match=match) as caught: ask(source)
        said.append(str(caught.value))
    assert said[0] == said[1] and "\n" not in said[0] and len(said[0]) < 600
    return said[0]

def as_floats(images): return images.reshape(-1, 784) / np.float32(255)

# Four files, by any name

OTHERS = [name.replace("-idx", ".idx") for name in NAMES]
EMNIST = [f"emnist-digits-{name.replace('t10k', 'test')}" for name in NAMES]

@pytest.mark.parametrize("packed", [True, False], ids=["gz", "plain"])
@pytest.mark.parametrize("below", [".", "raw", "MNIST/raw", "Clothes/raw"])
@pytest.mark.parametrize("names", [NAMES, OTHERS], ids=["dash", "dot"])
def test_four_files_are_found_by_the_names_people_have(tmp_path, names, below, packed):
    train, test = shapes(200), shapes(60, seed=1)
    write_idx(tmp_path / "clothes" / below, train, test, names, packed)
    loaded = load_mnist(str(tmp_path / "clothes"), validation=20)
    assert loaded.name == {"MNIST/raw": "own MNIST", "Clothes/raw": "Clothes"}.get(below, "clothes")
    assert np.array_equal(loaded.test.images, as_floats(test[0])) and np.array_equal(loaded.test.labels, test[1])
    assert [len(split.labels) for split in loaded[:3]] == [180, 20, 60] and loaded.classes == tuple("0123456789")
    for split in loaded[:3]: check_split(split)

def test_names_may_differ_within_a_set(tmp_path):
    write_idx(tmp_path / "set", shapes(200), shapes(60), [NAMES[0], OTHERS[1], NAMES[2].upper(), OTHERS[3]])
    assert check_source(tmp_path / "set") == "set"

def test_emnist_is_found_and_turned_upright(tmp_path, capsys):
    train, test = shapes(200), shapes(60, seed=1)
    write_idx(tmp_path / "EMNIST" / "raw", *((images.swapaxes(1, 2), labels) for images, labels in (train, test)), EMNIST)
    loaded = load_mnist(tmp_path)
    assert np.array_equal(loaded.test.images, as_floats(test[0])) and loaded.name == "EMNIST"
    assert "turned upright" in capsys.readouterr().out

def test_what_was_taken_is_said_in_a_line(tmp_path, capsys):
    source = write_idx(tmp_path / "kmnist", shapes(200), shapes(60))
    for ask in (load_mnist, check_source):
        ask(source)
        assert capsys.readouterr().out == "kmnist: 200 images to train on and 60 to test, of 10 classes; not MNIST (SHA-256 differs).\n"

def test_the_first_of_several_places_wins(tmp_path):
    write_idx(tmp_path, shapes(200), shapes(60))
    write_idx(tmp_path / "raw", shapes(150), shapes(40))
    assert len(load_mnist(tmp_path).test.labels) == 60

def test_several_sets_are_not_chosen_among(tmp_path):
    for name in ("MNIST", "KMNIST"): write_idx(tmp_path / name / "raw", shapes(200), shapes(60))
    assert "KMNIST/raw" in refused(tmp_path, "several sets .*; a directory with one of them would do")
    assert check_source(tmp_path / "KMNIST") == check_source(tmp_path / "KMNIST" / "raw") == "KMNIST"
    write_idx(tmp_path / "two", shapes(200), shapes(60), EMNIST)
    write_idx(tmp_path / "two", shapes(200), shapes(60), [name.replace("digits", "mnist") for name in EMNIST])
    refused(tmp_path / "two", r"several sets \(emnist-digits-, emnist-mnist-\)")

@pytest.mark.parametrize("gone, names, told", [
    (0, NAMES, "no file train-images-idx3-ubyte or train-images-idx3-ubyte.gz beside t10k-images"), (3, NAMES, "no file t10k-labels-idx1-ubyte or"),
    (3, EMNIST, "no file emnist-digits-test-labels-idx1-ubyte or"), (1, OTHERS, "no file train-labels-idx1-ubyte or")])
def test_a_missing_file_is_named(tmp_path, gone, names, told):
    (write_idx(tmp_path / "set", shapes(200), shapes(60), names) / f"{names[gone]}.gz").unlink()
    refused(tmp_path / "set", told, FileNotFoundError)

def test_files_of_two_sets_are_no_set(tmp_path):
    write_idx(tmp_path / "set", shapes(200), shapes(60), EMNIST[:2] + NAMES[2:])
    refused(tmp_path / "set", "no file .* beside", FileNotFoundError)

IDX = {"images": 0, "labels": 1, "test images": 2, "test labels": 3}

@pytest.mark.parametrize("which, change, told", [
    ("images", lambda raw: b"", "an empty file"), ("labels", lambda raw: b"", "an empty file"),
    ("images", lambda raw: raw[:-9], "the header announces 156,800 bytes, the file holds 156,791"),
    ("images", lambda raw: raw[:9], "the header is cut short"), ("test labels", lambda raw: raw + b"x", "the header announces"),
    ("images", lambda raw: b"<!DOCTYPE html>", "not an IDX file of bytes"),
    ("images", lambda raw: raw[:2] + b"\x0d" + raw[3:], "not an IDX file of bytes"),
    ("images", lambda raw: gzip.compress(raw)[:-50], "damaged gzip"), ("images", lambda raw: idx(np.zeros((200, 5, 5))), r"images of shape \(200, 5, 5\)"),
    ("images", lambda raw: idx(shapes(200)[1]), r"images of shape \(200,\)"), ("labels", lambda raw: idx(shapes(200)[0]), "labels of shape"),
    ("images", lambda raw: idx(shapes(199)[0]), "199 images, but 200 labels; one label an image would do"),
    ("test labels", lambda raw: idx(shapes(61)[1]), "60 images, but 61 labels"),
    ("labels", lambda raw: idx(1 + np.arange(200) % 26), "labels from 1 to 26; whole numbers from 0 to 9 would do"),
    ("labels", lambda raw: idx(np.arange(200) % 2), "too few images .* of 2"), ("labels", lambda raw: idx(np.zeros(200)), "too few images"),
    ("test labels", lambda raw: idx(np.ones(60)), r"of 0 \(20 and 0\), 2 \(20 and 0\).*; 5 and 3 of each class would do; not MNIST \(SHA-256 differs\)"),
    ("images", lambda raw: idx(np.zeros((200, 28, 28))), "every pixel is 0"), ("images", lambda raw: idx(shapes(200)[0] > 99), "is 1 of 255, which is all but black"),
    ("images", lambda raw: idx(np.zeros((0, 28, 28))), "holds no image"),
    ("test images", lambda raw: idx(np.where(np.arange(28) < 0, 0, 255 - shapes(60)[0])), "dark on light, the other light on dark"),
], ids=words)
def test_four_files_that_will_not_do(tmp_path, which, change, told):
    source = write_idx(tmp_path / "set", shapes(200), shapes(60), packed=False)
    file = source / NAMES[IDX[which]]
    file.write_bytes(change(file.read_bytes()))
    assert str(source) in refused(source, told, ValueError)

# MNIST is known by its digests, and only they may call a set so

@pytest.fixture
def tiny(monkeypatch):
    "A small set that passes for MNIST."
    train, test = shapes(40), shapes(20, seed=1)
    monkeypatch.setattr(data, "DIGESTS", dict(zip(NAMES, (hashlib.sha256(idx(array)).hexdigest() for array in (*train, *test)))))
    return train, test

FORMS = {"uint8": lambda images: images, "int64": lambda images: images.astype(int), "n, 784": lambda images: images.reshape(-1, 784),
         "n, 28, 28, 1": lambda images: images[..., None], "float32": lambda images: images / np.float32(255), "float64": lambda images: images / 255,
         "float16": lambda images: (images / 255).astype(np.float16)}

@pytest.mark.parametrize("form", FORMS)
def test_mnist_as_keras_keeps_it_is_mnist(tmp_path, tiny, form, capsys):
    train, test = tiny
    source = write_npz(tmp_path / "some.npz", *((FORMS[form](images), labels.astype(int)) for images, labels in tiny))
    loaded = load_mnist(str(source), validation=0)
    assert (loaded.name, check_source(str(source)), capsys.readouterr().out) == ("mnist", "mnist", "")
    assert np.array_equal(loaded.train.images, as_floats(train[0])) and np.array_equal(loaded.test.labels, test[1])

@pytest.mark.parametrize("names", [NAMES, OTHERS], ids=["dash", "dot"])
def test_mnist_is_mnist_by_any_name(tmp_path, tiny, names):
    write_idx(tmp_path / "fashion" / "raw", *tiny, names)
    loaded = load_mnist(tmp_path / "fashion")
    assert loaded.name == "mnist" and loaded.classes == tuple("0123456789")

def test_one_other_bit_is_not_mnist(tmp_path, capsys):
    train, test = shapes(200), shapes(60)
    source = write_idx(tmp_path / "mnist", train, test)
    assert load_mnist(source).name == check_source(source) == "own mnist" and "SHA-256 differs" in capsys.readouterr().out

@pytest.mark.parametrize("place, name", [("mnist", "own mnist"), ("Digits", "own Digits"), ("a/raw", "a"), ("MNIST/raw", "own MNIST"), ("mnist.npz", "own mnist"),
                                         ("clothes.npz", "clothes"), ("my.own.NPZ", "my.own"), ("v1.2", "v1.2"), ("a b", "a b"), ("/", "images")])
def test_a_set_has_a_name_of_its_own(place, name): assert name_of(place) == name

def test_the_cache_holds_mnist_alone(tmp_path, monkeypatch, tiny):
    write_idx(tmp_path / "mnist", shapes(200), shapes(60))
    monkeypatch.setattr(data.download, "__defaults__", ((),))
    with pytest.raises(OSError, match="no mirror has"): load_mnist("mnist", cache_dir=tmp_path)
    write_idx(tmp_path / "mnist", *tiny)
    assert check_source("mnist", cache_dir=tmp_path) == "mnist"

# Archives

@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("names", [("x_train", "y_train", "x_test", "y_test"), ("train_images", "train_labels", "test_images", "test_labels")], ids=["keras", "words"])
def test_an_archive_of_two_parts(tmp_path, form, names):
    train, test = shapes(200, 7), shapes(60, 7, seed=1)
    source = write_npz(tmp_path / "own.npz", *((FORMS[form](images), labels[:, None]) for images, labels in (train, test)), names)
    loaded = load_mnist(source)
    assert loaded.name == check_source(source) == "own" and loaded.classes == tuple("0123456")
    assert np.array_equal(loaded.test.images, as_floats(test[0])) and np.array_equal(loaded.test.labels, test[1])

@pytest.mark.parametrize("names", [("images", "labels"), ("arr_1", "arr_0"), ("x_train", "y_train")], ids=" ".join)
def test_an_archive_of_one_part_is_split_the_same_every_time(tmp_path, names, capsys):
    source = write_npz(tmp_path / "own.npz", shapes(300, 5), names=names)
    loaded = load_mnist(source)
    assert "a fifth kept for the test" in capsys.readouterr().out
    assert [len(split.labels) for split in loaded[:3]] == [216, 24, 60] and np.bincount(loaded.test.labels).tolist() == [12] * 5
    again = load_mnist(source)
    assert all(np.array_equal(a, b) for one, other in zip(loaded[:3], again[:3]) for a, b in zip(one, other))
    rows = np.concatenate([split.images for split in loaded[:3]])
    assert len(np.unique(rows, axis=0)) == 300

def test_other_arrays_of_an_archive_are_left_out_and_named(tmp_path, capsys):
    (train, test), path = (shapes(200), shapes(60)), tmp_path / "medical.npz"
    np.savez(path, train_images=train[0], train_labels=train[1], val_images=test[0], test_images=test[0], test_labels=test[1])
    assert check_source(path) == "medical" and "without val_images" in capsys.readouterr().out

def nan(images):
    images = images / 255
    images[3, 4, 5] = np.nan
    return images

@pytest.mark.parametrize("change, told", [
    (nan, "NaN"), (lambda images: images.astype(float), "pixels from 0.0 to 255.0; fractions from 0 to 1 would do, or whole numbers from 0 to 255"),
    (lambda images: images / 127.5 - 1, "pixels from -1.0 to"), (lambda images: images * 257, "pixels from 0 to 65"), (lambda images: images.astype(int) - 9, "pixels from -9 to"),
    (lambda images: np.where(images > 99, np.inf, 0), "pixels from 0.0 to inf"), (lambda images: images / 255 / 255, "all but black"), (lambda images: images > 99, "type bool"),
    (lambda images: images * 1j, "type complex"), (lambda images: images.astype(str), "type <U"), (lambda images: np.zeros((200, 28, 28)), "every pixel is 0.0"),
    (lambda images: images.reshape(-1, 392), r"shape \(400, 392\); \(n, 28, 28\), \(n, 28, 28, 1\) or \(n, 784\) would do"),
    (lambda images: images[..., None, None], "images of shape"), (lambda images: images[:, :4], "images of shape"), (lambda images: images[:0], "holds no image|labels of shape"),
    (lambda images: images[:150], "150 images, but 200 labels"), (lambda images: images.astype(object), "pickled objects, which are not read; an array of numbers would do"),
], ids=words)
def test_pixels_that_will_not_do(tmp_path, change, told):
    images, labels = shapes(200)
    source = write_npz(tmp_path / "own.npz", (change(images.astype(int) if told.startswith("pixels from 0 to 65") else images), labels), shapes(60))
    assert str(source) in refused(source, told, ValueError)

@pytest.mark.parametrize("change, told", [
    (lambda labels: labels + .5, "labels from 0.5 to 9.5; whole numbers from 0 to 9 would do"), (lambda labels: labels.astype(int) - 1, "labels from -1 to 8"),
    (lambda labels: labels + 1, "labels from 1 to 10"), (lambda labels: np.eye(10)[labels], r"shape \(200, 10\).*; one number an image would do"),
    (lambda labels: labels.astype(str), "type <U"), (lambda labels: labels.astype(object), "pickled"), (lambda labels: labels / 0., "labels from nan|labels from inf"),
], ids=words)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_labels_that_will_not_do(tmp_path, change, told):
    images, labels = shapes(200)
    refused(write_npz(tmp_path / "own.npz", (images, change(labels)), shapes(60)), told, ValueError)

def archive(**members):
    "The bytes of a zip archive."
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        for name, raw in members.items(): written.writestr(name.replace("_dot_", "."), raw)
    return file.getvalue()

def saved(**arrays):
    "The bytes of an .npz archive."
    np.savez(file := io.BytesIO(), **arrays)
    return file.getvalue()

def single(array):
    np.save(file := io.BytesIO(), array)
    return file.getvalue()

@pytest.mark.parametrize("raw, told", [
    (b"", "an empty file"), (b"\x80\x04K\x01.", "no .npz archive, or one that is cut short"), (single(shapes(200)[0]), "no .npz archive"), (b"<html>", "no .npz archive"),
    (saved(x=shapes(200)[0], y=shapes(200)[1])[:-100], "cut short"), (saved(), "holds no array; x_train, y_train, x_test and y_test would do"), (saved(x=shapes(200)[0]), "holds x;"),
    (saved(a=np.ones(3), b=np.ones(3), c=np.ones(3)), "holds a, b, c;"), (saved(x_train=shapes(200)[0], x_test=shapes(60)[0], y=np.ones(200)), "holds x_train, x_test, y;"),
    (archive(a_dot_png=b"x", b_dot_png=b"y"), "no array of images"), (archive(a_dot_npy=b"x", b_dot_npy=b"y"), "is damaged|no array of images|pickled"),
    (saved(x=np.float32(1), y=np.ones(3)), "x is no array|y is no array"), (saved(x=np.ones(3), y=np.ones(3)), "images of shape"),
], ids=words)
def test_archives_that_will_not_do(tmp_path, raw, told):
    (tmp_path / "own.npz").write_bytes(raw)
    assert str(tmp_path / "own.npz") in refused(tmp_path / "own.npz", told, ValueError)

def test_a_damaged_array_is_named(tmp_path):
    raw = bytearray(saved(images=shapes(200)[0], labels=shapes(200)[1]))
    raw[2_000:2_100] = bytes(100)
    (tmp_path / "own.npz").write_bytes(raw)
    refused(tmp_path / "own.npz", "images is damaged", ValueError)

def test_a_pickle_is_never_run(tmp_path):
    class Trap:
        def __reduce__(self): return Path.touch, (tmp_path / "sprung",)
    np.savez(tmp_path / "own.npz", images=np.array([Trap()] * 200, object), labels=shapes(200)[1])
    refused(tmp_path / "own.npz", "pickled objects", ValueError)
    assert not (tmp_path / "sprung").exists()

# Pictures

PETS = ["cat", "dog", "eel"]

@pytest.mark.parametrize("ending, change, told", [
    ("png", lambda picture: picture, None), ("bmp", lambda picture: picture, None), ("gif", lambda picture: picture, "grey"), ("PNG", lambda picture: picture, None),
    ("jpg", lambda picture: picture, None), ("tif", lambda picture: picture, None), ("webp", lambda picture: picture, "grey"),
    ("png", lambda picture: picture.convert("RGB"), "colours made grey"), ("png", lambda picture: picture.convert("RGBA"), "colours made grey"),
    ("png", lambda picture: picture.convert("P"), "grey"), ("png", lambda picture: Image.fromarray(np.asarray(picture).astype(np.uint16) * 257), None)],
    ids=["png", "bmp", "gif", "PNG", "jpg", "tif", "webp", "rgb", "rgba", "palette", "16 bits"])
def test_a_folder_of_pictures_by_class(tmp_path, ending, change, told, capsys):
    images, labels = shapes(200, 3)
    loaded = load_mnist(write_pictures(tmp_path / "pets", images, labels, PETS, ending, change))
    assert loaded.name == "pets" and loaded.classes == tuple(PETS)
    said = capsys.readouterr().out
    assert "200" not in said and "160 images to train on and 40 to test, of 3 classes" not in said and said.count("\n") == 1
    assert (told or "") in said and ("colours" in said) == bool(told)
    found = {image.tobytes(): label for split in loaded[:3] for image, label in zip(np.rint(split.images * 255).astype(np.uint8), split.labels)}
    near = 30 if ending in ("jpg", "webp", "gif") else 1
    for image, label in zip(images[:20], labels):
        closest = min(found, key=lambda raw: np.abs(np.frombuffer(raw, np.uint8).astype(int) - image.reshape(784)).sum())
        assert found[closest] == label and np.abs(np.frombuffer(closest, np.uint8).astype(int) - image.reshape(784)).mean() <= near

@pytest.mark.parametrize("train, test", [("train", "test"), ("Training", "Testing")])
def test_pictures_in_two_parts(tmp_path, train, test, capsys):
    write_pictures(tmp_path / "pets" / train, *shapes(200, 3), PETS)
    write_pictures(tmp_path / "pets" / test, *shapes(30, 3, seed=1), PETS)
    loaded = load_mnist(tmp_path / "pets")
    assert [len(split.labels) for split in loaded[:3]] == [180, 20, 30] and "kept for the test" not in capsys.readouterr().out
    assert set(loaded.validation.labels) == set(loaded.test.labels[:20]) == {0, 1, 2}

def test_a_training_part_alone_is_split(tmp_path, capsys):
    write_pictures(tmp_path / "pets" / "train", *shapes(200, 3), PETS)
    assert check_source(tmp_path / "pets") == "pets" and "kept for the test" in capsys.readouterr().out

def test_a_class_may_be_called_train(tmp_path):
    write_pictures(tmp_path / "traffic", *shapes(200, 3), ["bus", "train", "tram"])
    assert load_mnist(tmp_path / "traffic").classes == ("bus", "train", "tram")

def test_folders_called_by_digits_keep_their_names(tmp_path):
    images, labels = shapes(200, 3)
    write_pictures(tmp_path / "mine", images, labels, ["3", "9", "5"])
    loaded = load_mnist(tmp_path / "mine")
    assert set(loaded.train.labels) == {0, 1, 2} and loaded.classes == tuple("359")
    nines = {image.tobytes() for image in as_floats(images[labels == 1])}
    assert {image.tobytes() for image in loaded.train.images[loaded.train.labels == 2]} <= nines

@pytest.mark.parametrize("names", [["b", "C", "a"], ["10", "9", "11"], ["zwei", "ä", "eins"]], ids=" ".join)
def test_other_folders_are_numbered_in_their_order(tmp_path, names):
    write_pictures(tmp_path / "mine", *shapes(200, 3), names)
    assert load_mnist(tmp_path / "mine").classes == tuple(sorted(names))

@pytest.mark.parametrize("width, height", [(32, 32), (20, 40), (64, 64), (8, 8), (300, 200)])
def test_pictures_of_another_size_are_scaled_and_that_is_said(tmp_path, width, height, capsys):
    write_pictures(tmp_path / "pets", *shapes(150, 3), PETS, change=lambda picture: picture.resize((width, height)))
    loaded = load_mnist(tmp_path / "pets")
    assert f"scaled from {width}x{height} to 28x28 pixels" in capsys.readouterr().out
    for split in loaded[:3]: check_split(split)

def test_pictures_of_many_sizes(tmp_path, capsys):
    images, labels = shapes(150, 3)
    sizes = iter(range(150))
    write_pictures(tmp_path / "pets", images, labels, PETS, change=lambda picture: picture.resize((20 + next(sizes), 30)))
    assert check_source(tmp_path / "pets") == "pets" and "scaled from 150 sizes between 20x30 and 169x30 to 28x28 pixels" in capsys.readouterr().out

@pytest.mark.parametrize("shape", [(200, 32, 32), (200, 32, 32, 1), (200, 32, 32, 3), (200, 28, 28, 3)], ids=str)
def test_arrays_of_another_size_or_in_colour(tmp_path, shape, capsys):
    images, labels = shapes(200, 3, side=shape[1])
    images = np.broadcast_to(images[..., None], shape) if len(shape) == 4 else images
    loaded = load_mnist(write_npz(tmp_path / "own.npz", (images, labels)))
    assert loaded.train.images.shape == (145, 784)
    said = capsys.readouterr().out
    assert ("scaled from 32x32" in said) == (shape[1] == 32) and ("made grey" in said) == (shape[-1] == 3)

def test_four_files_of_32x32_images(tmp_path, capsys):
    loaded = load_mnist(write_idx(tmp_path / "wide", shapes(200, side=32), shapes(60, side=32)))
    assert loaded.test.images.shape == (60, 784) and capsys.readouterr().out.count("scaled from 32x32 to 28x28") == 1

def test_hidden_files_and_other_files_are_passed_over(tmp_path):
    source = write_pictures(tmp_path / "pets", *shapes(200, 3), PETS)
    (source / ".git").mkdir()
    (source / "__MACOSX").mkdir()
    (source / "notes.txt").write_text("ours")
    for name in (".DS_Store", "._7.png", "Thumbs.db"): (source / "cat" / name).write_bytes(b"x")
    assert len(load_mnist(source).classes) == 3

def drawn(tmp_path, **folders):
    "Folders of pictures, so many in each."
    for name, count in folders.items():
        images = shapes(count + 1, 3)[0][1:]
        write_pictures(tmp_path / "pets", images, [0] * count, [name])
    return tmp_path / "pets"

@pytest.mark.parametrize("make, told", [
    (lambda path: drawn(path, cat=60, dog=60), "2 folders of pictures; 3 to 10 classes would do"), (lambda path: drawn(path, **{f"c{k}": 20 for k in range(11)}), "11 folders of pictures"),
    (lambda path: drawn(path, cat=60, dog=60, eel=0), "no picture in the folder eel; .bmp, .gif"), (lambda path: drawn(path, cat=60, dog=60, eel=4), r"of eel \(1 and 3\); 5 and 3 of each"),
    (lambda path: drawn(path, cat=30, dog=30, eel=30), "72 images to train on; 112 would do, a batch of 100 and a tenth to hold out"),
    (lambda path: write_pictures(path / "pets", *shapes(200, 3), PETS, change=lambda picture: picture.point(lambda _: 0)), "every pixel is 0"),
], ids=["two", "eleven", "none of one", "few of one", "few", "black"])
def test_pictures_that_will_not_do(tmp_path, make, told): refused(make(tmp_path), told, ValueError)

@pytest.mark.parametrize("change, told", [(lambda raw: b"", "an empty file"), (lambda raw: raw[:-40], "no picture, or a damaged one"), (lambda raw: b"GIF", "no picture, or")], ids=["empty", "cut", "other"])
def test_a_damaged_picture_is_named(tmp_path, change, told):
    source = write_pictures(tmp_path / "pets", *shapes(200, 3), PETS)
    picture = next((source / "dog").iterdir())
    picture.write_bytes(change(picture.read_bytes()))
    assert str(picture) in refused(source, told, ValueError)

def test_parts_with_other_classes(tmp_path):
    write_pictures(tmp_path / "pets" / "train", *shapes(200, 3), PETS)
    write_pictures(tmp_path / "pets" / "test", *shapes(30, 3), ["cat", "dog", "emu"])
    refused(tmp_path / "pets", "eel, emu in one of train and test alone; the same folders in both would do", ValueError)

# What is no set at all

@pytest.mark.parametrize("make, told", [
    (lambda path: path / "none", "no such file or directory"), (lambda path: path, "the directory is empty"), (lambda path: path / "none.npz", "no such file"),
    (lambda path: (path / "a.txt").write_text("x") and path, "there is a.txt"), (lambda path: (path / "a").mkdir() or path, "there is a/"),
    (lambda path: [(path / f"{k}.png").touch() for k in range(9)] and path, "there is 0.png, 1.png, 2.png, 3.png and 5 more"),
    (lambda path: write_npz(path / "mnist.npz", shapes(200)).parent, "there is mnist.npz.* an .npz archive by its own name"),
], ids=["nothing", "empty", "no archive", "text", "folder", "no folders", "archive in it"])
def test_places_without_data(tmp_path, make, told): refused(make(tmp_path), told, FileNotFoundError)

@pytest.mark.parametrize("name", ["data.zip", NAMES[0], "images.npy"])
def test_a_file_that_is_no_archive(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    refused(tmp_path / name, "a file, and no .npz archive; the directory with four IDX files", ValueError)

# Names of the classes

CLOTHES = tuple("T-shirt,trouser,pullover,dress,coat,sandal,shirt,sneaker,bag,ankle boot".split(","))

@pytest.mark.parametrize("below, beside", [(".", "."), ("raw", "raw"), ("raw", "."), ("F/raw", "F/raw"), ("F/raw", "F")])
def test_classes_are_named_beside_the_files(tmp_path, below, beside):
    write_idx(tmp_path / below, shapes(200), shapes(60))
    (tmp_path / beside / "labels.txt").write_text("\ufeff" + "\r\n".join(CLOTHES) + "\n\n", encoding="utf-8", newline="")
    assert load_mnist(tmp_path).classes == CLOTHES

def test_classes_are_named_beside_an_archive_and_beside_folders(tmp_path):
    (tmp_path / "labels.txt").write_text("Katze\nHund\nÄl", encoding="utf-8")
    assert load_mnist(write_npz(tmp_path / "own.npz", shapes(200, 3))).classes == ("Katze", "Hund", "Äl")
    assert load_mnist(write_pictures(tmp_path, *shapes(200, 3), PETS)).classes == ("Katze", "Hund", "Äl")

@pytest.mark.parametrize("text, told", [
    ("a\nb", "2 names, but labels from 0 to 9; 10 names would do"), ("\n".join("abcdefghijk"), "11 names"), ("", "an empty line"), ("a\n\nb", "an empty line"),
    ("a\na", "a name twice"), (b"\xff\xfe", "no text in UTF-8")], ids=["two", "eleven", "empty", "gap", "twice", "bytes"])
def test_names_that_will_not_do(tmp_path, text, told):
    write_idx(tmp_path, shapes(200), shapes(60))
    (tmp_path / "labels.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert "labels.txt" in refused(tmp_path, told, ValueError)

def test_a_named_class_needs_images(tmp_path):
    images, labels = shapes(200, 4)
    labels[labels == 2] = 3
    (tmp_path / "labels.txt").write_text("\n".join("abcd"))
    refused(write_npz(tmp_path / "own.npz", (images, labels)), "no image of c; an image of each class that has a name would do", ValueError)

def test_labels_without_names_may_have_gaps(tmp_path):
    images, labels = shapes(200, 3)
    loaded = load_mnist(write_npz(tmp_path / "own.npz", (images, labels * 3)))
    assert set(loaded.test.labels) == {0, 1, 2} and loaded.classes == tuple("036")  # closed up, each under its own name
    shown = np.stack([loaded.test.images[loaded.test.labels == k].mean(axis=0) for k in range(3)])
    assert np.abs(shown - np.stack([as_floats(images[labels == k]).mean(axis=0) for k in range(3)])).max() < .25

def test_those_who_build_one_need_no_names():
    part = Split(np.zeros((1, 784), np.float32), np.zeros(1, np.int32))
    assert Mnist(part, part, part, "ones").classes == load_mnist("digits").classes == tuple("0123456789")

# Few, unbalanced, sorted, on paper

def test_three_classes_and_two_hundred_images(tmp_path):
    loaded = load_mnist(write_npz(tmp_path / "own.npz", shapes(200, 3)))
    assert [len(split.labels) for split in loaded[:3]] == [145, 16, 39]

def test_unbalanced_classes(tmp_path):
    images, labels = shapes(400, 10)
    kept = np.concatenate([np.flatnonzero(labels == 7)[:8], np.flatnonzero(labels != 7)])
    loaded = load_mnist(write_npz(tmp_path / "own.npz", (images[kept], labels[kept])))
    assert sum((split.labels == 7).sum() for split in loaded[:3]) == 8 and (loaded.test.labels == 7).sum() == 3
    refused(write_npz(tmp_path / "own.npz", (images[kept[2:]], labels[kept[2:]])), r"of 7 \(3 and 3\)", ValueError)

def test_two_classes_are_refused(tmp_path):
    refused(write_npz(tmp_path / "own.npz", shapes(200, 2)), "2 classes; 3 to 10 would do", ValueError)

def test_sorted_sets_are_shuffled_and_that_is_said(tmp_path, capsys):
    train, test = ((images[order], labels[order]) for images, labels in (shapes(200), shapes(60)) for order in [np.argsort(labels, kind="stable")])
    loaded = load_mnist(write_npz(tmp_path / "own.npz", train, test))
    assert len(set(loaded.validation.labels)) > 5 and len(set(loaded.test.labels[:20])) > 5 and capsys.readouterr().out.count("shuffled") == 1
    rows = np.concatenate([loaded.validation.images, loaded.train.images])
    assert np.array_equal(np.unique(rows, axis=0), np.unique(as_floats(train[0]), axis=0))

@pytest.mark.parametrize("form", ["idx", "npz", "pictures", "transparent"])
def test_ink_on_paper_is_inverted_and_that_is_said(tmp_path, form, capsys):
    (images, labels), test = shapes(200, 3), shapes(60, 3)
    if form == "idx": source = write_idx(tmp_path / "own", (255 - images, labels), (255 - test[0], test[1]))
    elif form == "npz": source = write_npz(tmp_path / "own.npz", (1 - images / 255, labels), (1 - test[0] / 255, test[1]))
    elif form == "pictures": source = write_pictures(tmp_path / "own", 255 - images, labels, PETS)
    else: source = write_pictures(tmp_path / "own", np.pad(images[..., None], ((0, 0), (0, 0), (0, 0), (3, 0))) * np.uint8([0, 0, 0, 1]), labels, PETS)
    loaded = load_mnist(source)
    assert "inverted, being dark on light" in capsys.readouterr().out
    known = {image.tobytes() for image in np.concatenate([images, test[0]])}
    assert {image.tobytes() for image in np.rint(loaded.test.images * 255).astype(np.uint8)} <= known

def test_photographs_are_not_inverted(tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, (200, 28, 28)).astype(np.uint8)
    images[:, :9] = 255
    check_source(write_npz(tmp_path / "own.npz", (images, shapes(200, 3)[1])))
    assert "inverted" not in capsys.readouterr().out

# The reader's home, the environment, the command line

def test_a_tilde_is_the_home_directory(tmp_path, monkeypatch):
    write_idx(tmp_path / "data" / "clothes", shapes(200), shapes(60))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_mnist("~/data/clothes").name == check_source("~/data/clothes") == "clothes"
    assert settle_data("~/data/clothes") == (str(tmp_path / "data" / "clothes"), "clothes")
    monkeypatch.setenv("MNIST_GRAPH_DATA", "~/data/clothes")
    assert settle_data("auto") == (str(tmp_path / "data" / "clothes"), "clothes")

def test_a_network_is_trained_on_own_data_from_the_command_line(tmp_path):
    write_idx(tmp_path / "clothes", shapes(1_000), shapes(200, seed=1))
    done = call("train", "--data", "~/clothes", "--epochs", "4", "--hidden", "30", "--device", "cpu", HOME=str(tmp_path))
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and lines[0].startswith("clothes: 1,000 images to train on and 200 to test, of 10 classes"), done.stderr
    assert len(lines) > 4 and not done.stderr

def test_the_network_has_an_output_for_each_class_and_a_checkpoint_says_so(tmp_path, capsys):
    words = ["train", "--epochs", "1", "--hidden", "5", "--save", str(tmp_path / "net.npz"), "--checkpoint", str(tmp_path / "kept")]
    three = str(drawn(tmp_path, cat=60, dog=70, eel=80))
    for _ in range(2): assert main([*words, "--data", three]) == 0  # the second time from the checkpoint
    with np.load(tmp_path / "net.npz") as saved: assert saved["w2"].shape == (5, 3) and saved["b2"].shape == (3,)
    capsys.readouterr()
    assert main([*words, "--data", "digits"]) == 1
    assert capsys.readouterr().err == (f"mnist-graph-tutorial: {tmp_path}/kept/checkpoint.npz: holds a network of 3 classes, not of 10; "
                                       "take another directory, or the images that it was trained on\n")

@pytest.mark.parametrize("command", ["run", "train", "lab"])
def test_what_will_not_do_is_said_before_anything_runs(tmp_path, command):
    drawn(tmp_path, cat=60, dog=60)
    done = call(command, "--data", str(tmp_path / "pets"), "--device", "cpu")
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.count("\n") == 1 and "2 folders of pictures; 3 to 10 classes would do" in done.stderr

def test_the_page_on_data_runs_on_three_classes(tmp_path):
    drawn(tmp_path, cat=60, dog=70, eel=80)
    done = execute(project() / "nbs" / "12_data.ipynb", environment(str(tmp_path / "pets"), "cpu"))
    assert done.problem == "" and "A row of test images: cat, dog, eel from left to right" in str(done.notebook)

# Memory

@pytest.mark.parametrize("form", ["uint8", "float32"])
def test_there_is_no_more_than_one_copy_beside_the_images(tmp_path, form):
    images = FORMS[form](np.repeat(shapes(1_000)[0], 10, axis=0))
    source, whole = write_npz(tmp_path / "own.npz", (images, np.arange(10_000) % 10), shapes(60)), 10_000 * 784 * 4
    del images
    tracemalloc.start()
    try:
        loaded = load_mnist(source)
        assert len(loaded.train.images) == 9_000 and tracemalloc.get_traced_memory()[1] < 2 * whole
    finally: tracemalloc.stop()

# Why MNIST could not be had

@pytest.mark.parametrize("error, told", [
    (urllib.error.URLError(socket.gaierror(-2, "Name or service not known")), "the name is not known"), (TimeoutError("timed out"), "no answer in time"),
    (urllib.error.URLError(TimeoutError()), "no answer in time"), (urllib.error.URLError(ConnectionRefusedError()), "the connection was refused"), (ConnectionResetError(), "the connection broke off"),
    (urllib.error.URLError(ssl.SSLCertVerificationError(1, "self-signed")), "the certificate is not trusted"), (urllib.error.URLError(ssl.SSLError(1, "wrong version")), "no secure connection"),
    (http.client.IncompleteRead(b"x"), "broke off"), (http.client.BadStatusLine("220"), "no web server answered"), (gzip.BadGzipFile("Not a gzipped file"), "what came is not MNIST"),
    (urllib.error.HTTPError("u", 403, "Forbidden", {}, None), r"the server refuses \(403 Forbidden\)"), (urllib.error.HTTPError("u", 407, "Authentication", {}, None), "the proxy wants a password"),
    (urllib.error.URLError(OSError("Tunnel connection failed: 403 Forbidden")), "the proxy refuses"), (OSError(28, "No space left on device"), "No space left"),
], ids=lambda value: value if isinstance(value, str) else type(getattr(value, "reason", value)).__name__)
def test_the_notice_says_why_there_is_no_mnist(tmp_path, monkeypatch, capsys, error, told):
    def fail(*args, **settings): raise error
    monkeypatch.setattr(data, "_fetch", fail)
    monkeypatch.delenv("MNIST_GRAPH_DATA", raising=False)
    assert load_mnist(cache_dir=tmp_path).name == "digits"
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and said.startswith("Using scikit-learn's 1,797 small digits in place of MNIST, which could not be had: ")
    assert len(re.findall(told, said)) == 1
    with pytest.raises(OSError, match=told): load_mnist("mnist", cache_dir=tmp_path)

def test_a_proxy_is_named_but_not_its_password(tmp_path, monkeypatch, capsys):
    for name in ("no_proxy", "NO_PROXY"): monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://me:secret@127.0.0.1:9")
    monkeypatch.setattr(data.download, "__defaults__", (("http://mirror.invalid/",),))
    monkeypatch.delenv("MNIST_GRAPH_DATA", raising=False)
    load_mnist(cache_dir=tmp_path)
    said = capsys.readouterr().out
    assert "the connection was refused, by way of the proxy that http_proxy names" in said and "secret" not in said

def test_a_server_that_hangs_is_given_up(tmp_path, monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(data._fetch, "__defaults__", (.2,))
        monkeypatch.setattr(data.download, "__defaults__", ((f"http://127.0.0.1:{server.getsockname()[1]}/",),))
        monkeypatch.delenv("MNIST_GRAPH_DATA", raising=False)
        assert load_mnist(cache_dir=tmp_path).name == "digits" and "no answer in time" in capsys.readouterr().out

def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.delenv("MNIST_GRAPH_DATA", raising=False)
    assert load_mnist(cache_dir=tmp_path / "cache").name == "digits" and str(tmp_path / "cache") in capsys.readouterr().out

# The book on images of the reader's own

def run_book(monkeypatch, tmp_path, *only):
    for name in ("MNIST_GRAPH_DATA", "MNIST_GRAPH_DEVICE"): monkeypatch.delenv(name, raising=False)
    return main(["run", "--data", str(tmp_path / "turned"), "--out", str(tmp_path / "out"), "--device", "cpu", "--profile", "--only", *only])

def turned_digits():
    "Three of the embedded digits, turned by a quarter, a few times each and a little moved: not what the text is about."
    digits, rng = data.load_mnist("digits", validation=0), np.random.default_rng(0)
    def turned(split, count):
        kept = np.resize(np.flatnonzero(np.isin(split.labels, (0, 1, 8))), count)
        images = np.rot90(255 * split.images[kept].reshape(-1, 28, 28), axes=(1, 2)).astype(np.uint8)
        moved = [np.roll(image, rng.integers(-2, 3, 2), (0, 1)) for image in images]
        return np.stack(moved), np.searchsorted((0, 1, 8), split.labels[kept]).astype(np.uint8)
    return turned(digits.train, 1_500), turned(digits.test, 320)

def test_the_book_runs_on_them_and_judges_nothing(tmp_path, monkeypatch, capsys):
    write_idx(tmp_path / "turned", *turned_digits())
    (tmp_path / "turned" / "labels.txt").write_text("\n".join(PETS))
    assert run_book(monkeypatch, tmp_path, "fingerprint_panels", "fingerprints") == 0
    said = capsys.readouterr().out
    assert "data    turned" in said and said.count("images to train on") == 1
    told = re.findall(r"Not so for these data: \w+", (tmp_path / "out/04_fingerprints.ipynb").read_text())
    assert 0 < len(told) < 15
    cells = json.loads((tmp_path / "out/04_fingerprints.ipynb").read_text())["cells"]
    code = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    slow = re.findall(r"^fingerprints +\d+ +[\d.]+ s  (.+)$", said.partition("slowest cells")[2], re.M)
    assert slow and all(line in code for line in slow)
    assert "These pages were run on turned." in "".join(cells[1]["source"])
    shown = json.dumps([cell.get("outputs") for cell in cells], ensure_ascii=False)
    for text in ("Three panels, one per class", "A cat, rightly read as cat", "the eel has a mean of", r'\"classes\":[\"cat\",\"dog\",\"eel\"]'):
        assert text in shown, text

def rare(classes, images, labels, left):
    "The same with only so many images of the last class."
    kept = np.concatenate([np.flatnonzero(labels < classes - 1), np.flatnonzero(labels == classes - 1)[:left]])
    return images[kept], labels[kept]

@pytest.mark.parametrize("trained, tested, left, told", [
    (900, 500, 99, "810 images to train on; the book's figures need 1300"), (2_000, 200, 99, "200 to test; the book's figures need 300"),
    (2_000, 600, 19, "19 to test of eel; the book's figures need 20")], ids=["train", "test", "rarest"])
def test_what_is_too_little_for_the_book_is_refused_before_it_runs(tmp_path, monkeypatch, capsys, trained, tested, left, told):
    write_idx(tmp_path / "turned", shapes(trained, 3), rare(3, *shapes(tested, 3, seed=1), left) if left < 99 else shapes(tested, 3, seed=1))
    (tmp_path / "turned" / "labels.txt").write_text("\n".join(PETS))
    assert run_book(monkeypatch, tmp_path, "device") != 0
    assert f"turned has {told}. mnist-graph-tutorial train --data takes fewer" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()

def test_a_page_run_on_named_classes_says_which():
    files = ImageFiles([shapes(2_000, 3), shapes(300, 3)], tuple(PETS), Path("pets"), [])
    assert "in three classes: 0 cat, 1 dog, 2 eel. The text" in book._fit_and_notice(files, "pets")
    assert not book._fit_and_notice(files, "pets").endswith("would name them.")
    unnamed = book._fit_and_notice(files._replace(classes=("0", "1", "2")), "pets")
    assert "in three classes. The text" in unnamed and unnamed.endswith("so they are called digits, by their numbers; a `labels.txt` beside the images would name them.")

def test_a_page_without_images_of_the_run_has_no_notice(tmp_path):
    shown = {path.stem: book._loads_images(json.loads(path.read_text())["cells"]) for path in sorted((project() / "nbs").glob("*.ipynb"))}
    assert all(shown[name] for name in ("index", "03_mnist_net", "04_fingerprints", "05_ideal_images", "06_draw_a_digit", "12_data"))
    for name in ("02_matrix_inverse", "34_fingerprint_panels", "39_digit_pad", "60_page_dream", "61_page_training", "63_page_fingerprint", "66_page_shift", "67_strokes"):
        assert not shown[name], name  # made-up numbers, or the package's digits whatever the images
    for code, told in (("load_mnist()", True), ('load_mnist("digits")', False), ("#| exports\nload_mnist()", False)):
        nb = dict(cells=[dict(cell_type="markdown", source=["# A"]), dict(cell_type="code", source=[code], outputs=[], execution_count=None)], metadata={}, nbformat=4, nbformat_minor=5)
        book._keep(Executed(Path("a.ipynb"), nb, 1, 0., ""), tmp_path, "a notice")
        assert ("a notice" in (tmp_path / "a.ipynb").read_text()) is told

def test_what_a_claim_is_of_which_images():
    part = Split(np.zeros((1, 784), np.float32), np.zeros(1, np.int32))
    assert [Mnist(part, part, part, name).expected(mnist=1, digits=2) for name in ("mnist", "digits", "pets")] == [1, 2, 2]
