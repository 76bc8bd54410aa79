// Tests sequences of the user's own: files, what is refused, padding, and training with every model.
#include <cmath>
#include <random>
#include <sstream>

#include "engine/io/files.h"
#include "engine/ops.h"
#include "tasks/data/dataset.h"
#include "tasks/io/npy.h"
#include "tasks/process/python.h"
#include "tasks/sequences/sequence_data.h"
#include "tasks/sequences/sequence_table.h"
#include "tasks/sequences/sequence_task.h"
#include "tests/support/catch.h"
#include "tests/support/command_line.h"
#include "tests/support/data_files.h"
#include "tests/support/error_text.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
using test::Ran;
using test::TempDir;
constexpr TensorOptions f64{DType::float64, Device::cpu};

SequenceScan scan_of(const std::string& csv, const SequenceSettings& settings = {}) {
  SequenceScan scan;
  append_sequences("f", csv, false, "", settings, scan);
  return scan;
}

void refused(const std::string& csv, const SequenceSettings& settings, const Mentions& words) {
  CHECK_THAT(error_text([&] { scan_of(csv, settings); }), words);
}

Ran run(std::vector<std::string> arguments, const fs::path& folder) {
  if (arguments[0] == "train") {
    for (const char* word : {"--device", "cpu", "--run"}) arguments.push_back(word);
    arguments.push_back(folder.string());
  }
  return test::run_command(arguments);
}

// Returns the arguments with --set for each.
std::vector<std::string> with(std::vector<std::string> arguments, const std::vector<std::string>& settings) {
  for (const std::string& setting : settings) arguments.insert(arguments.end(), {"--set", setting});
  return arguments;
}

Json result_of(const fs::path& run) { return read_json_file(run / "results.json"); }

// Random walks that rise or fall, of 4 to 12 steps: a class that the sign of the last step shows.
std::string walks(int count) {
  std::mt19937 random(3);
  std::ostringstream csv;
  csv << "label";
  for (int t = 0; t < 12; ++t) csv << ",t" << t;
  for (int i = 0; i < count; ++i) {
    const int length = 4 + int(random() % 9), sign = random() % 2 ? 1 : -1;
    csv << '\n' << (sign > 0 ? "rising" : "falling");
    for (int t = 0; t < 12; ++t) {
      csv << ',';
      if (t < length) csv << sign * (t + double(random() % 100) / 100);
    }
  }
  return csv.str() + "\n";
}

// The adding problem of Hochreiter and Schmidhuber (1997): a number and a mark in each step; the target is
// the sum of the two marked numbers.
std::string adding(int count, int length) {
  std::mt19937 random(5);
  std::ostringstream csv;
  csv << "series,number,mark,label\n";
  for (int i = 0; i < count; ++i) {
    const int marks[] = {int(random() % unsigned(length / 2)),
                         length / 2 + int(random() % unsigned(length / 2))};
    std::vector<double> x;
    for (int t = 0; t < length; ++t) x.push_back(double(random() % 1000) / 1000);
    for (int t = 0; t < length; ++t)
      csv << 's' << i << ',' << x[std::size_t(t)] << ',' << (t == marks[0] || t == marks[1]) << ','
          << x[std::size_t(marks[0])] + x[std::size_t(marks[1])] << '\n';
  }
  return csv.str();
}

// Words a b c a b c ... that begin anywhere, of 5 to 12 letters.
std::string letters(int count) {
  std::mt19937 random(7);
  std::string csv = "p1,p2,p3,p4,p5,p6,p7,p8,p9,p10,p11,p12\n";
  for (int i = 0; i < count; ++i) {
    const int first = int(random() % 3), length = 5 + int(random() % 8);
    for (int t = 0; t < 12; ++t)
      csv += text(t == 0 ? "" : ",", t < length ? std::string(1, "abc"[(first + t) % 3]) : "");
    csv += "\n";
  }
  return csv;
}

}  // namespace

