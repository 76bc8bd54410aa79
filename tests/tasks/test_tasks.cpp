// Tests tasks and the training loop: data, splits, resume, interruption, non-finite losses, damage.
#include <cmath>
#include <fstream>
#include <sstream>

#include "engine/io/checkpoint.h"
#include "engine/io/safetensors.h"
#include "tasks/io/image.h"
#include "tasks/io/metrics.h"
#include "tasks/paper/copy_memory.h"
#include "tasks/training/order.h"
#include "tasks/training/train.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/metrics_rows.h"
#include "tests/support/safetensors_data.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

Json tiny_copy_memory(const Json& changes = Json::object()) {
  static const Json tiny = Json::parse(R"({
    "blank": 10, "train_sequences": 12, "valid_sequences": 3, "test_sequences": 3, "batch": 5, "epochs": 4,
    "tcn_blocks": 2, "tcn_channels": 4, "tcn_kernel": 3, "d_phi": 8, "d_psi": 8, "hidden": 8, "deq_features": 8,
    "deq_heads": 2, "deq_inner": 8, "lr": 0.01, "log_every": 1, "shuffle": true})");
  return task_kind("copy-memory").resolve({{tiny, "test"}, {changes, "changes"}});
}

struct Finished {
  TrainOutcome outcome;
  std::string printed;
};

Finished run(const Json& config, const fs::path& folder, bool resume = false, Index stop_after = -1,
             const char* task = "copy-memory") {
  std::ostringstream out;
  TrainRequest request{
      .kind = &task_kind(task), .config = config, .folder = folder, .resume = resume, .should_stop = {}};
  if (stop_after >= 0) request.should_stop = [stop_after](Index step) { return step >= stop_after; };
  const TrainOutcome outcome = train(request, out);
  return {outcome, out.str()};
}

std::string refusal(const Json& config, const fs::path& folder, bool resume = false, Index stop_after = -1) {
  return error_text([&] { run(config, folder, resume, stop_after); });
}

// Returns every tensor of a checkpoint, byte for byte.
std::vector<std::string> contents(const fs::path& folder) {
  const SafetensorsFile file(folder / checkpoint_name);
  std::vector<std::string> out;
  for (const SafetensorsPlace& entry : file.entries()) {
    std::string data(entry.size, '\0');
    file.read(entry, data.data());
    out.push_back(entry.name + data);
  }
  return out;
}

// Returns the rows of metrics.jsonl without the times.
std::vector<std::string> logged(const fs::path& folder) {
  std::vector<std::string> out;
  for (nlohmann::json row : test::rows_of(folder / "metrics.jsonl")) {
    row.erase("time");
    out.push_back(row.dump());
  }
  return out;
}

fs::path write_picture(const fs::path& folder, Index height = 16, Index width = 12) {
  Image image{height, width, 3, {}};
  for (Index i = 0; i < height * width; ++i)
    for (Index c = 0; c < 3; ++c) image.rgb.push_back(std::uint8_t((i * (c + 1) * 7) % 256));
  write_png(folder / "picture.png", image);
  return folder / "picture.png";
}

}  // namespace

TEST_CASE("copy-memory sequences have the layout of the task", "[tasks]") {
  const CopyMemoryData data = CopyMemoryData::make(50, 500, 7);
  REQUIRE(data.length == 520);
  bool seen[10] = {};
  for (std::size_t n = 0; n < 50; ++n)
    for (std::size_t t = 0; t < 520; ++t) {
      const float x = data.x[n * 520 + t];
      const int y = data.y[n * 520 + t];
      if (t < 10) {
        REQUIRE((x >= 1 && x <= 8));
        seen[int(x)] = true;
        REQUIRE(data.y[n * 520 + 510 + t] == int(x));
      } else {
        REQUIRE(x == (t < 509 ? 0 : 9));
      }
      if (t < 510) REQUIRE(y == 0);
    }
  for (int digit = 1; digit <= 8; ++digit) CHECK(seen[digit]);
  CHECK(CopyMemoryData::make(50, 500, 7).x == data.x);
  CHECK(CopyMemoryData::make(50, 500, 8).x != data.x);
}

