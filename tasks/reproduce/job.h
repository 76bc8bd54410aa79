// One training run of a table: its settings, its folder, its command.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tasks/command/cli_flags.h"
#include "tasks/reproduce/paper.h"

namespace stillpoint {

struct Job {
  const PaperTable* table = nullptr;
  const PaperCell* cell = nullptr;
  SettingsFlags settings;
  std::filesystem::path folder;

  std::string name() const { return folder.filename().string(); }
  bool finished() const;      // its results are there
  bool begun() const;         // a checkpoint is there to go on from
  Index epochs_left() const;  // of one that was begun
  Json config() const;        // all settings
  // Of one that is finished: whether its settings were these, wherever its data lay.
  bool ran_as_planned() const;
  // Whether a finished run learnt from what its picture or data set holds now; true if that cannot be told.
  bool ran_on_these_data() const;
  double test_metric() const;  // NaN where it was not finite
  // `train TASK` with the settings, for a copy of this program.
  std::vector<std::string> arguments() const;
  // The same as a reader would type it, with DATA for the folder of data and SEED for the seed.
  std::string command() const;
};

struct JobSources {
  std::filesystem::path folder;  // of all runs
  std::filesystem::path data;    // data sets and folders of pictures; empty: where they usually are
};

// A run of the cell on training and validation data together, in FOLDER/TABLE/PRESET[-PICTURE]-seedN. Where a
// search has left FOLDER/search/PRESET/best.json its settings take the place of the preset's.
Job make_job(const PaperTable& table, const PaperCell& cell, const JobSources& sources, Index seed,
             const std::string& picture = {});

// best.json of a search for the cell, whether or not it is there.
std::filesystem::path found_settings(const JobSources& sources, const PaperCell& cell);

// `tune TASK` over the task's space with the preset's other settings, into the folder of best.json; image
// regression searches with the settings and the space of PRESET-minibatch.
std::vector<std::string> search_arguments(const PaperTable& table, const PaperCell& cell,
                                          const JobSources& sources, const std::string& picture);

// Gives the run `epochs` epochs, which are fewer than its settings have. A rate that falls in steps, or moves
// on a 1cycle of fewer than six epochs, follows a cosine to zero instead; image regression takes the settings
// of PRESET-minibatch, an epoch of which has many steps.
void shorten(Job& job, Index epochs);

// Pictures in DATA/SET, sorted by name; empty where there are none.
std::vector<std::string> pictures_in(const std::filesystem::path& data, const std::string& set);

}  // namespace stillpoint