TEST_CASE("a row is a sequence that ends before its empty cells", "[sequence]") {
  const SequenceScan scan = scan_of("a,label,b,c\n1,x,2,\n3,y,4,5\n\"6\",\"y\",,\n");
  CHECK(scan.set.ends == std::vector<Index>{2, 5, 6});
  CHECK(scan.set.x == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(scan.set.y == std::vector<float>{0, 1, 1});
  CHECK(scan.classes.words() == std::vector<std::string>{"x", "y"});
}

TEST_CASE("rows with equal values in the id column are the steps of a sequence", "[sequence]") {
  const SequenceScan scan = scan_of("id,time,u,v,up,down\nA,0,1,2,7,-7\nB,0,5,6,8,-8\nA,1,3,4,7,-7\n",
                                    {.learn = "value", .label = "up,down", .id = "id", .columns = "v,u"});
  CHECK(scan.set.channels == 2);
  CHECK(scan.set.ends == std::vector<Index>{2, 3});
  CHECK(scan.set.x == std::vector<float>{2, 1, 4, 3, 6, 5});
  CHECK(scan.set.y == std::vector<float>{7, -7, 8, -8});
  CHECK(scan.names == std::vector<std::string>{"v", "u"});
}

TEST_CASE("files without names have numbered columns", "[sequence]") {
  const SequenceScan scan = scan_of("5,1,2\n6,3,4\n", {.label = "1"});
  CHECK(scan.set.x == std::vector<float>{1, 2, 3, 4});
  CHECK(scan.classes.words() == std::vector<std::string>{"5", "6"});
  CHECK(scan_of("label,0,1\n6,3,4\n", {.header = "yes"}).set.count() == 1);
}

TEST_CASE("missing numbers are refused, or kept as NaN", "[sequence]") {
  const std::string csv = "label,a,b,c\nx,1,,3\ny,nan,5,NA\n";
  refused(csv, {}, mentions("f: row 1, column b", "no number", "missing=mask"));
  const SequenceScan scan = scan_of(csv, {.missing = "mask"});
  REQUIRE(scan.set.ends == std::vector<Index>{3, 6});
  CHECK(std::isnan(scan.set.x[1]));
  CHECK(std::isnan(scan.set.x[3]));
  CHECK(std::isnan(scan.set.x[5]));
}

TEST_CASE("tables that are wrong are refused, with the place", "[sequence]") {
  refused("", {}, mentions("f: given an empty file"));
  refused("\n\n", {}, mentions("empty file"));
  refused("label,a\n", {}, mentions("no row of data"));
  refused("label,a,b\nx,1,2\ny,1\n", {}, mentions("row 2 with 2 cells", "expected 3"));
  refused("label,a\nx,nan\n", {}, mentions("row 1, column a", "no number"));
  refused("label,a\nx,inf\n", {}, mentions("row 1, column a", "inf"));
  refused("label,a\nx,1e99\n", {}, mentions("float32"));
  refused("label,a\nx,red\n", {}, mentions("'red'", "input=tokens"));
  refused("label,a\n,1\n", {}, mentions("row 1 without a target"));
  refused("label,a\nx,\n", {}, mentions("row 1 without a step"));
  refused("kind,a\nx,1\n", {}, mentions("no column label or target among kind, a", "label=NAME"));
  refused("kind,a\nx,1\n", {.label = "kin"}, mentions("'kin'", "did you mean 'kind'"));
  refused("label,a\nx,1\n", {.learn = "value"}, mentions("row 1, column label", "finite number"));
  refused("id,a,label\n1,2,x\n1,3,y\n", {.id = "id"}, mentions("row 2 with another target"));
  refused("id,a,label\n1,2,x\n", {.id = "series"}, mentions("given id 'series'"));
  refused("id,a,b,label\n1,2,3,x\n", {.id = "id", .input = "tokens"}, mentions("2 columns of tokens"));
}

TEST_CASE("arrays are read from .npy and .npz, and pickles are refused", "[sequence]") {
  const TempDir folder;
  write_npy(folder / "t.npy", Tensor::from({1, 10, 11, 2, 20, 21}, {2, 3}, f64));
  SequenceScan scan;
  append_sequences("t", read_file(folder / "t.npy"), false, "", {.label = "1"}, scan);
  CHECK(scan.set.x == std::vector<float>{10, 11, 20, 21});
  CHECK(scan.classes.words() == std::vector<std::string>{"1", "2"});
  const std::string made = (folder / "x.npz").string();
  const std::string script =
      "import sys, zipfile, struct\n"
      "def npy(kind, shape, data):\n"
      "  h = str({'descr': kind, 'fortran_order': False, 'shape': shape}).encode() + b'\\n'\n"
      "  return b'\\x93NUMPY\\x01\\x00' + struct.pack('<H', len(h)) + h + data\n"
      "x = npy('<f4', (2, 2, 2), struct.pack('<8f', *range(8)))\n"
      "parts = {'x.npy': x, 'y.npy': npy('|u1', (2,), b'\\3\\1'), 'lengths.npy': npy('<i2', (2,), "
      "b'\\1\\0\\2\\0')}\n"
      "with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as z:\n"
      "  for name, data in parts.items(): z.writestr(name, data)\n"
      "import pickle\n"
      "with zipfile.ZipFile(sys.argv[1] + '.objects', 'w') as z:\n"
      "  z.writestr('x.npy', npy('|O', (1,), pickle.dumps([1])))\n"
      "with zipfile.ZipFile(sys.argv[1] + '.other', 'w') as z: z.writestr('a.npy', x)\n";
  const fs::path source = folder / "make.py";
  test::write_bytes(source, script);
  REQUIRE(std::system(("python3 '" + source.string() + "' '" + made + "'").c_str()) == 0);
  SequenceScan zipped;
  append_sequences("z", read_file(made), false, "", {}, zipped);
  CHECK(zipped.set.channels == 2);
  CHECK(zipped.set.ends == std::vector<Index>{1, 3});
  CHECK(zipped.set.x == std::vector<float>{0, 1, 4, 5, 6, 7});
  CHECK(zipped.classes.words() == std::vector<std::string>{"3", "1"});
  const auto bad = [&](std::string bytes, const Mentions& words) {
    SequenceScan other;
    CHECK_THAT(error_text([&] { append_sequences("z", bytes, false, "", {}, other); }), words);
  };
  bad(read_file(made + ".objects"), mentions("'|O'", "real numbers"));
  bad(read_file(made + ".other"), mentions("arrays a", "expected x"));
  const std::string whole = read_file(made);
  bad(whole.substr(0, whole.size() / 2), mentions("z"));
}

TEST_CASE("shorter sequences are padded, and what follows them changes nothing", "[sequence]") {
  for (const char* const model : {"single", "two", "tcn", "deq"}) {
    INFO(model);
    SequenceConfig config;
    read_config(config,
                Json{{"model", model},
                     {"classes", "x,y"},
                     {"mean", "1"},
                     {"deviation", "2"},
                     {"dtype", "float64"},
                     {"solver_steps", 300},
                     {"solver_tolerance", 1e-10}},
                "test");
    const SequenceModel network(config, Device::cpu);
    const SequenceSet set{1, 0, {2, 7, 8}, {3, 5, 1, 2, 3, 4, 5, 9}, {}};
    const Recording off(false);
    const auto logits = [&](const std::vector<Index>& rows) {
      return SequenceModel::at_last(network.model()(network.inputs(set, rows, 0)),
                                    network.last_places(set, rows))
          .values();
    };
    CHECK(network.inputs(set, {0}, 0).values() == std::vector<double>{1, 2});
    CHECK(network.inputs(set, {0, 2}, 0).values() == std::vector<double>{1, 2, 4, 0});
    const std::vector<double> together = logits({0, 1, 2});
    for (Index row = 0; row < 3; ++row) {
      const std::vector<double> alone = logits({row});
      for (std::size_t c = 0; c < 2; ++c)
        CHECK(together[std::size_t(row) * 2 + c] == Approx(alone[c]).margin(1e-6));
    }
  }
}

TEST_CASE("missing numbers become zero beside a one in a channel of their own", "[sequence]") {
  SequenceConfig config;
  read_config(
      config,
      Json{{"model", "tcn"}, {"missing", "mask"}, {"classes", "x,y"}, {"mean", "1"}, {"deviation", "2"}},
      "test");
  const SequenceModel network(config, Device::cpu);
  const SequenceSet set{1, 0, {3}, {3, NAN, 5}, {}};
  CHECK(network.inputs(set, {0}, 0).values() == std::vector<double>{1, 0, 2, 0, 1, 0});
}

TEST_CASE("every model learns classes, and their names reach eval, predict and the confusion matrix",
          "[sequence]") {
  const TempDir folder;
  test::write_bytes(folder / "walks.csv", walks(150));
  for (const std::string model : {"single", "two", "tcn", "deq"}) {
    INFO(model);
    const fs::path at = folder / model;
    std::vector<std::string> settings{"epochs=6", "batch=10", "lr=0.01"};
    if (model != "deq") settings.insert(settings.end(), {"tcn_blocks=2", "tcn_kernel=3"});
    if (model == "deq") settings.insert(settings.end(), {"deq_features=16", "deq_heads=2"});
    const Ran trained = run(
        with({"train", "sequence", "--data", (folder / "walks.csv").string(), "--model", model}, settings),
        at);
    INFO(trained.err);
    REQUIRE(trained.code == 0);
    CHECK_THAT(trained.out, mentions("4 to 12 steps", "2 classes (falling, rising)", "15 to test"));
    const Ran evaluated = run({"eval", at.string(), "--split", "test"}, {});
    const Json test = parse_json(evaluated.out)["test"];
    CHECK(test["accuracy"].get<double>() > 0.9);
    CHECK(test["accuracy_of_class"].contains("rising"));
    const Ran predicted =
        run({"predict", at.string(), (folder / "walks.csv").string(), "--format", "csv"}, {});
    CHECK(predicted.code == 0);
    CHECK_THAT(predicted.out, mentions("file,sequence,class,falling,rising", "walks.csv,150,"));
    CHECK(test::contains(predicted.out, "rising,status,evaluations,residual\n") == (model == "deq"));
    CHECK_THAT(read_file(at / "confusion.csv"), mentions("label,falling,rising"));
  }
}

TEST_CASE("values of several channels are learnt: the adding problem", "[sequence]") {
  const TempDir folder;
  test::write_bytes(folder / "adding.csv", adding(400, 10));
  const Ran trained =
      run(with({"train", "sequence", "--data", (folder / "adding.csv").string(), "--model", "tcn"},
               {"learn=value", "id=series", "tcn_blocks=3", "tcn_kernel=3", "tcn_channels=16", "epochs=60",
                "batch=20", "lr=0.01", "schedule=1cycle"}),
          folder / "run");
  INFO(trained.err);
  REQUIRE(trained.code == 0);
  const Json test = parse_json(run({"eval", (folder / "run").string(), "--split", "test"}, {}).out)["test"];
  CHECK(test["squared_error"].get<double>() < 0.02);  // guessing 1 has 0.167
  const Ran predicted =
      run({"predict", (folder / "run").string(), (folder / "adding.csv").string(), "--format", "json"}, {});
  CHECK(parse_json(predicted.out).size() == 400);
}

TEST_CASE("next tokens are learnt at every place of every length", "[sequence]") {
  const TempDir folder;
  test::write_bytes(folder / "letters.csv", letters(120));
  for (const std::string model : {"single", "deq"}) {
    INFO(model);
    std::vector<std::string> settings{"learn=next", "input=tokens", "epochs=12", "batch=10", "lr=0.02"};
    if (model != "deq") settings.insert(settings.end(), {"tcn_blocks=2", "tcn_kernel=2"});
    const Ran trained = run(
        with({"train", "sequence", "--data", (folder / "letters.csv").string(), "--model", model}, settings),
        folder / model);
    INFO(trained.err);
    REQUIRE(trained.code == 0);
    const Json test = parse_json(run({"eval", (folder / model).string(), "--split", "test"}, {}).out)["test"];
    CHECK(test["accuracy"].get<double>() > 0.95);
    CHECK(test["perplexity"].get<double>() == Approx(std::exp(test["loss"].get<double>())));
    test::write_bytes(folder / "begun.csv", "p1,p2,p3\nb,c,\nc,a,b\n");
    const Ran predicted = run({"predict", (folder / model).string(), (folder / "begun.csv").string()}, {});
    CHECK_THAT(predicted.out, mentions("sequence 1: a", "sequence 2: c"));
  }
}

TEST_CASE("MNIST as rows of pixels trains and evaluates, from CSV and from .npy alike", "[sequence]") {
  const TempDir folder;
  test::write_bar_mnist(folder.path(), 60, 20);
  const Dataset digits = load_dataset("mnist", folder.path());
  const auto write = [&](const ImageSet& set, const fs::path& path) {
    std::string csv = "label";
    std::vector<double> rows;
    for (Index p = 0; p < set.image_size(); ++p) csv += text(",pixel", p);
    for (Index i = 0; i < set.count; ++i) {
      rows.push_back(set.labels[std::size_t(i)]);
      csv += text('\n', set.labels[std::size_t(i)]);
      for (Index p = 0; p < set.image_size(); ++p) {
        rows.push_back(set.pixels[std::size_t(i * set.image_size() + p)]);
        csv += text(',', rows.back());
      }
    }
    fs::create_directories(folder / "csv");
    fs::create_directories(folder / "npy");
    test::write_bytes(folder / "csv" / (path.string() + ".csv"), csv + "\n");
    write_npy(folder / "npy" / (path.string() + ".npy"), Tensor::from(rows, {set.count, 785}, f64));
  };
  write(digits.train, "train");
  write(digits.test, "test");
  const std::vector<std::string> settings{"epochs=1", "tcn_blocks=4", "tcn_channels=4", "batch=20"};
  const Ran csv =
      run(with({"train", "sequence", "--data", (folder / "csv").string()}, settings), folder / "a");
  std::vector<std::string> with_label = settings;
  with_label.push_back("label=1");
  const Ran npy =
      run(with({"train", "sequence", "--data", (folder / "npy").string()}, with_label), folder / "b");
  INFO(csv.err << npy.err);
  REQUIRE((csv.code == 0 && npy.code == 0));
  CHECK_THAT(csv.out, mentions("784 steps", "6 to validate, 20 to test"));
  CHECK(result_of(folder / "a")["test"] == result_of(folder / "b")["test"]);
}

TEST_CASE("data that cannot be learnt from are refused before training", "[sequence]") {
  const TempDir folder;
  const auto refused_file = [&](const std::string& csv, const std::vector<std::string>& settings,
                                const Mentions& words) {
    test::write_bytes(folder / "d.csv", csv);
    const Ran ran =
        run(with({"train", "sequence", "--data", (folder / "d.csv").string()}, settings), folder / "r");
    CHECK(ran.code == 1);
    CHECK_THAT(ran.err, words);
    CHECK_FALSE(fs::exists(folder / "r"));
  };
  std::string same = "label,a,b\n", constant = same, few = same;
  for (int i = 0; i < 30; ++i) {
    same += text("x,", i, ",2\n");
    constant += text(i % 2, ",4,4\n");
    if (i < 5) few += text(i % 2, ",", i, ",4\n");
  }
  refused_file(same, {}, mentions("only the class 'x'", "at least two"));
  refused_file(constant, {}, mentions("all the same"));
  refused_file(few, {}, mentions("5 sequences", "at least 10"));
  refused_file(walks(20), {"learn=next"}, mentions("input=tokens"));
  refused_file(walks(20), {"tokens=a,b"}, mentions("tokens", "do nothing"));
  CHECK_THAT(run({"train", "sequence"}, folder / "r").err, mentions("data: given no file", "--data"));
  fs::create_directories(folder / "empty");
  CHECK_THAT(run({"train", "sequence", "--data", (folder / "empty").string()}, folder / "r").err,
             mentions("without train.csv"));
}

}  // namespace stillpoint