TEST_CASE("an epoch visits every example once, in an order of its own", "[tasks]") {
  const EpochOrder order{3, 10, true};
  std::vector<Index> first, second;
  for (Index step = 0; step < 3; ++step)
    for (Index row : order.batch(step, 4)) first.push_back(row);
  for (Index step = 3; step < 6; ++step)
    for (Index row : order.batch(step, 4)) second.push_back(row);
  CHECK(first != second);
  std::sort(first.begin(), first.end());
  for (Index i = 0; i < 10; ++i) CHECK(first[std::size_t(i)] == i);
  CHECK(order.batch(2, 4).size() == 2);
  CHECK(EpochOrder{3, 10, false}.batch(4, 4) == std::vector<Index>{4, 5, 6, 7});
}

TEST_CASE("a run writes its folder and learns", "[tasks]") {
  const TempDir folder;
  const Finished done = run(tiny_copy_memory({{"epochs", 30}}), folder / "run");
  CHECK(done.outcome.finished);
  CHECK(done.outcome.steps == 90);
  for (const char* name :
       {"config.json", "metrics.jsonl", "checkpoint.safetensors", "results.json", "loss.svg", "loss.csv"})
    CHECK(fs::exists(folder / "run" / name));
  const auto rows = test::rows_of(folder / "run" / "metrics.jsonl");
  CHECK(rows.back()["loss"].get<double>() < 0.5 * rows.front()["loss"].get<double>());
  bool events = false;
  for (const auto& entry : fs::directory_iterator(folder / "run"))
    events = events || entry.path().filename().string().starts_with("events.out.tfevents.");
  CHECK(events);
}

TEST_CASE("a DEQ learns, and its run tells what its solvers did", "[tasks]") {
  const TempDir folder;
  const Json config = tiny_copy_memory({{"model", "deq"},
                                        {"epochs", 40},
                                        {"solver_steps", 12},
                                        {"adjoint_steps", 9},
                                        {"adjoint_tolerance", 0},
                                        {"jacobian_weight", 0.01}});
  const Finished done = run(config, folder / "run");
  CHECK_THAT(done.printed, mentions("forward_steps", "adjoint_residual"));
  const auto rows = test::rows_of(folder / "run" / "metrics.jsonl");
  std::vector<double> losses;
  for (const auto& row : rows) {
    if (row["split"] != "train") {
      CHECK_FALSE(row.contains("forward_steps"));
      continue;
    }
    losses.push_back(row["loss"].get<double>());
    const double forward = row["forward_steps"].get<double>();
    CHECK(forward > 0);
    CHECK(forward <= 12);
    CHECK(row["adjoint_steps"].get<double>() == 9);
    CHECK(row["adjoint_converged"].get<double>() == 0);  // no residual is below a tolerance of zero
    CHECK(row["evaluations"].get<double>() == forward + 9);
    CHECK(row["adjoint_residual"].get<double>() < 1.1);  // 1 is that of the start, zero
    // Either all samples converge, or the steps ran out.
    CHECK((row["forward_converged"].get<double>() == 1 || forward == 12));
  }
  REQUIRE(losses.size() == 120);
  CHECK(losses.back() < 0.5 * losses.front());
}

TEST_CASE("a resumed run is bit-identical to one that was never stopped", "[tasks]") {
  for (const char* model : {"single", "two", "tcn", "deq"}) {
    const TempDir folder;
    const Json config = tiny_copy_memory({{"model", model}, {"schedule", "cosine"}, {"log_every", 2}});
    run(config, folder / "whole");
    for (const Index stop : {1, 6, 7}) {
      const fs::path parts = folder / text("parts", stop);
      const Finished stopped = run(config, parts, false, stop);
      CHECK_FALSE(stopped.outcome.finished);
      CHECK_THAT(stopped.printed, mentions("Resume with", "--resume " + parts.string()));
      CHECK(run(config, parts, true).outcome.finished);
      CHECK(contents(parts) == contents(folder / "whole"));
      CHECK(logged(parts) == logged(folder / "whole"));
      CHECK(Json::parse(read_file(parts / "results.json")).at("seconds").get<double>() >=
            test::rows_of(parts / "metrics.jsonl").front().at("time").get<double>());
    }
  }
}

