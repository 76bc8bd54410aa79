// Draws figures 2, 4 and 5.
#include "tasks/reproduce/figure.h"

#include <algorithm>
#include <cstdio>

#include "engine/io/files.h"
#include "solvers/koopman/systems.h"
#include "tasks/drawing/chart.h"
#include "tasks/io/image.h"
#include "tasks/io/metrics.h"
#include "tasks/io/numbers.h"
#include "tasks/reproduce/runner.h"
#include "tasks/spectra/spectrum_command.h"
#include "tasks/training/train.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

constexpr int gap = 8;  // white pixels between the parts of a picture

// Returns a, white pixels and b, one below the other; the narrower one is filled up with white.
Image above(const Image& a, const Image& b) {
  if (a.height == 0) return b;
  Image out{a.height + gap + b.height, std::max(a.width, b.width), 3, {}};
  out.rgb.assign(std::size_t(out.height * out.width * 3), 255);
  const auto place = [&](const Image& part, std::int64_t first_row) {
    for (std::int64_t row = 0; row < part.height; ++row)
      std::copy_n(part.rgb.begin() + row * part.width * 3, part.width * 3,
                  out.rgb.begin() + (first_row + row) * out.width * 3);
  };
  place(a, 0);
  place(b, a.height + gap);
  return out;
}

void append(Image& row, const Image& next) { row = row.height == 0 ? next : side_by_side(row, next, gap); }

void write_text(const fs::path& path, const std::string& markdown, std::ostream& out) {
  write_atomically(path, markdown);
  out << markdown << "\nwritten to " << shown(path.string()) << std::endl;
}

double last_loss(const drawing::Series& curve) { return curve.y.empty() ? NAN : curve.y.back(); }

std::string row_of(const Job& job, const drawing::Series& by_time, const drawing::Series& by_epoch) {
  const double epochs = by_epoch.x.empty() ? 0 : by_epoch.x.back(),
               seconds = by_time.x.empty() ? 0 : by_time.x.back();
  return "| " + job.cell->model + " | " + readable(epochs) + " | " + format_duration(seconds) + " | " +
         format_duration(epochs > 0 ? seconds / epochs : -1) + " | " + readable(last_loss(by_epoch)) +
         " | `" + string_of(attempt_of(job), "command", (job.folder / attempt_name).string()) + "` |\n";
}

}  // namespace

void write_spectra(const fs::path& folder, std::ostream& out) {
  std::string pictures,
      markdown =
          "# Fig. 2: Koopman eigenvalues and the four cases\n\n"
          "Estimated from trajectories; the unit circle, the eigenvalues by their place, and the case of "
          "section "
          "3.\n\n"
          "| system | case | features | radius | on the circle | at 1 |\n|---|---|---:|---:|---:|---:|\n";
  for (const System& system : textbook_systems()) {
    SpectrumRequest request;
    request.system = system.name;
    request.output = folder / "fig2" / system.name;
    request.resamples = 0;  // the page does not show how often a case holds
    make_folder(request.output);
    run_spectrum(request, out);
    const std::string path = (request.output / "spectrum.json").string();
    const Json found = read_json_file(path);
    const auto count = [&](const char* name) { return whole_number_of(found, name, path); };
    markdown += text("| ", std::string(system.name), " | ", string_of(found, "case", path), " | ",
                     count("features"), " | ", readable(number_of(found, "radius", path)), " | ",
                     count("on_circle"), " | ", count("at_one"), " |\n");
    pictures += text("![Eigenvalues of ", std::string(system.name), "](fig2/", std::string(system.name),
                     "/spectrum.svg)\n");
  }
  markdown += "\n" + pictures + "\n```\nstillpoint reproduce fig2\n```\n";
  write_text(folder / "fig2.md", markdown, out);
}

void write_training_curves(const std::vector<Job>& jobs, const fs::path& folder, std::ostream& out) {
  const drawing::AxisOptions loss{.name = "loss", .scale = drawing::Scale::logarithmic};
  drawing::Chart time{.title = "Training loss against time", .x = {.name = "time (s)"}, .y = loss};
  drawing::Chart epochs{.title = "Training loss against epochs", .x = {.name = "epoch"}, .y = loss};
  std::string markdown =
      "# Fig. 4: training loss of copy memory against time and epochs\n\n"
      "| model | epochs | time | per epoch | last training loss | command |\n|---|---:|---:|---:|---:|---|\n";
  for (const Job& job : jobs) {
    if (!fs::exists(job.folder / "metrics.jsonl")) continue;
    drawing::Series by_time{.label = job.cell->model, .style = time.series.size(), .x = {}};
    drawing::Series by_epoch = by_time;
    const fs::path path = job.folder / config_name;
    const Json ran = read_json_file(path);
    const Json settings = member(ran, "config", path.string());
    const Index steps = task_kind(job.table->task).make(settings, Device::cpu)->facts().steps_per_epoch;
    read_metrics(job.folder / "metrics.jsonl", [&](const nlohmann::json& row, const LineReader&) {
      if (row["split"] != "train" || !row.contains("loss") || !row["loss"].is_number()) return true;
      by_time.x.push_back(row["time"].get<double>());
      by_epoch.x.push_back(row["step"].get<double>() / double(steps));
      by_time.y.push_back(row["loss"].get<double>());
      by_epoch.y.push_back(row["loss"].get<double>());
      return true;
    });
    markdown += row_of(job, by_time, by_epoch);
    time.series.push_back(std::move(by_time));
    epochs.series.push_back(std::move(by_epoch));
  }
  write_figure(folder, "fig4-time", time);
  write_figure(folder, "fig4-epochs", epochs);
  markdown +=
      "\n![Training loss against time](fig4-time.svg)\n![Training loss against epochs](fig4-epochs.svg)\n";
  write_text(folder / "fig4.md", markdown, out);
}

void write_predictions(const std::vector<Job>& jobs, const fs::path& folder, std::ostream& out) {
  Image montage, row;
  std::string picture;
  Index column = 0;  // the truth has the first one
  std::string markdown =
      "# Fig. 5: pictures and predictions\n\n| picture | model | column of fig5.png | test PSNR "
      "|\n|---|---|---:|---:|\n";
  for (const Job& job : jobs) {
    if (!job.finished()) continue;
    if (job.settings.image != picture) {
      if (row.height > 0) montage = above(montage, row);
      picture = job.settings.image;
      row = read_image(picture);
      column = 1;
    }
    append(row, read_image(job.folder / "prediction.png"));
    ++column;
    markdown += text("| ", fs::path(picture).stem().string(), " | ", job.cell->model, " | ", column, " | ",
                     format_fixed(job.test_metric(), 2), " |\n");
  }
  if (row.height > 0) montage = above(montage, row);
  if (montage.height > 0) write_png(folder / "fig5.png", montage);
  markdown += "\nThe first column of fig5.png is the truth.\n";
  write_text(folder / "fig5.md", markdown, out);
}

}  // namespace stillpoint
