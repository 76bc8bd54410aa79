// Reads the results, confusion matrices, spectra and pictures of a run.
#include <algorithm>

#include "engine/io/files.h"
#include "tasks/drawing/csv.h"
#include "tasks/report/run_data.h"

namespace stillpoint::report {
namespace {

namespace fs = std::filesystem;

// Returns nothing unless the matrix is square, has at least one class, and holds only numbers.
std::optional<std::vector<std::vector<double>>> counts_of(const Json& rows) {
  if (!rows.is_array() || rows.empty()) return std::nullopt;
  std::vector<std::vector<double>> counts;
  for (const Json& row : rows) {
    if (!row.is_array() || row.size() != rows.size()) return std::nullopt;
    counts.emplace_back();
    for (const Json& count : row) {
      if (!count.is_number() || count.get<double>() < 0) return std::nullopt;
      counts.back().push_back(count.get<double>());
    }
  }
  return counts;
}

// Returns the matrix of the last split (the test set) that has one in the details of results.json.
std::optional<Confusion> confusion_of(const Json& results) {
  std::optional<Confusion> found;
  if (!results.contains("details") || !results["details"].is_object()) return found;
  for (const auto& [split, details] : results["details"].items()) {
    if (!details.is_object() || !details.contains("confusion")) continue;
    const auto counts = counts_of(details["confusion"]);
    if (!counts) continue;
    Confusion confusion{.split = split, .classes = {}, .counts = *counts};
    if (details.contains("accuracy_of_class") && details["accuracy_of_class"].is_object())
      for (const auto& [name, accuracy] : details["accuracy_of_class"].items())
        confusion.classes.push_back(name);
    if (confusion.classes.size() == counts->size()) found = std::move(confusion);
  }
  return found;
}

// Reads "label,A,B" and a row "A,5,1" per class.
std::optional<Confusion> confusion_in(const fs::path& csv) {
  std::vector<CsvRow> lines = drawing::csv_rows(read_file(csv));
  if (lines.empty() || lines[0].size() < 2) return std::nullopt;
  Confusion confusion{.split = "", .classes = {lines[0].begin() + 1, lines[0].end()}, .counts = {}};
  Json rows = Json::array();
  for (std::size_t k = 1; k < lines.size(); ++k) {
    Json row = Json::array();
    for (std::size_t i = 1; i < lines[k].size(); ++i) row.push_back(parse_json(lines[k][i]));
    rows.push_back(std::move(row));
  }
  const auto counts = counts_of(rows);
  if (!counts || counts->size() != confusion.classes.size()) return std::nullopt;
  confusion.counts = *counts;
  return confusion;
}

void read_spectrum(RunData& run, const fs::path& path, const std::string& name) {
  Json facts = read_json_file(path.string());
  SpectrumFile spectrum{.name = name, .facts = {}, .eigenvalues = {}};
  const bool whole = facts.is_object() && facts.contains("eigenvalues") && facts["eigenvalues"].is_array();
  require(whole, "it has no eigenvalues, expected what `stillpoint spectrum --output` writes");
  for (const Json& pair : facts["eigenvalues"])
    if (pair.is_array() && pair.size() == 2 && pair[0].is_number() && pair[1].is_number())
      spectrum.eigenvalues.push_back({pair[0].get<double>(), pair[1].get<double>()});
  if (facts.contains("tolerance") && facts["tolerance"].is_number())
    spectrum.tolerance = facts["tolerance"].get<double>();
  facts.erase("eigenvalues");
  spectrum.facts = std::move(facts);
  run.spectra.push_back(std::move(spectrum));
}

// Returns the truth from a pair, which consists of the truth, a gap, and the prediction of the same size.
std::optional<Image> left_part(const Image& pair, const Image& right) {
  if (pair.height != right.height || pair.width < 2 * right.width) return std::nullopt;
  Image out{right.height, right.width, 3, {}};
  for (std::int64_t y = 0; y < out.height; ++y) {
    const auto row = pair.rgb.begin() + y * pair.width * 3;
    out.rgb.insert(out.rgb.end(), row, row + out.width * 3);
  }
  return out;
}

}  // namespace

void read_results(RunData& run) {
  const fs::path path = run.folder / "results.json";
  if (!fs::is_regular_file(path)) {
    run.remarks.push_back("is not finished (no results.json): its numbers are those of the log so far");
  } else {
    try {
      Json results = read_json_file(path.string());
      require(results.is_object(), "it is not an object");
      run.confusion = confusion_of(results);
      run.results = std::move(results);
    } catch (const Error& error) {
      run.remarks.push_back(text("its results.json cannot be read: ", error.what()));
    }
  }
  const fs::path csv = run.folder / "confusion.csv";
  if (run.confusion || !fs::is_regular_file(csv)) return;
  run.confusion = confusion_in(csv);
  if (!run.confusion) run.remarks.push_back("its confusion.csv is not a square table of counts and left out");
}

void read_spectra(RunData& run) {
  std::vector<fs::path> folders{run.folder};
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(run.folder, ignored))
    if (entry.is_directory()) folders.push_back(entry.path());
  std::sort(folders.begin() + 1, folders.end());
  for (const fs::path& folder : folders) {
    const fs::path path = folder / "spectrum.json";
    if (!fs::is_regular_file(path)) continue;
    try {
      read_spectrum(run, path, folder == run.folder ? "" : folder.filename().string());
    } catch (const Error& error) {
      run.remarks.push_back(
          text("its ", fs::relative(path, run.folder).string(), " is left out: ", error.what()));
    }
  }
}

void read_pictures(RunData& run) {
  const fs::path prediction = run.folder / "prediction.png", pair = run.folder / "truth_and_prediction.png";
  try {
    if (fs::is_regular_file(prediction)) run.prediction = read_image(prediction);
    if (run.prediction && fs::is_regular_file(pair)) run.truth = left_part(read_image(pair), *run.prediction);
  } catch (const Error& error) {
    run.remarks.push_back(text("a picture is left out: ", error.what()));
  }
}

}  // namespace stillpoint::report
