// Writes the sections about classes, spectra and pictures.
#include <algorithm>
#include <cmath>

#include "tasks/data/scale_image.h"
#include "tasks/drawing/chart.h"
#include "tasks/io/numbers.h"
#include "tasks/report/sections.h"
#include "tasks/spectra/spectrum_files.h"

namespace stillpoint::report {
namespace {

constexpr std::int64_t widest_picture = 1024;

std::string of_split(const Confusion& confusion) {
  return confusion.split.empty() ? "" : ", " + confusion.split + " images";
}

bool same_classes(const Group& group) {
  const Confusion* first = nullptr;
  for (const RunData* run : group.runs) {
    if (!run->confusion) continue;
    if (first == nullptr) first = &*run->confusion;
    if (run->confusion->classes != first->classes) return false;
  }
  return first != nullptr;
}

// Writes a row per class and a column per run.
void write_class_accuracies(HtmlWriter& out, const Group& group) {
  std::vector<TableColumn> columns;
  std::vector<const Confusion*> of_runs;
  for (std::size_t r = 0; r < group.runs.size(); ++r)
    if (group.runs[r]->confusion) {
      columns.push_back({group.runs[r]->name, int(r)});
      of_runs.push_back(&*group.runs[r]->confusion);
    }
  if (of_runs.size() < 2) return;
  std::vector<TableRow> rows;
  for (std::size_t k = 0; k < of_runs[0]->classes.size(); ++k) {
    std::vector<double> values;
    for (const Confusion* confusion : of_runs) values.push_back(class_accuracy(*confusion, k));
    TableRow row{.name = of_runs[0]->classes[k], .cells = {}, .best = best_of(values, 1)};
    for (const double value : values) row.cells.push_back(readable(value));
    rows.push_back(row);
  }
  write_table(out, "Accuracy per class" + of_split(*of_runs[0]), "class", columns, rows);
}

std::string fact(const Json& value) {
  if (value.is_number()) return readable(value.get<double>());
  return value.is_string() ? value.get<std::string>()
         : value.is_null() ? "–"
                           : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void write_facts(HtmlWriter& out, const Json& facts) {
  std::vector<TableRow> rows;
  for (const auto& [name, value] : facts.items())
    if (!value.is_array() && !value.is_object())
      rows.push_back({.name = spaced(name), .cells = {fact(value)}});
  write_table(out, "What the spectrum says", "quantity", {{"value"}}, rows);
}

// Writes each array of objects, such as the dictionaries that were tried, as a table with a row per object.
void write_lists(HtmlWriter& out, const Json& facts) {
  for (const auto& [name, list] : facts.items()) {
    if (!list.is_array() || list.empty() || !list[0].is_object() || list[0].empty()) continue;
    std::vector<TableColumn> columns;
    for (const auto& [key, value] : list[0].items()) columns.push_back({spaced(key)});
    const std::string corner = columns[0].name;
    columns.erase(columns.begin());
    std::vector<TableRow> rows;
    for (const Json& item : list) {
      if (!item.is_object()) continue;
      TableRow row;
      for (const auto& [key, first] : list[0].items()) {
        const std::string cell = item.contains(key) ? fact(item[key]) : "–";
        if (spaced(key) == corner)
          row.name = cell;
        else
          row.cells.push_back(cell);
      }
      rows.push_back(row);
    }
    write_table(out, spaced(name), corner, columns, rows);
  }
}

void write_picture(HtmlWriter& out, const Image& image, const std::string& caption, const std::string& note) {
  const std::int64_t by = (image.width + widest_picture - 1) / widest_picture;
  const Image small =
      by <= 1 || image.height < by ? image : averaged(image, image.height / by, image.width / by);
  const auto figure = out.open("figure", {{"class", "picture"}});
  out.empty("img", {{"src", "data:image/png;base64," + base64(encode_png(small))},
                    {"alt", caption},
                    {"width", text(small.width)},
                    {"height", text(small.height)}});
  const auto line = out.open("figcaption");
  out.text(caption);
  if (!note.empty()) out.leaf("span", note, {{"class", "note"}});
}

std::string psnr_of(const RunData& run) {
  if (!run.finished()) return "";
  const Json metrics = run.results.value("metrics", Json::object());
  std::string out;
  for (const char* split : {"train", "valid", "test"}) {
    if (!metrics.is_object() || !metrics.contains(split) || !metrics[split].is_object()) continue;
    const Json& of_split = metrics[split];
    if (!of_split.contains("psnr") || !of_split["psnr"].is_number()) continue;
    out += text(out.empty() ? "PSNR " : ", ", split, " ", format_fixed(of_split["psnr"].get<double>(), 2),
                " dB");
  }
  return out;
}

bool same_picture(const Image& a, const Image& b) { return a.width == b.width && a.rgb == b.rgb; }

}  // namespace

void write_classes(HtmlWriter& out, const Group& group) {
  if (std::none_of(group.runs.begin(), group.runs.end(), [](auto* r) { return r->confusion.has_value(); }))
    return;
  out.leaf("h3", "Classes");
  if (same_classes(group)) write_class_accuracies(out, group);
  for (const RunData* run : group.runs) {
    if (!run->confusion) continue;
    constexpr std::size_t most = 60;  // more do not fit on a screen, and take megabytes
    if (run->confusion->classes.size() > most) {
      out.leaf("p", text("The confusion matrix of ", run->name, " has ", run->confusion->classes.size(),
                         " classes and is in its confusion.csv."));
      continue;
    }
    const std::string caption = "Confusion matrix of " + run->name + of_split(*run->confusion) +
                                ": rows are labels, columns predictions";
    if (group.runs.size() == 1) {
      write_confusion(out, caption, *run->confusion);
      continue;
    }
    const auto details = out.open("details");
    out.leaf("summary", "Confusion matrix of " + run->name);
    write_confusion(out, caption, *run->confusion);
  }
}

void write_spectra(HtmlWriter& out, const Group& group) {
  bool first = true;
  for (const RunData* run : group.runs)
    for (const SpectrumFile& spectrum : run->spectra) {
      if (first) out.leaf("h3", "Koopman spectra");
      first = false;
      const std::string title = run->name + (spectrum.name.empty() ? "" : ", " + spectrum.name);
      {
        const auto pair = out.open("div", {{"class", "spectrum"}});
        {
          const auto figure = out.open("figure", {{"class", "plane"}});
          write_chart(out, eigenvalue_chart(title, spectrum.eigenvalues, spectrum.tolerance));
        }
        write_facts(out, spectrum.facts);
      }
      write_lists(out, spectrum.facts);
    }
}

void write_pictures(HtmlWriter& out, const Group& group) {
  if (std::none_of(group.runs.begin(), group.runs.end(), [](auto* r) { return r->prediction.has_value(); }))
    return;
  out.leaf("h3", "Pictures");
  const auto pictures = out.open("div", {{"class", "pictures"}});
  const Image* shown = nullptr;
  for (const RunData* run : group.runs) {
    if (run->truth && (shown == nullptr || !same_picture(*shown, *run->truth))) {
      shown = &*run->truth;
      write_picture(out, *shown, "Truth", text(shown->width, " × ", shown->height));
    }
    if (run->prediction) write_picture(out, *run->prediction, "Prediction of " + run->name, psnr_of(*run));
  }
}

}  // namespace stillpoint::report
