"""`eigenlm vectors ...`: made of a text, asked, converted, evaluated; bad values in a line."""

import json
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from eigenlm.allowed import VECTOR_METHODS
from eigenlm.cli import main
from eigenlm.cli.vectors.bias import VectorsBiasCommand
from eigenlm.vectors.bias import METRICS as METRICS_OF_BIAS
from eigenlm.vectors.formats import read_vectors
from eigenlm.vectors.methods import METHODS
from tests.vectors.test_spectral import two_topics


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vectors")
    (folder / "text.txt").write_text(two_topics(), encoding="utf-8")
    out = folder / "made"
    settings = ["power=0.5", "weighting=linear"]  # two topics are one direction, which less would hide
    words = ["--out", str(out), "--dim", "8", "--window", "4", "--set", *settings, "-q"]
    assert main(["vectors", "train", str(folder / "text.txt"), *words]) == 0
    return out


def said(capsys, *words: str) -> dict:
    assert main(["vectors", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_space_is_made_asked_and_says_how_it_was_made(made, capsys):
    told = json.loads((made / "made.json").read_text())
    assert (told["method"], told["dim"], told["window"], told["power"]) == ("ppmi-svd", 8, 4, 0.5)
    near = said(capsys, "neighbours", str(made), "sea1", "--k", "3")["neighbours"]
    assert all(one["word"].startswith("sea") for one in near)
    assert said(capsys, "similarity", str(made), "sea1", "sea2")["cosine"] > 0.5
    assert said(capsys, "odd-one-out", str(made), "sea1", "hill2", "sea3")["odd"] == "hill2"
    asked = said(capsys, "ask", str(made), "sea1 - sea2 + hill3", "--k", "2")
    assert len(asked["answers"]) == 2
    assert not {"sea1", "sea2", "hill3"} & {one["word"] for one in asked["answers"]}


def test_the_words_of_a_question_are_told_with_their_rank(made, capsys):
    assert main(["vectors", "ask", str(made), "sea1 + sea2"]) == 0
    out = capsys.readouterr().out
    assert "The words of the question are left out; with them, sea1 would be number" in out


def test_formats_are_converted_and_the_first_words_taken(made, tmp_path, capsys):
    told = said(capsys, "convert", str(made), "--out", str(tmp_path / "v.bin"), "--max-words", "5")
    assert told["num_words"] == 5
    assert tuple(read_vectors(tmp_path / "v.bin").words) == tuple(read_vectors(made).words[:5])


def test_questions_and_pairs_of_ones_own_are_evaluated(made, tmp_path, capsys):
    (tmp_path / "q.txt").write_text(": topics\nsea1 sea2 hill1 hill2\nsea1 sea3 hill1 nobody\n")
    (tmp_path / "p.tsv").write_text("sea1\tsea2\t9\nsea1\thill2\t1\nsea3\tsea4\t8\nhill1\tsea2\t0\n")
    words = ("evaluate", str(made), "--analogies", str(tmp_path / "q.txt"), "--pairs", str(tmp_path / "p.tsv"))
    told = said(capsys, *words)
    assert [one["asked"] for one in told["analogies"]] == [1, 1]
    assert told["pairs"][0]["spearman"]["value"] > 0.5
    assert main(["vectors", *words]) == 0
    assert "nothing left out" in capsys.readouterr().out


def test_a_space_is_compressed_and_what_that_costs_told(made, tmp_path, capsys):
    (tmp_path / "q.txt").write_text("sea1 sea2 hill1 hill2\n")
    (tmp_path / "p.tsv").write_text("sea1\tsea2\t9\nsea1\thill2\t1\nsea3\tsea4\t8\nhill1\tsea2\t0\n")
    words = ("compress", str(made), "--analogies", str(tmp_path / "q.txt"), "--pairs", str(tmp_path / "p.tsv"))
    told = said(capsys, *words, "--dim", "4", "--bits", "4", "--out", str(tmp_path / "small"))
    assert (told["dim_before"], told["dim"], told["bits"]) == (8, 4, 4)
    assert [one["name"] for one in told["scores"]] == ["analogies", "analogies, nothing left out", "p"]
    small = read_vectors(tmp_path / "small")
    assert (len(small), small.dim) == (told["num_words"], 4)
    assert (tmp_path / "small" / "codes.npy").stat().st_size < (made / "vectors.npy").stat().st_size / 3
    near = said(capsys, "neighbours", str(tmp_path / "small"), "sea1", "--k", "3")["neighbours"]
    assert all(one["word"].startswith("sea") for one in near)
    assert main(["vectors", "compress", str(made), "--without-top", "1", "--out", str(tmp_path / "v.vec")]) == 0
    assert "still among them" in capsys.readouterr().out
    assert read_vectors(tmp_path / "v.vec").dim == 8


def test_a_space_is_turned_into_itself_by_words_of_one_spelling(made, tmp_path, capsys):
    (tmp_path / "pairs.txt").write_text(
        "\n".join(f"{topic}{i} {topic}{i}" for topic in ("sea", "hill") for i in range(1, 9))
    )
    words = ("align", str(made), str(made), "--pairs", str(tmp_path / "pairs.txt"), "--out", str(tmp_path / "v.bin"))
    told = said(capsys, *words)
    assert told["precision"][0]["csls"]["value"] == 1
    assert (told["trained"], told["held_out"]) == (13, 3)
    before, after = read_vectors(made), read_vectors(tmp_path / "v.bin")
    assert (after.vectors - before.vectors).abs().max() < 1e-4
    assert main(["vectors", *words[:-1], str(tmp_path / "w.bin")]) == 0
    assert "among the first 5" in capsys.readouterr().out


def test_a_space_is_reshaped_by_labels_and_by_pairs(made, tmp_path, capsys):
    topics = [(f"{topic}{i}", topic) for topic in ("sea", "hill") for i in range(1, 9)]
    (tmp_path / "labels.txt").write_text("\n".join(" ".join(line) for line in topics))
    (tmp_path / "pairs.txt").write_text("\n".join(f"sea{i} sea{i + 1}" for i in range(1, 8)))
    told = said(capsys, "reshape", str(made), "--labels", str(tmp_path / "labels.txt"), "--out", str(tmp_path / "v"))
    assert told["effect"][2]["difference"]["value"] > 0
    assert read_vectors(tmp_path / "v").dim == 8
    assert main(["vectors", "reshape", str(made), "--pairs", str(tmp_path / "pairs.txt")]) == 0
    assert "the nearest is one it belongs with" in capsys.readouterr().out


def test_an_index_is_built_once_and_asked(made, tmp_path, capsys):
    told = said(capsys, "index", str(made), "--out", str(tmp_path / "index"))
    assert told["recall"]["value"] >= 0.95
    exact, indexed = (said(capsys, "neighbours", str(made), "sea1", *more) for more in ((), ("--index", told["out"])))
    assert indexed["neighbours"][0]["word"] == exact["neighbours"][0]["word"]
    answers = said(capsys, "ask", str(made), "sea1 + hill1", "--index", told["out"], "--k", "2")["answers"]
    assert len(answers) == 2


def test_settings_of_one_method_are_set_by_name(made, tmp_path, capsys):
    words = ["train", str(made.parent / "text.txt"), "--out", str(tmp_path / "v"), "--set", "power=0", "shift=5"]
    assert said(capsys, *words)["shift"] == 5
    assert tuple(METHODS) == VECTOR_METHODS


@pytest.mark.parametrize("method", VECTOR_METHODS[1:])
def test_every_method_has_a_command_and_its_own_losses(made, tmp_path, capsys, method):
    words = ("train", str(made.parent / "text.txt"), "--out", str(tmp_path / "v"), "--method", method, "--dim", "8")
    told = said(capsys, *words, "--set", "epochs=3", "--min-count", "1")
    assert len(told["losses"]) == 3
    assert read_vectors(tmp_path / "v").dim == 8


LEAN = "sea1,sea2,sea3,sea4 / hill1,hill2,hill3,hill4 ~ sea5,sea6 / hill5,hill6"
BAD = [
    (["ask", "MADE", "sea1 - nobody"], "expected a word that has a vector, got 'nobody'"),
    (["neighbours", "MADE", "seax"], "did you mean sea"),
    (["neighbours", "MADE", "sea1", "--k", "0"], "k: expected at least 1, got 0"),
    (["ask", "MADE", "sea1 -"], "expected a word after every sign"),
    (["odd-one-out", "MADE", "sea1", "sea2"], "expected three words or more, got 2"),
    (["train", "TEXT", "--out", "NEW", "--method", "ppmi-sdv"], "did you mean 'ppmi-svd'?"),
    (["train", "TEXT", "--out", "MADE"], "expected a new or empty folder"),
    (["train", "TEXT", "--out", "NEW", "--set", "powr=1"], "did you mean 'power'?"),
    (["train", "TEXT", "--out", "NEW", "--min-count", "100000"], "give more text or a lower count"),
    (["train", "TEXT", "--out", "NEW", "--window", "0"], "expected at least 1, got 0"),
    (["compress", "MADE"], "such as --dim 100 or --bits 8"),
    (["compress", "MADE", "--dim", "9", "--out", "NEW"], "expected from 1 to 8 numbers a row, got 9"),
    (["compress", "MADE", "--bits", "8", "--out", "v.bin"], "other formats hold no rounded numbers"),
    (["compress", "MADE", "--bits", "8", "--out", "MADE"], "expected a place that is not read from"),
    (["compress", "MADE", "--without-top", "-1"], "without_top: expected at least 0, got -1"),
    (["align", "MADE", "nothing-here", "--pairs", "TEXT"], "expected a file or folder of word vectors"),
    (["align", "MADE", "MADE", "--pairs", "TEXT"], "line 1: expected two words, got"),
    (["align", "MADE", "MADE", "--pairs", "TEXT", "--out", "MADE"], "expected a place that is not read from"),
    (["align", "MADE", "MADE", "--pairs", "TEXT", "--penalty", "-1"], "penalty: expected a number of 0 or more"),
    (["reshape", "MADE"], "expected one of --labels and --pairs, got neither"),
    (["reshape", "MADE", "--labels", "TEXT", "--pairs", "TEXT"], "expected one of --labels and --pairs, got both"),
    (["reshape", "MADE", "--labels", "TEXT", "--strength", "0"], "strength: expected a number above 0"),
    (["align", "MADE", "MADE", "--pairs", "TEXT", "--held-out", "1"], "held_out: expected a share between 0 and 1"),
    (["index", "MADE", "--out", "MADE"], "expected a place that is not read from"),
    (["index", "MADE", "--out", "NEW", "--recall", "1"], "recall: expected a share between 0 and 1, got 1.0"),
    (["neighbours", "MADE", "sea1", "--index", "MADE"], "expected an index, got"),
    (["neighbours", "MADE", "sea1", "--index", "NEW"], "expected a file or folder, got nothing there"),
    (["convert", "MADE", "--out", "v.pkl"], "expected an end of .bin"),
    (["neighbours", "nothing-here", "word"], "expected a file or folder of word vectors"),
    (["axis", "MADE", "sea1"], "expected pairs such as man:woman, got 'sea1'"),
    (["axis", "MADE", "sea1:seax"], "did you mean sea"),
    (["axis", "MADE", "sea1:sea1"], "got none between 'sea1' and 'sea1'"),
    (["axis", "MADE", "sea1:hill1", "--words", "nobody"], "expected a word that has a vector, got 'nobody'"),
    (["axis", "MADE", "sea1:hill1", "--k", "0"], "k: expected at least 1, got 0"),
    (["bias", "MADE"], "expected words with vectors, got"),
    (["bias", "MADE", "--query", "sea1,sea2"], "expected groups ~ attributes"),
    (["bias", "MADE", "--query", "sea1 / sea2 ~ hill1 / sea1"], "expected every word once"),
    (["bias", "MADE", "--query", "sea1 / sea2 ~ hill1 / hill2"], "has 1 word with a vector, and 2 are needed"),
    (["bias", "MADE", "--queries", "TEXT"], "expected TOML such as"),
    (["bias", "MADE", "--query", LEAN, "--debias", "v.pkl"], "expected an end of .bin"),
    (["bias", "MADE", "--query", LEAN, "--debias", "MADE"], "expected a place that is not read from"),
    (["bias", "MADE", "--query", LEAN, "--debias", "NEW"], "expected pairs that have vectors, got none of 10"),
    (["bias", "MADE", "--query", LEAN, "--in-sentences", "--metric", "mac"], "expected WEAT alone with --in-sentences"),
]


@pytest.mark.parametrize(("words", "line"), BAD, ids=lambda x: " ".join(x)[:40] if isinstance(x, list) else "")
def test_bad_values_are_told_in_a_line(made, tmp_path, capsys, words, line):
    places = {"MADE": str(made), "TEXT": str(made.parent / "text.txt"), "NEW": str(tmp_path / "new")}
    assert main(["vectors", *(places.get(word, word) for word in words)]) == 2
    told = [said for said in capsys.readouterr().err.splitlines() if said.startswith("eigenlm: ")]
    assert len(told) == 1
    assert line in told[0]
    assert not (tmp_path / "new").exists()


def test_an_axis_is_found_and_words_are_placed_along_it(made, capsys):
    told = said(capsys, "axis", str(made), "sea1:hill1", "sea2:hill2", "--k", "3")
    assert told["energy"] > 0.5
    assert all(one["word"].startswith("sea") for one in told["ends"][0])
    assert all(one["word"].startswith("hill") for one in told["ends"][1])
    placed = said(capsys, "axis", str(made), "sea1:hill1", "--words", "hill3, sea3")["words"]
    assert [one["word"] for one in placed] == ["sea3", "hill3"]
    assert main(["vectors", "axis", str(made), "sea1:hill1", "sea2:hill2"]) == 0
    assert "of pairs with nothing in common it would hold about 50%" in " ".join(capsys.readouterr().out.split())
    assert main(["vectors", "axis", str(made), "sea1:hill1", "-q", "--words", "hill3,sea3"]) == 0
    assert capsys.readouterr().out.split() == ["sea3", "hill3"]


def test_a_typed_question_about_bias_is_answered_in_words_first(made, capsys):
    [answer] = said(capsys, "bias", str(made), "--query", LEAN)["answers"]
    [score] = answer["scores"]
    assert score["finding"].startswith("Sea1 etc. nearer to sea5 etc., hill1 etc. to hill5 etc.")
    assert (score["test"]["ways"], score["test"]["exact"]) == (70, True)
    assert main(["vectors", "bias", str(made), "--query", LEAN, "--metric", "weat", "mac"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "standard deviations" in out
    assert "IsoScore" in out
    assert main(["vectors", "bias", str(made), "--query", LEAN, "-q"]) == 0
    assert capsys.readouterr().out.startswith("query 1: Sea1 etc. nearer to")


def test_vectors_without_a_bias_are_written_and_what_is_left_told(made, tmp_path, capsys):
    pairs = '[debias]\nname = "height"\npairs = [["sea1", "hill1"], ["sea2", "hill2"]]\nspecific = ["sea1"]\n'
    sets = '[sets]\nx = ["sea1", "sea2", "sea3"]\ny = ["hill1", "hill2", "hill3"]\na = ["sea5", "sea6"]\n'
    sets += 'b = ["hill5", "hill6"]\n[[query]]\nname = "q"\ntargets = ["x", "y"]\nattributes = ["a", "b"]\n'
    (tmp_path / "q.toml").write_text(sets + pairs)
    words = ("bias", str(made), "--queries", str(tmp_path / "q.toml"), "--debias", str(tmp_path / "out.bin"))
    told = said(capsys, *words)
    before, after = (told[key][0]["scores"][0]["value"]["value"] for key in ("answers", "after"))
    assert before > 1
    assert after < before
    assert read_vectors(tmp_path / "out.bin").words == read_vectors(made).words
    assert main(["vectors", *words[:-1], str(tmp_path / "again")]) == 0
    assert "WEAT before and after height is taken out" in " ".join(capsys.readouterr().out.split())
    assert read_vectors(tmp_path / "again").dim == 8


def test_measures_of_bias_are_those_that_the_command_names():
    literal = get_type_hints(VectorsBiasCommand)["metric"]
    assert get_args(get_args(literal)[0]) == tuple(METRICS_OF_BIAS)
