"""Tests runs from Python: the same bits as from the command line, callbacks that follow and stop a run, metrics."""

import subprocess

import numpy as np
import pytest

import stillpoint as sp
from stillpoint.runs import program

SHORT = {"epochs": 1, "train_sequences": 40, "valid_sequences": 10, "test_sequences": 10, "log_every": 2, "seed": 3}


def test_a_run_has_the_bits_of_the_command_line(tmp_path):
    run = sp.train("copy-memory", run=tmp_path / "python", preset="quick", **SHORT)
    words = [part for name, value in SHORT.items() for part in ("--set", f"{name}={value}")]
    subprocess.run([program(), "train", "copy-memory", "--preset", "quick", "--run", tmp_path / "shell", *words], check=True,
                   capture_output=True)
    ours, theirs = run.metrics("train"), sp.Run(tmp_path / "shell").metrics("train")
    assert len(ours["loss"]) > 5 and np.array_equal(ours["loss"], theirs["loss"])
    checkpoints = [(tmp_path / name / "checkpoint.safetensors").read_bytes() for name in ("python", "shell")]
    tensors = [data[8 + int.from_bytes(data[:8], "little"):] for data in checkpoints]
    assert len(tensors[0]) > 1000 and tensors[0] == tensors[1]
    assert run.config["config"]["seed"] == 3 and run.results is not None
    assert "<svg" in run._repr_html_()


def test_a_callback_sees_every_row(tmp_path):
    rows = []
    run = sp.train("copy-memory", run=tmp_path / "run", preset="quick", callback=rows.append, **SHORT)
    assert [row["step"] for row in rows if row["split"] == "train"] == list(run.metrics("train")["step"])
    assert {"valid", "test"} <= {row["split"] for row in rows}


def test_a_callback_stops_a_run_that_keeps_its_state(tmp_path):
    long = {**SHORT, "epochs": 1000}
    run = sp.train("copy-memory", run=tmp_path / "run", preset="quick", callback=lambda row: row["step"] < 4, **long)
    assert (run.folder / "checkpoint.safetensors").exists()
    assert 4 <= run.metrics("train")["step"].max() < 10000

    def raises(row):
        raise LookupError("mine")
    with pytest.raises(LookupError, match="mine"):
        sp.train("copy-memory", run=tmp_path / "other", preset="quick", callback=raises, **long)
    assert (tmp_path / "other" / "checkpoint.safetensors").exists()


def test_errors_of_the_program_are_exceptions(tmp_path):
    with pytest.raises(sp.Error, match="epochs"):
        sp.train("copy-memory", run=tmp_path / "run", epochs=-1)
    with pytest.raises(sp.Error, match="Run: given .*, expected a folder with config.json, name a run's folder"):
        sp.Run(tmp_path)
    with pytest.raises(sp.Error):
        sp.predict(tmp_path, ["a.png"])


def test_predictions_of_a_run(tmp_path):
    draw = np.random.default_rng(2)
    lines = ["label,a,b,c,d"]
    for name, sign in [("up", 1), ("down", -1)] * 30:
        lines.append(",".join([name, *(f"{v:.3f}" for v in sign * (1 + draw.uniform(size=4)))]))
    (tmp_path / "walks.csv").write_text("\n".join(lines) + "\n")
    run = sp.train("sequence", run=tmp_path / "run", data=tmp_path / "walks.csv", epochs=20, tcn_blocks=2)
    found = sp.predict(run, [tmp_path / "walks.csv"])
    assert len(found) == 60
    assert sum(row["class"] == line.split(",")[0] for row, line in zip(found, lines[1:])) > 55


def test_the_spectrum_of_a_run(tmp_path):
    sizes = {**SHORT, "train_sequences": 20, "valid_sequences": 5, "test_sequences": 5, "blank": 10}
    run = sp.train("copy-memory", run=tmp_path / "run", preset="quick", model="deq", **sizes)
    found = sp.spectrum(run, tmp_path / "spectrum", trajectories=15, held_out=4, steps=4)
    assert found["inputs"] == 15 and len(found["eigenvalues"]) == found["features"]
    with pytest.raises(sp.Error, match="cannot open 'x'"):
        sp.predict(run, ["x"])
