// Writes the page: head, overview, and a section per group of runs.
#include "tasks/report/report.h"

#include <algorithm>
#include <set>

#include "engine/io/files.h"
#include "tasks/drawing/html.h"
#include "tasks/report/sections.h"

namespace stillpoint::report {
namespace {

namespace fs = std::filesystem;

// Returns the data of a run, a data set or a picture. Runs on different data cannot be compared.
std::string data_of(const RunData& run) {
  const bool folder = run.config.contains("dataset") && run.config["dataset"] == "folder";
  for (const char* setting : {folder ? "data" : "dataset", "image"})
    if (run.config.contains(setting) && run.config[setting].is_string())
      return fs::path(run.config[setting].get<std::string>()).filename().string();
  return "";
}

std::vector<Group> grouped_runs(const std::vector<RunData>& runs) {
  std::vector<Group> groups;
  for (const RunData& run : runs) {
    const std::string data = data_of(run), name = run.task + (data.empty() ? "" : ", " + data);
    const auto found =
        std::find_if(groups.begin(), groups.end(), [&](const Group& group) { return group.name == name; });
    Group& group =
        found != groups.end() ? *found : groups.emplace_back(Group{text("g", groups.size() + 1), name, {}});
    group.runs.push_back(&run);
  }
  return groups;
}

// Names runs by their folders, and adds the names of the parents if two are the same.
void name_apart(std::vector<RunData>& runs) {
  for (RunData& run : runs) {
    const auto same = std::count_if(runs.begin(), runs.end(), [&](const RunData& other) {
      return other.folder.filename() == run.folder.filename();
    });
    if (same > 1) run.name = (run.folder.parent_path().filename() / run.folder.filename()).string();
  }
  std::set<std::string> names;
  for (RunData& run : runs)
    if (!names.insert(run.name).second) run.name = run.folder.string();
}

std::string title_of(const std::vector<RunData>& runs) {
  return runs.size() == 1 ? runs[0].name : text(runs.size(), " runs");
}

void write_head(HtmlWriter& out, const std::string& title) {
  const auto head = out.open("head");
  out.empty("meta", {{"charset", "utf-8"}});
  out.empty("meta", {{"http-equiv", "Content-Security-Policy"},
                     {"content",
                      "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
                      "form-action 'none'"}});
  out.empty("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  out.empty("meta", {{"name", "color-scheme"}, {"content", "light dark"}});
  out.leaf("title", title + " – Stillpoint report");
  const auto style = out.open("style");
  out.raw(style_sheet());
}

void write_header(HtmlWriter& out, const std::vector<RunData>& runs, const std::vector<Group>& groups) {
  const auto header = out.open("header");
  out.leaf("p", "Stillpoint report", {{"class", "kicker"}});
  out.leaf("h1", title_of(runs));
  if (groups.size() < 2) return;
  const auto nav = out.open("nav", {{"aria-label", "Sections"}});
  const auto list = out.open("ul");
  for (const Group& group : groups) {
    const auto item = out.open("li");
    out.leaf("a", group.name, {{"href", "#" + group.id}});
    out.leaf("span", text(group.runs.size(), group.runs.size() == 1 ? " run" : " runs"), {{"class", "note"}});
  }
}

void write_group(HtmlWriter& out, const Group& group) {
  const auto section = out.open("section", {{"id", group.id}, {"aria-labelledby", group.id + "-name"}});
  out.leaf("h2", group.name, {{"id", group.id + "-name"}});
  write_remarks(out, group);
  const std::string css = group.runs.size() > 1 ? "several" : "single";
  const auto body = out.open("div", {{"class", css}});
  {
    const auto pair = out.open("div", {{"class", "summary"}});
    {
      const auto part = out.open("div");
      write_results(out, group);
    }
    const auto part = out.open("div");
    write_settings(out, group);
  }
  write_curves(out, group);
  write_classes(out, group);
  write_spectra(out, group);
  write_pictures(out, group);
}

}  // namespace

std::string page(std::vector<RunData> runs) {
  name_apart(runs);
  const std::vector<Group> groups = grouped_runs(runs);
  HtmlWriter out;
  out.raw("<!DOCTYPE html>\n");
  {
    const auto html = out.open("html", {{"lang", "en"}});
    write_head(out, title_of(runs));
    const auto body = out.open("body");
    write_header(out, runs, groups);
    const auto main = out.open("main");
    for (const Group& group : groups) write_group(out, group);
  }
  return out.html();
}

Written write_report(const std::vector<fs::path>& folders, const fs::path& output) {
  require(!folders.empty(), "report: given no run, expected one or more run folders, name them");
  std::vector<RunData> runs;
  Written written;
  for (const fs::path& folder : folders) {
    try {
      runs.push_back(read_run(folder));
    } catch (const Error& error) {
      written.left_out.push_back(error.what());
      if (written.left_out.size() == folders.size()) throw;
      continue;
    }
    for (std::size_t i = 0; i + 1 < runs.size(); ++i)
      require(runs[i].folder != runs.back().folder, "report: given ", folder.string(),
              " twice, expected each run once, leave one out");
  }
  const std::string html = page(std::move(runs));
  write_atomically(output, html);
  written.bytes = html.size();
  return written;
}

}  // namespace stillpoint::report
