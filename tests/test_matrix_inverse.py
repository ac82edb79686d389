"""Learning an inverse: both ways against NumPy and each other, odd shapes and counts, refusals."""
import json, re
from pathlib import Path
import matplotlib.pyplot as plt
import numpy as np
import pytest
from mnist_graph_tutorial import inverting, matrix_inverse
from mnist_graph_tutorial.device import traces
from mnist_graph_tutorial.matrix_inverse import (METHODS, descent, l1_error, learn_inverse, learn_inverse_in_session,
                                                 newton_schulz, product, random_matrix)
import tensorflow as tf

BOTH = [learn_inverse, learn_inverse_in_session]
ALL = [*BOTH, newton_schulz]

def adagrad_in_numpy(A, steps, rate):
    "The post's steps, written a third time, in float64: X and the losses before each step and at the end."
    X, squares, losses = np.zeros(A.shape), np.full(A.shape, 0.1), []
    for _ in range(steps):
        residual = X @ A - np.eye(len(A))
        losses.append(np.abs(residual).sum())
        slope = np.sign(residual) @ A.T
        squares += slope ** 2
        X -= rate * slope / np.sqrt(squares)
    return X, [*losses, np.abs(X @ A - np.eye(len(A))).sum()]

def safe_rate(A): return 1 / (2 * np.sum(np.square(A, dtype=float)))

