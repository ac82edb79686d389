"""What counts as the same when two runs of a notebook are compared, and what does not."""
import json
import pytest
from compare import differences, share_moved

PNG = "iVBORw0KGgo"
def output(**data): return dict(output_type="display_data", metadata={}, data=data)
def nb(*cells): return dict(cells=[dict(cell_type="code", source=source.splitlines(True), outputs=list(outs)) for source, outs in cells])
def printed(text, source="show()"): return nb((source, [dict(output_type="stream", name="stdout", text=text.splitlines(True))]))
def html(text): return nb(("show()", [output(**{"text/html": text.splitlines(True), "text/plain": ["<HTML object>"]})]))

def picture(shift=0, size=(200, 100), noise=0, blank=False, turned=False):
    "An `<img>` of a curve on white."
    import base64, io
    import numpy as np
    from PIL import Image
    pixels = np.full(size[::-1], 255, np.uint8)
    columns = np.arange(size[0])
    for thick in range(-2, 3): pixels[((np.sin(columns / 20) * .4 + .5) * (size[1] - 10) + 3 + thick + shift).astype(int) % size[1], columns] = 0
    if blank: pixels[:] = 255
    if turned: pixels = pixels[::-1]
    if noise: pixels[::10, ::20] = np.clip(pixels[::10, ::20].astype(int) - noise, 0, 255)
    raw = io.BytesIO()
    Image.fromarray(pixels).save(raw, "png")
    return f'<img alt="a curve" src="data:image/png;base64,{base64.b64encode(raw.getvalue()).decode()}">'

def player(frames, caption="loss 0.51", count=None):
    pictures = [picture(shift) for shift in frames]
    data = dict(controls=[dict(name="epoch", values=list(range(len(frames))))], pictures=pictures, texts=[caption] * len(frames))
    return f'<figure>{pictures[0]}<script type="application/json">{json.dumps(data)}</script><figcaption>{caption}</figcaption></figure>'

@pytest.mark.parametrize("saved,fresh", [
    (printed("loss 0.0312, 1,234 of 10,000"), printed("loss 0.0309, 1,240 of 10,000")),
    (printed("[0.12 3.  ]"), printed("[0.119 3.01]")),
    (printed("1e-12"), printed("3.1e-09")),
    (html(picture()), html(picture(noise=40))),
    (html(player([0, 2], "loss 0.51")), html(player([0, 2], "loss 0.50"))),
    (printed("3.1 seconds", "#| timing\nshow()"), printed("9 minutes", "#| timing\nshow()")),
    (html('const weights = "' + "Ab1+" * 100 + '"'), html('const weights = "' + "Cd2/" * 100 + '"')),
], ids=["digits", "blanks", "tiny", "noise", "caption", "timing", "weights"])
def test_small_differences_pass(saved, fresh): assert differences(saved, fresh) == []

@pytest.mark.parametrize("saved,fresh", [
    (printed("accuracy 0.98"), printed("accuracy 0.91")),
    (printed("accuracy 0.98"), printed("precision 0.98")),
    (printed("7"), printed("-7")),
    (printed("nan"), printed("0.1")),
    (printed("1,234"), printed("12,340")),
    (printed("the digit is 4"), nb(("show()", []))),
    (printed("4"), nb(("show(other)", printed("4")["cells"][0]["outputs"]))),
    (html(picture()), html(picture(shift=6))),
    (html(picture()), html(picture(size=(200, 120)))),
    (html(picture()), html("<p>no picture</p>")),
    (html(player([0, 2])), html(player([0, 2, 4]))),
    (html(player([0, 2])), html(player([0, 9]))),
    (html(player([0, 2], "loss 0.51")), html(player([0, 2], "loss 0.71"))),
    (html('const weights = "' + "Ab1+" * 100 + '"'), html('const weights = "' + "Ab1+" * 50 + '"')),
    (printed("accuracy " + "0.98 " * 50), printed("accuracy " + "0.98 " * 49 + "0.588 ")),
    (html(picture()), html(picture(blank=True))),
    (html(picture() * 9), html(picture() * 8 + picture(turned=True))),
    (nb(("a", []), ("b", [])), nb(("a", []))),
    (html('<b data-net="net-dee8cd1e">'), html('<b data-net="pad-dee8cd1e">')),
    (html('<b data-net="net-dee8cd1e">'), html('<b data-net="net-4f6c7e40">')),
], ids=["number", "word", "sign", "nan", "magnitude", "missing", "code", "moved", "size", "gone", "frames", "frame",
        "caption", "weights", "two thirds", "blank", "turned", "cells", "named", "network"])
