"""Data sets of the Hub: where their files are looked for, and how they come from a server that speaks its protocol."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants, snapshot_download

from infomax_bench.base.errors import UserError
from infomax_bench.data import hub
from infomax_bench.data.hub import Asked, found, verified
from tests.data.made_hub import PETS, SHA, Hub, pets, running, write
from tests.data.plugin_files import one_line

NAME = "somebody/pets"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("INFOMAX_BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    write(tmp_path / "served" / NAME, PETS)
    (tmp_path / "served" / NAME / "README.md").write_text("---\nlicense: cc0-1.0\npretty_name: Pets\n---\nAnimals.\n")
    with running(tmp_path / "served") as server:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield server


def names(here: hub.Found | None) -> dict[str, list[str]]:
    assert here is not None
    return {split: [path.name for path in paths] for split, paths in here.files.items()}


WHOLE = {
    "test": ["test-00000-of-00001.parquet"],
    "train": ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"],
}


def test_files_in_the_data_folder_come_first(tmp_path: Path, served: Hub) -> None:
    write(tmp_path / "data/hub" / NAME, PETS)
    here = found(Asked.of(NAME))
    assert names(here) == WHOLE
    assert here is not None
    assert not verified(here), "nothing says what these must be"
    assert served.asked == []


def test_what_is_not_here_is_downloaded_once(tmp_path: Path, served: Hub, cache: Path) -> None:
    """Into the Hub's own cache, where it is found without asking; the card comes with it, and nothing else does."""
    (tmp_path / "served" / NAME / "pets.py").write_text("raise SystemExit('the code of a data set was run')")
    assert found(Asked.of(NAME), download=False) is None
    here = found(Asked.of(NAME))
    assert names(here) == WHOLE
    assert here is not None
    assert here.card is not None
    assert verified(here)
    assert (cache / f"datasets--somebody--pets/snapshots/{SHA}").is_dir()
    files = sorted(path.rpartition("/")[2] for path, _ in served.asked)
    assert files == sorted(["README.md", *WHOLE["test"], *WHOLE["train"]])
    served.shutdown()
    assert names(found(Asked.of(NAME))) == WHOLE


def test_a_download_that_breaks_off_is_resumed(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the byte where it broke off."""
    import huggingface_hub.file_download as theirs

    monkeypatch.setattr(theirs.time, "sleep", lambda _: None)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 100)  # what it counts in
    served.breaks = 1
    assert names(found(Asked.of(NAME))) == WHOLE
    assert [bool(re.fullmatch(r"bytes=[1-9]\d*-", own)) for _, own in served.asked if own] == [True]


def test_what_lacks_alone_is_fetched(served: Hub, cache: Path) -> None:
    """An interrupted download of several files goes on where it was."""
    assert found(Asked.of(NAME)) is not None
    lost = cache / f"datasets--somebody--pets/snapshots/{SHA}/data/train-00001-of-00002.parquet"
    lost.resolve().unlink()
    lost.unlink()
    served.asked.clear()
    assert names(found(Asked.of(NAME))) == WHOLE
    assert [path.rpartition("/")[2] for path, _ in served.asked] == [lost.name]


def test_what_is_there_of_an_interrupted_download_is_not_all(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The split that was done would be divided anew, and be another data set."""

    def interrupted(repo: str, **options: Any) -> None:
        done = [name for name in options["allow_patterns"] if "train" not in name]
        snapshot_download(repo, **{**options, "allow_patterns": done})
        raise KeyboardInterrupt

    with monkeypatch.context() as changed:
        changed.setattr(huggingface_hub, "snapshot_download", interrupted)
        with pytest.raises(KeyboardInterrupt):
            found(Asked.of(NAME))
    assert found(Asked.of(NAME), download=False) is None
    assert names(found(Asked.of(NAME))) == WHOLE


def test_a_file_that_is_not_what_the_hub_says_is_removed(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is fetched again."""
    honest = hub.hashes
    with monkeypatch.context() as changed:
        changed.setattr(hub, "hashes", lambda *own: dict.fromkeys(honest(*own), "0" * 64))
        with pytest.raises(UserError, match=r"pets: .*parquet was damaged on its way and is removed; try") as error:
            found(Asked.of(NAME))
    one_line(error)
    served.asked.clear()
    here = found(Asked.of(NAME))
    assert here is not None
    assert verified(here)
    assert len(served.asked) == 1


@pytest.mark.parametrize("offline", [False, True])
def test_without_a_network_one_line_says_what_to_do(
    offline: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody answers, or HF_HUB_OFFLINE says that nobody is to be asked."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError) as error:
        found(Asked.of(NAME))
    for text in (
        f"hf:{NAME} is not in",
        str(tmp_path / "data/hub" / NAME),
        "127.0.0.1:9 cannot be asked",
        "hf download",
    ):
        assert text in one_line(error)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("somebody/pest", "there is no http://.*/datasets/somebody/pest, or it asks who you are"),
        (f"{NAME}:large", "there is no configuration 'large'; there are: default"),
        ("pets", "say hf:OWNER/NAME"),
        (f"{NAME}:a:b", "say hf:OWNER/NAME"),
        (f"{NAME}:size=3", "say hf:OWNER/NAME"),
        ("some..body/pets", "pets"),
    ],
)
def test_what_there_is_not_is_one_line(argument: str, said: str, served: Hub) -> None:
    with pytest.raises(UserError, match=said) as error:
        found(Asked.of(argument))
    one_line(error)


def test_a_full_disk_is_known_before_the_download(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 90, 10))
    with pytest.raises(UserError, match=r"hf:somebody/pets: .* GB free and .* are needed") as error:
        found(Asked.of(NAME))
    one_line(error)
    assert served.asked == []


def test_a_configuration_is_named_where_there_are_several(tmp_path: Path) -> None:
    root = write(
        tmp_path / "data/hub" / NAME, {f"{own}/train-00000-of-00001.parquet": pets() for own in ("big", "small")}
    )
    with pytest.raises(
        UserError, match=r"has the configurations big, small; say which, as hf:somebody/pets:big"
    ) as error:
        found(Asked.of(NAME))
    one_line(error)
    here = found(Asked.of(f"{NAME}:small"))
    assert here is not None
    assert [path.parent.name for path in here.paths] == ["small"]
    (root / "small/train-00000-of-00001.parquet").rename(root / "small/train-00000-of-00003.parquet")
    with pytest.raises(UserError, match="1 of 3 files of train are there"):
        found(Asked.of(f"{NAME}:small"))


@pytest.mark.slow
def test_from_the_command_line(served: Hub, tmp_path: Path) -> None:
    """As users have it: HF_ENDPOINT and HF_HOME; a bar, and what the card says."""
    environment = {"HF_ENDPOINT": served.url, "HF_HOME": str(tmp_path / "own"), "HOME": str(tmp_path), "PATH": ""}
    command = [sys.executable, "-m", "infomax_bench", "list", "datasets", f"hf:{NAME}"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert "summary   Pets" in done.stdout
    assert "licence   cc0-1.0" in done.stdout
    assert "images    24+12 of 3x5x6" in done.stdout
    assert "Fetching 4 files" in done.stderr
