"""The store of searches: what it answers, what it forgets, and files that are not one."""

from __future__ import annotations

import random
import sqlite3
from multiprocessing import get_context
from pathlib import Path

import pytest
from mapper.small_spaces import random_space

from red_timeloop.mapper import cache
from red_timeloop.mapper import find as module
from red_timeloop.mapper.find import Found, Question, find, forget
from red_timeloop.mapper.space import Space


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.SWITCH, str(tmp_path / "cache"))
    return tmp_path / "cache"


def a_space() -> Space:
    for seed in range(100):
        space = random_space(random.Random(seed))
        if space is not None and find(space, "edp").nest is not None:
            return space
    raise AssertionError("no such space")


@pytest.mark.parametrize("objective", ["edp", "pareto"])
def test_a_search_done_before_is_not_done_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, objective: module.Objective
) -> None:
    space = a_space()
    forget()
    first = find(space, objective)
    forget()

    def never(*_: object, **__: object) -> Found:
        raise AssertionError("searched again")

    with monkeypatch.context() as patched:
        patched.setattr(module, "_find", never)
        assert find(space, objective) == first
    forget()
    monkeypatch.setattr(cache, "model_version", lambda: {"package": "0", "models": "other"})
    forget()
    monkeypatch.setattr(module, "_find", never)
    with pytest.raises(AssertionError, match="searched again"):
        find(space, objective)


def test_what_was_asked_for_longest_ago_goes_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MOST_BYTES", 50)
    for number in range(10):
        cache.store({str(number): "x" * 10})
        cache.load(["0"])
    kept = [number for number in range(10) if cache.load([str(number)])]
    assert kept == [0, 7, 8, 9]


def _write(writer: int) -> None:
    for number in range(30):
        cache.store({f"{writer} {number}": [writer, number]})


def test_two_writers_lose_nothing(folder: Path) -> None:
    cache.store({"first": 1})
    with get_context("fork").Pool(2) as pool:
        pool.map(_write, range(2))
    wanted = {f"{writer} {number}": [writer, number] for writer in range(2) for number in range(30)}
    assert cache.load([*wanted, "never stored"]) == wanted


@pytest.mark.parametrize("damage", ["a bit", "the file", "the answer", "too few", "no folder"])
def test_a_damaged_store_is_as_good_as_none(folder: Path, damage: str) -> None:
    space = a_space()
    forget()
    wanted = find(space, "edp")
    file = folder / "searches.sqlite"
    if damage in ("a bit", "the answer", "too few"):
        with sqlite3.connect(file) as connection:
            ((key, text),) = connection.execute(
                "SELECT key, answer FROM searches WHERE key = ?",
                (cache.key_of(Question(space, "edp", 60_000, 0, True)),),
            )
            broken = text.replace('"optimal": true', '"optimal": fals')
            text = {"a bit": broken, "the answer": "[{}]", "too few": "[]"}[damage]
            sum_ = "x" if damage == "a bit" else cache._checksum(key, text)
            connection.execute("UPDATE searches SET answer = ?, checksum = ?", (text, sum_))
    elif damage == "the file":
        file.write_bytes(b"no database " * 999)
    else:
        file.unlink()
        folder.rmdir()
        folder.write_text("a file")
    forget()
    assert find(space, "edp") == wanted


def test_the_store_lies_in_the_users_cache_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(cache.SWITCH)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    cache.store({})  # nothing to be kept makes no file
    assert not list(tmp_path.iterdir())
    cache.store({"a": 1})
    assert cache.load(["a"]) == {"a": 1}
    assert (tmp_path / "mine" / "red-timeloop" / "searches.sqlite").is_file()
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.load(["a"]) == {}
    cache.store({"a": 2})
    assert (tmp_path / "home" / ".cache" / "red-timeloop" / "searches.sqlite").is_file()
    monkeypatch.setenv(cache.SWITCH, "off")
    assert cache.load(["a"]) == {}