@pytest.mark.parametrize("learn", BOTH)
@pytest.mark.parametrize("n", [1, 2, 10, 17])
def test_the_steps_are_adagrads(learn, n):
    A = np.random.default_rng(n).normal(size=(n, n))    # no whole numbers: no sum is exactly zero
    X, losses = adagrad_in_numpy(A, 60, 1 / 128)
    result = learn(A, steps=60, learning_rate=1 / 128, log_every=1, dtype="float64")
    np.testing.assert_allclose(result.X, X, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(result.losses, losses, rtol=1e-9)
    np.testing.assert_allclose(result.residual, X @ A - np.eye(n), atol=1e-9)

@pytest.mark.parametrize("seed", range(3))
def test_session_and_graph_agree_in_float32(seed):
    A = random_matrix(seed)
    session, graph = (learn(A, steps=1_000, log_every=50) for learn in BOTH)
    assert session.X.dtype == graph.X.dtype == session.losses.dtype == graph.losses.dtype == np.float32
    assert np.abs(session.losses - graph.losses).max() < 2e-5
    assert np.abs(session.X - graph.X).max() < 1e-6

@pytest.mark.parametrize("learn", BOTH)
@pytest.mark.parametrize("steps,every", [(1, 1), (1, 100), (7, 3), (9, 3), (50, 49)])
def test_losses_stand_at_their_steps(learn, steps, every):
    A = random_matrix(5)
    every_step = learn(A, steps=steps, log_every=1).losses
    marks = sorted({*range(0, steps, every), steps})
    result = learn(A, steps=steps, log_every=every)
    np.testing.assert_allclose(result.losses, every_step[marks], rtol=1e-6)
    assert result.losses[0] == 10
    assert np.isclose(np.abs(result.residual).sum(), result.losses[-1], rtol=1e-5)

@pytest.mark.parametrize("method", METHODS)
def test_a_stack_learns_what_each_matrix_learns_alone(method):
    A = np.stack([random_matrix(seed) for seed in range(4)]).astype(np.float32)
    rates, marks = np.float32([[1e-4], [2e-4], [1e-4], [3e-4]]), tf.constant([0, 200, 500])
    X, losses = descent(METHODS[method], l1_error)(tf.constant(A), tf.constant(rates), marks)
    assert X.shape == (4, 10, 10) and losses.shape == (3, 4)
    for k in range(4):
        alone = learn_inverse(A[k], method=method, learning_rate=rates[k, 0], steps=500, log_every=500)
        np.testing.assert_allclose(X[k], alone.X, atol=1e-6)
        assert np.isclose(losses[-1, k], alone.losses[-1], rtol=1e-4)

@pytest.mark.parametrize("n", [1, 16, 17, 40])
def test_product_is_the_matrix_product(n):
    X, A = np.random.default_rng(n).normal(size=(2, 3, n, n))
    np.testing.assert_allclose(product(tf.constant(X), tf.constant(A)), X @ A, rtol=1e-9, atol=1e-9)

def test_one_trace_for_any_matrix_rate_and_number_of_steps():
    graph = descent(METHODS["post"], l1_error)
    learn_inverse(random_matrix(0), steps=30, log_every=10)
    before = traces(graph)
    for k in range(1, 6): learn_inverse(random_matrix(k), steps=30 * k, log_every=10 * k, learning_rate=k / 100)
    assert traces(graph) == before

def test_a_method_that_is_redefined_is_learned_with_anew(monkeypatch):
    A, settings = random_matrix(0), dict(method="mine", steps=20, learning_rate=1e-4)
    monkeypatch.setitem(METHODS, "mine", METHODS["post"])
    first = learn_inverse(A, **settings)
    monkeypatch.setitem(METHODS, "mine", METHODS["squared"])
    assert not np.array_equal(first.X, learn_inverse(A, **settings).X)

def test_a_rate_that_diverges_is_refused():
    with pytest.raises(ValueError, match="diverged"): learn_inverse(random_matrix(0), method="squared", steps=1_000)

def test_nothing_is_kept_for_each_step():
    graph = descent(METHODS["post"], l1_error)
    A, rate, marks = tf.constant(np.float32(random_matrix(0))), tf.constant(0.01), tf.constant([0, 50_000])
    text = graph.experimental_get_compiler_ir(A, rate, marks)(stage="optimized_hlo")
    sizes = [np.prod([int(n) for n in shape.split(",")]) for shape in re.findall(r"f32\[([\d,]+)\]", text)]
    assert max(sizes) <= 1_000     # the largest is the product before its sum, 10 x 10 x 10, which is never stored

@pytest.mark.parametrize("seed", [0, 11, 13, 23])
def test_mended_below_a_thousandth(seed):
    A = random_matrix(seed)
    assert np.linalg.cond(A) < 45
    assert np.abs(learn_inverse(A, method="decay", learning_rate=0.2).residual).sum() < 1e-3
    assert np.abs(learn_inverse(A, method="squared", learning_rate=safe_rate(A)).residual).sum() < 1e-3

@pytest.mark.parametrize("n", [1, 2, 10, 30])
def test_newton_schulz_is_the_inverse(n):
    for seed in range(5):
        A = np.random.default_rng([n, seed]).normal(size=(n, n))
        result = newton_schulz(A, steps=60)
        assert result.X.dtype == np.float64 and len(result.losses) == 61
        np.testing.assert_allclose(result.X, np.linalg.inv(A), rtol=1e-6, atol=1e-9 * np.linalg.cond(A))
        assert result.losses[-1] == pytest.approx(np.abs(result.residual).sum(), abs=1e-8)
        assert result.losses[-1] < max(result.losses[0], 1e-12)

def test_lists_tensors_and_whole_numbers_are_matrices_too():
    A = random_matrix(1)
    kept = A.copy()
    forms = A, A.tolist(), tf.constant(A), A.astype(np.float32), np.asfortranarray(A)
    results = [learn_inverse(form, steps=20) for form in forms]
    for result in results: np.testing.assert_array_equal(result.X, results[0].X)
    np.testing.assert_array_equal(A, kept)

BAD_MATRICES = {
    "must be square": [np.ones((2, 3)), np.ones(4), np.ones((2, 2, 2)), 3.0, np.ones((0, 0))],
    "singular": [np.ones((3, 3)), np.zeros((2, 2)), [[1, 2], [2, 4]]],
    "not finite": [np.full((3, 3), np.nan), np.diag([1, np.inf]), np.eye(2) * 1e39],
    "real numbers": [np.eye(2) * 1j, [["a"]], [[1, 2], [3]], None]}

def refusal(call) -> str:
    with pytest.raises(ValueError) as refused: call()
    text = str(refused.value)
    assert text and "\n" not in text
    return text

@pytest.mark.parametrize("learn", ALL)
@pytest.mark.parametrize("said", BAD_MATRICES)
def test_matrices_that_are_refused(learn, said):
    for A in BAD_MATRICES[said]: assert said in refusal(lambda: learn(A, steps=1, dtype="float32"))

@pytest.mark.parametrize("learn", BOTH)
@pytest.mark.parametrize("name,values", {"steps": [0, -5, 1.5, np.nan, "9"], "log_every": [0, -1, 2.0],
                                         "learning_rate": [0, -0.1, np.nan, np.inf], "dtype": ["float16"]}.items())
def test_settings_that_are_refused(learn, name, values):
    for value in values: assert name in refusal(lambda: learn(random_matrix(0), **{name: value}))

def test_other_settings_that_are_refused():
    assert "post, decay, squared" in refusal(lambda: learn_inverse(random_matrix(0), method="newton"))
    for steps in (0, -1, 0.5): assert "steps" in refusal(lambda: newton_schulz(random_matrix(0), steps=steps))

def test_solutions_of_the_exercises():
    "Two of them outside the notebook: the other side's inverse, and the steps that the squared loss takes."
    cells = json.loads((Path(__file__).parent.parent / "nbs/02_matrix_inverse.ipynb").read_text())["cells"]
    page = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    solutions = re.findall(r"<summary>Solution</summary>.*?```python\n(.*?)```", page, re.S)
    A = random_matrix(7)
    names = dict(np=np, learn_inverse=learn_inverse, A=A, stretches=np.linalg.svd(A)[1],
                 check_other_side=print, check_steps=print)
    exec(solutions[1], names)
    assert np.abs(A @ names["X_other"] - np.eye(10)).sum() < 5
    exec(solutions[2], names)
    losses = learn_inverse(A, method="squared", learning_rate=safe_rate(A), dtype="float64").losses
    assert 1_000 / np.log(losses[100] / losses[110]) == pytest.approx(names["predicted"], rel=0.02)

def test_the_posts_method_creeps_on():
    assert learn_inverse(random_matrix(7), steps=10_000_000, log_every=10_000).losses[-1] < 0.1

@pytest.mark.parametrize("name", ["LearnedInverse", "learn_inverse_in_session", "post_graph", "product"])
def test_names_of_the_chapter_that_moved_behind_it(name):
    assert getattr(matrix_inverse, name) is getattr(inverting, name)

def test_rows_of_losses_stand_under_their_steps():
    head, *rows = inverting.loss_table({"a": [10, 5, 2.5], "long name of a run": [1, 0, 0]}, at=(0, 20), every=10).splitlines()
    assert head.split() == ["loss", "at", "step", "0", "20"]
    assert [row.split()[-2:] for row in rows] == [["10", "2.5"], ["1", "0"]]
    assert len({len(row) for row in (head, *rows)}) == 1

def test_drawings_tell_what_they_show():
    many = np.geomspace(10, 1, 50)
    pairs, path = np.array([[8.0, 6.0], [7.0, 6.0]]), np.linspace(0, 1, 80)[:, None] * [1.0, -1.0]
    drawn = {"1.0 at the end": inverting.draw_verdict(many, np.eye(10)), "b at 1.0": inverting.draw_curves(dict(a=many, b=many)),
             "reaches 10.00": inverting.draw_parting(many), "loss of 0.00": inverting.draw_valley(pairs, np.array([1, 0]), path),
             "50 matrices": inverting.draw_scatter(many, dict(a=many)),
             "is at 10 after 1 steps": inverting.draw_paths(dict(a=([0, 1], [10, 10])))}
    for said, (figure, alt) in drawn.items():
        assert said in alt
        plt.close(figure)

def told(figure, alt):
    plt.close(figure)
    return alt

def test_drawings_claim_nothing_that_is_not_drawn():
    pairs, goal = np.array([[8.0, 6.0], [7.0, 6.0]]), np.array([1.0, 0.0])
    straight = np.linspace(0, 1, 80)[:, None] * [1.0, -1.0]
    to_and_fro = straight + np.arange(80)[:, None] % 2 * [.1, .1]
    assert "more than a right angle 0 times in its first 60 steps" in told(*inverting.draw_valley(pairs, goal, straight))
    assert "more than a right angle 59 times in its first 60 steps" in told(*inverting.draw_valley(pairs, goal, to_and_fro))
    assert "at an angle of 90 degrees" in told(*inverting.draw_valley(np.array([[1.0, 1], [1, -1]]), goal, straight))
    assert "never above 0.0001" in told(*inverting.draw_parting(np.full(20, 1e-6)))
    late = told(*inverting.draw_parting(np.array([1e-6, 2e-6, .03, .01])))
    assert "first above 0.0001 at step 200, where it is 3e-02, after at most 2e-06 before; it reaches 0.03" in late
    assert "starting at 9 and 7; at the end a at 1.0, b at 2.0. At no step are they more than 3 apart" in told(
        *inverting.draw_curves(dict(a=[9, 4, 1], b=[7, 1, 2, 2])))
    wrong = np.eye(10)
    wrong[3, 7], wrong[1, 2] = -.6, .2
    verdict = told(*inverting.draw_verdict([9, 5, 4], wrong))
    assert "elsewhere from -0.6 to 0.2. The largest error is 0.6 in column 7" in verdict and "and 0.2 in the others" in verdict

def test_momentum_takes_the_steps_that_numpy_takes():
    A, rate = random_matrix(0, 3).astype(float), 1e-4
    X, stride = np.zeros((3, 3)), np.zeros((3, 3))
    for _ in range(3):
        stride = .9 * stride - rate * 2 * (X @ A - np.eye(3)) @ A.T
        X = X + stride
    np.testing.assert_allclose(learn_inverse(A, method="squared", steps=3, learning_rate=rate, dtype="float64").X, X, rtol=1e-9)

def test_newton_schulz_starts_small_enough_for_a_lopsided_matrix():
    A = np.eye(10)
    A[:, 0] = 1
    assert newton_schulz(A).losses[-1] < 1e-9 and newton_schulz(A.T).losses[-1] < 1e-9
