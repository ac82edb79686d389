"""Arguments that make no sense, and files that are never half written."""
import math, os, stat
from decimal import Decimal
import numpy as np
import pytest
from mnist_graph_tutorial.checks import (check_place, digest, not_negative, one_of, positive, put, read_arrays, whole,
                                         write_arrays, write_by_rename)

@pytest.mark.parametrize("value", [1, 7, np.int64(3), np.uint8(2)])
def test_whole_numbers_pass(value): whole(epochs=value)

@pytest.mark.parametrize("value", [0, -1, 1.0, True, "3", None, math.nan, np.float32(2), Decimal(2), [1]])
def test_other_values_are_no_whole_numbers(value):
    with pytest.raises(ValueError, match="^epochs is .*; it must be a whole number from 1 up$"): whole(epochs=value)

def test_whole_numbers_from_another_one_on():
    whole(0, seed=0)
    with pytest.raises(ValueError, match="^seed is -1; it must be a whole number from 0 up$"): whole(0, seed=-1)

@pytest.mark.parametrize("value", [1e-300, 3, np.float32(.5)])
def test_positive_numbers_pass(value): positive(rate=value)

@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan, True, "1", None, 1j])
def test_other_values_are_not_positive(value):
    with pytest.raises(ValueError, match="^rate is .*; it must be positive and finite$"): positive(rate=value)

@pytest.mark.parametrize("value", [-1e-9, math.inf, math.nan, "0", None])
def test_negative_values_are_refused(value):
    not_negative(l1=0, l2=0.25)
    with pytest.raises(ValueError, match="^l1 is .*; it must be zero or more, and finite$"): not_negative(l1=value)

def test_the_wrong_one_of_several_is_named():
    with pytest.raises(ValueError, match="^batch_size is 0"): whole(epochs=3, batch_size=0)
    with pytest.raises(ValueError, match="^initial 'xavier' is not one of post, he$"): one_of(("post", "he"), initial="xavier")
    one_of({"post": 1}, initial="post")

def test_a_digest_tells_arrays_apart_by_shape_and_type_too():
    arrays = np.zeros(4, np.float32), np.zeros(4, np.int32), np.zeros((2, 2), np.float32), np.zeros(8, np.float32)
    assert len({digest(array) for array in arrays} | {digest(arrays[0][:2], arrays[0][2:])}) == 5
    assert digest(b"bytes") == digest(b"bytes") != digest(b"other")

def test_a_place_is_made_or_refused(tmp_path):
    assert check_place(tmp_path / "new" / "a.npz") == (tmp_path / "new" / "a.npz").resolve()
    assert (tmp_path / "new").is_dir()
    with pytest.raises(IsADirectoryError, match="name of a file"): check_place(tmp_path)
    with pytest.raises(OSError, match="device"): check_place("/dev/null")

def test_arrays_come_back_as_they_were(tmp_path):
    write_arrays(tmp_path / "deep" / "a.npz", a=np.arange(3), b="words")
    kept = read_arrays(tmp_path / "deep" / "a.npz")
    assert kept["a"].tolist() == [0, 1, 2] and str(kept["b"]) == "words"
    assert os.listdir(tmp_path / "deep") == ["a.npz"]

@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive", bytes(range(99))])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match="a.npz: not a NumPy archive"): read_arrays(tmp_path / "a.npz")

def test_pickled_objects_are_not_read(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.array([{}], object))
    with pytest.raises(ValueError, match="not a NumPy archive"): read_arrays(tmp_path / "a.npz")

@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, error):
    def half(file):
        file.write(b"half")
        raise error
    put(tmp_path / "a.txt", "old")
    with pytest.raises(type(error)): write_by_rename(tmp_path / "a.txt", half)
    assert os.listdir(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"

def test_text_is_written_in_utf_8_through_a_link(tmp_path):
    put(tmp_path / "real.txt", "old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    put(tmp_path / "link.txt", "größer\n")
    assert (tmp_path / "link.txt").is_symlink() and (tmp_path / "real.txt").read_bytes() == "größer\n".encode()
    assert stat.S_ISREG((tmp_path / "real.txt").stat().st_mode)