Json tiny_picture(const fs::path& picture) {
  return {{"image", picture.string()}, {"phi_hidden", 16}, {"d_phi", 16}, {"d_psi", 16}, {"hidden", 16}};
}

TEST_CASE("image regression learns, writes pictures and resumes bit-identically", "[tasks]") {
  const TempDir folder;
  const fs::path picture = write_picture(folder.path());
  for (const char* model : {"single", "two", "rff"}) {
    Json settings = tiny_picture(picture);
    settings.update({{"model", model}, {"epochs", 30}, {"evaluate_every", 10}});
    const Json config = task_kind("image-regression").resolve({{settings, "test"}});
    const fs::path whole = folder / text(model, "-whole"), parts = folder / text(model, "-parts");
    const Finished done = run(config, whole, false, -1, "image-regression");
    REQUIRE(done.outcome.metrics.size() == 3);
    CHECK(done.outcome.metrics[2].first == "test");
    CHECK(done.outcome.metrics[2].second[0].first == "psnr");
    run(config, parts, false, 13, "image-regression");
    run(config, parts, true, -1, "image-regression");
    CHECK(contents(parts) == contents(whole));
    const Image prediction = read_image(whole / "prediction.png"),
                pair = read_image(whole / "truth_and_prediction.png");
    CHECK(prediction.width == 12);
    CHECK(prediction.height == 16);
    CHECK(pair.width == 2 * 12 + 8);
    const auto rows = test::rows_of(whole / "metrics.jsonl");
    CHECK(rows.back()["loss"].get<double>() < rows.front()["loss"].get<double>());
  }
}

TEST_CASE("image regression in minibatches visits every pixel once an epoch and resumes exactly", "[tasks]") {
  const TempDir folder;
  Json settings = tiny_picture(write_picture(folder.path()));
  settings.update({{"epochs", 3}, {"batch", 20}});
  const TaskKind& kind = task_kind("image-regression");
  for (const bool retrain : {false, true}) {
    settings["retrain"] = retrain;
    const Json config = kind.resolve({{settings, "test"}});
    const std::unique_ptr<Task> task = kind.make(config, Device::cpu);
    const std::size_t pixels = retrain ? 96 : 48;  // half or a quarter of 16 x 12 pixels
    REQUIRE(task->facts().steps_per_epoch == (retrain ? 5 : 3));
    std::set<std::pair<double, double>> seen;
    for (Index step = 0; step < task->facts().steps_per_epoch; ++step) {
      const std::vector<Tensor> batch = task->batch(step);
      const std::vector<double> x = batch[0].values();
      for (std::size_t i = 0; i < x.size(); i += 2) seen.insert({x[i], x[i + 1]});
      CHECK(batch[1].dim(0) == batch[0].dim(0));
    }
    CHECK(seen.size() == pixels);
    CHECK(task->batch(0)[0].values() !=
          task->batch(task->facts().steps_per_epoch)[0].values());  // the first batch of the next epoch

    const fs::path whole = folder / text("whole", retrain), parts = folder / text("parts", retrain);
    run(config, whole, false, -1, "image-regression");
    run(config, parts, false, 4, "image-regression");
    run(config, parts, true, -1, "image-regression");
    CHECK(contents(parts) == contents(whole));
  }
}

TEST_CASE("a loss that is not finite stops the run, names the step and keeps the checkpoint", "[tasks]") {
  const TempDir folder;
  // The first step throws the weights so far away that a later one overflows.
  const Json config = tiny_copy_memory({{"lr", 1e6}, {"clip", 0}, {"epochs", 50}, {"optimiser", "sgd"}});
  const std::string message = refusal(config, folder / "run");
  CHECK_THAT(message, mentions("train", "at step", "epoch", "lower lr or set clip"));
  // A run that trains well and then fails keeps what it had saved.
  const Json good = tiny_copy_memory({{"epochs", 2}, {"optimiser", "sgd"}});
  run(good, folder / "good");
  const auto before = contents(folder / "good");
  const Json bad = tiny_copy_memory({{"epochs", 50}, {"lr", 1e6}, {"clip", 0}, {"optimiser", "sgd"}});
  CHECK_THAT(refusal(bad, folder / "good", true), mentions("the loss is", "at step", "of step 6 is kept"));
  CHECK(contents(folder / "good") == before);
}

