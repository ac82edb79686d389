"""The bench: what a row is worth, what is absent, and a quick measurement as the command makes it."""
import gc, json, time
import numpy as np
import pytest
from mnist_graph_tutorial import bench, contenders
from mnist_graph_tutorial.bench import Report, Timing, is_here, measure, table, timing
from mnist_graph_tutorial.contenders import CONTENDERS, WORKS, Contender
import tensorflow as tf

def test_the_books_own_comes_first_and_every_work_has_a_rival():
    for work in WORKS.keys() - {"drawing"}:
        own, *others = [c for c in CONTENDERS if c.work == work]
        assert own.name == "one compiled graph" and (own.part, own.needs, own.target) == (1, "", 0)
        assert any(c.target for c in others)
    assert {c.work for c in CONTENDERS} == set(WORKS)

def test_a_drawing_is_held_against_its_own_tracing(monkeypatch):
    drawings = [c for c in CONTENDERS if c.work == "drawing"]
    assert [c.name for c in drawings] == [f"{way} {what}" for what in ("100 operations", "1,000 operations", "a Keras training step")
                                          for way in ("tracing", "drawing")]
    assert all(c.beside == alone.name for k, c in enumerate(drawings) for alone in [drawings[k - k % 2]])
    def takes(seconds): return lambda: lambda: time.sleep(seconds)
    pairs = [Contender("drawing", name, takes(seconds), beside=beside)
             for name, seconds, beside in (("a", .02, "a"), ("A", .04, "a"), ("b", .002, "b"), ("B", .02, "b"))]
    monkeypatch.setattr(bench, "CONTENDERS", pairs)
    ratios = {t.name: t.ratio for t in measure(["drawing"], runs=3).timings}
    assert ratios["a"] == ratios["b"] == 1 and ratios["A"] < 4 < ratios["B"]

def test_the_drawings_do_all_of_it_anew():
    trace, draw = (c.prepare() for c in CONTENDERS if c.name.endswith(" 100 operations"))
    assert len([op for op in trace().graph.get_operations() if op.type == "Sin"]) == 100
    assert trace() is not trace() and draw().count("<svg") >= 1

def test_a_part_is_multiplied_up_and_the_first_call_is_not():
    row = timing(Contender("inverse", "half", None, part=.5, target=3), first=9., times=[1., 2., 3.], ours=2.)
    assert row == Timing("inverse", "half", 9., 4., 1., 2., 3)

def test_what_is_not_installed_is_named_and_not_run(monkeypatch):
    def must_not_run(): raise AssertionError("prepared all the same")
    own = Contender("images", "one compiled graph", lambda: lambda: None)
    monkeypatch.setattr(bench, "CONTENDERS", [own, Contender("images", "in Fortran", must_not_run, needs="no_such_package")])
    report = measure(["images"], runs=2)
    assert [t.name for t in report.timings] == ["one compiled graph"]
    assert report.absent == ["in Fortran (no_such_package is not installed)"]
    assert table(report).endswith("\nAbsent: in Fortran (no_such_package is not installed).")

@pytest.mark.parametrize("works", [["invers"], ["epoch", "all"]])
def test_unknown_work_is_refused_before_anything_is_timed(works):
    with pytest.raises(ValueError, match="is not one of inverse, epoch, images, drawing"): measure(works)

def test_the_contenders_compute_the_same():
    "The products of the book and, where it is installed, JAX's loop."
    learned = contenders.inverse_compiled()()
    assert learned.losses[0] == 10 and learned.losses[-1] < 4
    if not is_here(Contender("", "", None, needs="jax")): pytest.skip("JAX is not installed")
    for product in (None, contenders.broadcast_product):
        (X, _), losses = contenders.inverse_in_jax(product)()
        assert losses.shape == (1000,)
        np.testing.assert_allclose(losses[:9], learned.losses[1:10], atol=1e-4)

@pytest.mark.parametrize("prepare, steps, whole", [
    (contenders.inverse_in_session, 5_000, 100_000), (contenders.epoch_in_session, 550, 550),
    (contenders.images_in_session, 50, 10 * 1_000)])
def test_a_session_takes_the_steps_of_its_part(prepare, steps, whole, monkeypatch):
    monkeypatch.setenv("MNIST_GRAPH_DATA", "digits")
    fetched = []
    monkeypatch.setattr(tf.compat.v1.Session, "run", lambda session, fetches, feed=None: fetched.append(fetches))
    do_part = prepare()
    fetched.clear()
    do_part()
    assert len(fetched) == steps and all(any(isinstance(f, tf.Operation) for f in fetches) for fetches in fetched)
    assert [round(c.part * whole) for c in CONTENDERS if c.prepare is prepare] == [steps]

@pytest.mark.parametrize("prepare", [contenders.inverse_in_session, contenders.epoch_in_session, contenders.images_in_session])
def test_a_session_is_closed_with_its_contender(prepare, monkeypatch):
    monkeypatch.setenv("MNIST_GRAPH_DATA", "digits")
    closed, close = [], tf.compat.v1.Session.close
    monkeypatch.setattr(tf.compat.v1.Session, "close", lambda session: closed.append(session.graph) or close(session))
    part = prepare()
    assert closed == []
    del part
    gc.collect()
    assert len(closed) == 1

def test_a_quick_measurement(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MNIST_GRAPH_DATA", "digits")
    report = bench.bench(["images"], quick=True, json_file=tmp_path / "bench.json", device="cpu")
    assert Report.load(tmp_path / "bench.json") == report and json.loads((tmp_path / "bench.json").read_text())["runs"] == 2
    own, author = report.timings
    assert own.ratio == 1 and author.ratio > 10 and author.median == pytest.approx(author.ratio * own.median)
    said = capsys.readouterr().out
    assert "Ten ideal images, 1,000 steps:" in said and "| the author's loop " in said and "TensorFlow" in said and "Keras" in said
    rows = [line for line in said.splitlines() if line.startswith("|")]
    assert len({line.index("|", 1) for line in rows}) == 1 and len(rows) == 4