def test_real_changes_are_found(saved, fresh): assert len(differences(saved, fresh)) == 1

def numbers(*changed): return printed(" ".join(str(dict(changed).get(k, k)) for k in range(100, 200)))

def test_a_few_numbers_may_stray_but_not_far():
    assert differences(numbers(), numbers((110, 140), (150, 120))) == []
    assert len(differences(numbers(), numbers(*((k, k + 60) for k in range(100, 110))))) == 1
    assert differences(numbers(), numbers((110, 1100))) == ["show(): number '110' is now '1100'"]
    assert len(differences(numbers(), numbers((110, -110)))) == len(differences(numbers(), numbers((110, "nan")))) == 1

def test_a_few_pictures_may_stray_but_not_far_and_keep_their_size():
    saved = player(range(7))
    assert differences(html(saved), html(player([*range(6), 7]))) == []
    assert len(differences(html(saved), html(player([1, 2, 3, *range(3, 7)])))) == 1
    assert len(differences(html(saved), html(player([*range(6), 8])))) == 1
    assert len(differences(html(picture() + saved), html(picture(size=(200, 120)) + saved))) == 1

def plotted(values):
    "A figure with axes and one thin line."
    import base64, io
    import matplotlib.pyplot as plt
    fig, ax = plt.subplots(figsize=(5, 3))
    ax.plot(values)
    ax.set(ylim=(0, 1), xlabel="epoch", ylabel="loss")
    raw = io.BytesIO()
    fig.savefig(raw, format="png")
    plt.close(fig)
    return f"data:image/png;base64,{base64.b64encode(raw.getvalue()).decode()}"

def test_a_thin_line_that_turns_is_found_among_many_pictures():
    rising = [k / 50 for k in range(51)]
    saved = plotted(rising)
    assert differences(html(saved * 9), html(saved * 8 + plotted([.005 + y * .99 for y in rising]))) == []
    for other in (rising[::-1], [.5] * 51): assert len(differences(html(saved * 9), html(saved * 8 + plotted(other)))) == 1

def test_a_shade_in_a_tiny_picture_is_no_change():
    import numpy as np
    from PIL import Image
    a = Image.fromarray(np.full((16, 16, 3), 200, np.uint8))
    shade, black = (Image.fromarray(np.full((16, 16, 3), level, np.uint8)) for level in (202, 0))
    assert share_moved(a, shade) == 0 and share_moved(a, black) == 1

def test_of_a_chaotic_cell_words_and_sizes_count():
    chaotic = "#| chaotic\nshow()"
    assert differences(printed("39 of 2,000 wrong", chaotic), printed("4 of 2,000 wrong", chaotic)) == []
    assert len(differences(printed("39 of 2,000 wrong", chaotic), printed("39 of 2,000 right", chaotic))) == 1
    assert len(differences(printed("39", chaotic), printed("38", chaotic), exact=True)) == 1
    drawn = lambda **shape: nb((chaotic, [output(**{"text/html": [picture(**shape)]})]))
    assert differences(drawn(), drawn(shift=20)) == [] and len(differences(drawn(), drawn(size=(200, 120)))) == 1

def test_exact_finds_the_last_digit_but_no_timing():
    assert len(differences(printed("0.98031"), printed("0.98032"), exact=True)) == 1
    assert differences(printed("3.1", "#| timing\nshow()"), printed("3.2", "#| timing\nshow()"), exact=True) == []

def test_a_difference_names_the_cell_and_both_values():
    assert differences(printed("accuracy 0.98"), printed("accuracy 0.91")) == ["show(): number '0.98' is now '0.91'"]

