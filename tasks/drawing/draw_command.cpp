// Turns the flags of `stillpoint draw` into a chart, and writes it.
#include "tasks/drawing/draw_command.h"

#include <algorithm>
#include <filesystem>

#include "engine/io/files.h"
#include "engine/words.h"
#include "tasks/command/cli_values.h"

namespace stillpoint {

void DrawFlags::add_to(CLI::App& app) {
  app.add_option("CSV", file, "file with a row of names and rows of values, such as loss.csv of a run")
      ->required();
  app.add_option("--x", columns.x, "column of the x axis")->required();
  app.add_option("--y", columns.y, "column of the y axis")->required();
  app.add_option("--by", columns.by, "column whose values name the lines; default: one line");
  app.add_option("--log", log, "axes that are logarithmic, as in x,y")
      ->transform(choice({"x", "y"}))
      ->delimiter(',');
  app.add_option("--as", look, "what is drawn; steps: a value stays until the next one")
      ->transform(choice({"line", "steps", "points"}))
      ->capture_default_str();
  app.add_option("--title", title, "title of the picture; default: the name of the file");
  app.add_option("--output", output, "the SVG file to write; default: CSV with the ending .svg");
}

int DrawFlags::run(std::ostream& out) const {
  const std::filesystem::path from(file);
  const std::filesystem::path to =
      output.empty() ? std::filesystem::path(from).replace_extension(".svg") : std::filesystem::path(output);
  require(to != from, "--output: given ", shown(file), ", which is the CSV file, expected another name");
  const auto axis = [&](const std::string& name, const char* letter) {
    const bool logarithmic = std::find(log.begin(), log.end(), letter) != log.end();
    return drawing::AxisOptions{.name = name,
                                .scale = logarithmic ? drawing::Scale::logarithmic : drawing::Scale::linear};
  };
  drawing::Chart chart{.title = title.empty() ? path_to_text(from.stem()) : title,
                       .x = axis(columns.x, "x"),
                       .y = axis(columns.y, "y")};
  add_csv(chart, from, columns,
          look == "points"  ? drawing::Look::points
          : look == "steps" ? drawing::Look::steps
                            : drawing::Look::line);
  write_atomically(to, drawing::svg_of({chart}));
  out << "written to " << shown(path_to_text(to)) << "\n";
  return 0;
}

}  // namespace stillpoint