TEST_CASE("folders, pictures and checkpoints that are wrong are refused", "[tasks]") {
  const TempDir folder;
  const Json config = tiny_copy_memory();
  run(config, folder / "run");
  CHECK_THAT(refusal(config, folder / "run"), mentions("holds another run of 12 steps", "--resume"));
  CHECK_THAT(refusal(config, folder / "nothing", true), mentions("nothing"));
  std::ofstream(folder / "file") << "x";
  CHECK_THAT(refusal(config, folder / "file"), mentions("file"));
  const auto image_run = [&](const std::string& image) {
    return error_text([&] {
      run(task_kind("image-regression").resolve({{{{"image", image}, {"epochs", 1}}, "test"}}),
          folder / "image", false, -1, "image-regression");
    });
  };
  CHECK_THAT(image_run(""), mentions("no image"));
  CHECK_THAT(image_run((folder / "absent.png").string()), mentions("absent.png"));
  CHECK_THAT(image_run((folder / "file").string()), mentions("file"));
  CHECK_THAT(image_run(write_picture(folder.path(), 1, 5).string()), mentions("5 x 1", "at least 2 x 2"));
  const fs::path checkpoint = folder / "run" / checkpoint_name;
  fs::resize_file(checkpoint, fs::file_size(checkpoint) - 10);
  fs::remove(folder / "run" / previous_name);
  CHECK_THAT(refusal(config, folder / "run", true), mentions("checkpoint.safetensors"));
}

TEST_CASE("a finished run is left as it is, and one killed while it finished logs nothing twice", "[tasks]") {
  const TempDir folder;
  const Json config = tiny_copy_memory({{"epochs", 2}});
  const fs::path path = folder / "run", log = path / "metrics.jsonl";
  run(config, path);
  const auto rows = logged(path);
  CHECK(rows.size() == 6 + 2 + 1);
  const std::string whole = read_file(log);
  const Finished again = run(config, path, true);
  CHECK(again.outcome.finished);
  CHECK(again.outcome.metrics.size() == 2);
  CHECK_THAT(again.printed, mentions("finished already, after 6 steps"));
  CHECK(read_file(log) == whole);
  for (const std::size_t lost : {std::size_t(0), std::size_t(1), std::size_t(2)}) {  // rows lost at the end
    fs::remove(path / "results.json");
    fs::resize_file(log, fs::file_size(log) - (lost > 0 ? 5 : 0));
    CHECK(run(config, path, true).outcome.finished);
    CHECK(logged(path) == rows);
    CHECK(fs::exists(path / "results.json"));
  }
}

TEST_CASE("a run that ended before it saved anything can be begun again and resumed", "[tasks]") {
  const TempDir folder;
  const Json config = tiny_copy_memory();
  const fs::path whole = folder / "whole", path = folder / "run";
  run(config, whole);
  for (const bool resume : {false, true}) {
    fs::remove_all(path);
    run(config, path, false, 0);
    for (const char* name : {checkpoint_name, previous_name}) fs::remove(path / name);
    std::ofstream(path / "metrics.jsonl", std::ios::trunc) << "{\"step\":";
    CHECK(run(config, path, resume).outcome.finished);
    CHECK(contents(path) == contents(whole));
    CHECK(logged(path) == logged(whole));
  }
  CHECK_THAT(refusal(config, path), mentions("run", "holds", "--resume"));
}

TEST_CASE("the previous checkpoint replaces a damaged one, and stays until a whole one exists", "[tasks]") {
  const TempDir folder;
  const Json config = tiny_copy_memory();
  const fs::path whole = folder / "whole", path = folder / "run";
  run(config, whole);
  run(config, path, false, 7);  // has checkpoints of steps 6 and 7
  std::ofstream(path / checkpoint_name, std::ios::trunc) << "damaged";
  CHECK(find_checkpoint(path).record.step == 6);
  CHECK_THAT(find_checkpoint(path).remark, mentions("the newest checkpoint is left out", "of step 6"));
  const std::string previous = read_file(path / previous_name);
  const Finished resumed = run(config, path, true, 8);
  CHECK_THAT(resumed.printed, mentions("the newest checkpoint is left out"));
  CHECK(read_file(path / previous_name) == previous);
  run(config, path, true);
  CHECK(contents(path) == contents(whole));
  CHECK(logged(path) == logged(whole));
  std::ofstream(path / checkpoint_name, std::ios::trunc) << "damaged";
  std::ofstream(path / previous_name, std::ios::trunc) << "damaged";
  CHECK_THAT(refusal(config, path, true), mentions(checkpoint_name, previous_name, "either"));
}

TEST_CASE("checkpoints by time change no bit, and a log that has lost rows is said to have", "[tasks]") {
  const TempDir folder;
  const fs::path whole = folder / "whole", path = folder / "run";
  run(tiny_copy_memory(), whole);
  const Json config = tiny_copy_memory({{"checkpoint_minutes", 1e-9}, {"checkpoint_every", 100}});
  run(config, path, false, 5);
  CHECK(find_checkpoint(path).record.step == 5);
  CHECK(read_run_record(read_checkpoint_record(path / previous_name), "previous").step == 4);
  const fs::path lost = folder / "lost";
  fs::copy(path, lost);
  run(config, path, true);
  CHECK(contents(path) == contents(whole));
  CHECK(logged(path) == logged(whole));
  fs::resize_file(lost / "metrics.jsonl", 0);
  CHECK_THAT(run(config, lost, true).printed,
             mentions("metrics.jsonl lacks", "at step 5", "weights are whole"));
  CHECK(contents(lost) == contents(whole));
}

TEST_CASE("every field of a checkpoint's record is checked", "[tasks]") {
  const TempDir folder;
  const Json config = tiny_copy_memory({{"log_every", 5}});
  run(config, folder / "run", false, 7);
  const SafetensorsFile file(folder / "run" / checkpoint_name);
  const test::LoadedEntries loaded(file);
  const Json good = read_checkpoint_record(file.path());
  CHECK(good["loss_count"] == 2);
  fs::create_directory(folder / "bad");
  const auto resumed_with = [&](Json record) {
    save_safetensors(folder / "bad" / checkpoint_name, loaded.entries, {{"stillpoint", record.dump()}});
    return refusal(config, folder / "bad", true, 8);
  };
  for (const Json& wrong : Json::parse(R"([
         ["step", -1], ["step", 1000000000000000000], ["step", 13], ["step", 6], ["step", 7.5], ["step", "7"],
         ["step", null], ["step", 18446744073709551615], ["epoch", 3], ["epoch", -1], ["loss_sum", null],
         ["loss_sum", "x"], ["loss_count", 0], ["loss_count", 3], ["loss_count", -2], ["log_rows", -2],
         ["content", 3], ["task", 5], ["config", 5], ["unknown", 1]])")) {
    Json record = good;
    record[wrong[0].get<std::string>()] = wrong[1];
    INFO(wrong);
    CHECK_THAT(resumed_with(record), mentions(checkpoint_name));
  }
  for (const char* name : {"task", "config", "step", "epoch", "loss_sum", "loss_count"}) {
    Json record = good;
    record.erase(name);
    INFO(name);
    CHECK_THAT(resumed_with(record), mentions(checkpoint_name, "its record"));
  }
  Json old = good;
  old.erase("log_rows");
  old.erase("content");
  save_safetensors(folder / "bad" / checkpoint_name, loaded.entries, {{"stillpoint", old.dump()}});
  CHECK(run(config, folder / "bad", true, 8).outcome.steps == 8);
}

}  // namespace stillpoint
