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
  bool finished() const;      // whether it has results
  bool begun() const;         // whether it has a checkpoint to resume from
  Index epochs_left() const;  // for a run that has begun
  Json config() const;        // all settings
  // Returns whether a finished run had these settings; the place of its data may differ.
  bool ran_as_planned() const;
  // Returns whether a finished run learnt from the present contents of its data; true if that is not known.
  bool ran_on_these_data() const;
  double test_metric() const;  // NaN if it was not finite
  // Returns `train TASK` with the settings, for a copy of this program.
  std::vector<std::string> arguments() const;
  // Returns the same command as a reader would type it, with DATA for the data folder and SEED for the seed.
  std::string command() const;
};

// Returns whether the table's runs learn pictures: a run per picture, not per data set.
bool learns_pictures(const PaperTable& table);

struct JobSources {
  std::filesystem::path folder;  // of all runs
  std::filesystem::path data;    // data sets and folders of pictures; empty: the usual places
};

// Makes a run of the cell on training and validation data together, in FOLDER/TABLE/PRESET[-PICTURE]-seedN.
// If a search has left FOLDER/search/PRESET/best.json, those settings replace the preset's.
Job make_job(const PaperTable& table, const PaperCell& cell, const JobSources& sources, Index seed,
             const std::string& picture = {});

// Returns the path of best.json of a search for the cell, whether or not it exists.
std::filesystem::path found_settings(const JobSources& sources, const PaperCell& cell);

// Returns `tune TASK` over the task's space with the preset's other settings, into the folder of best.json.
// Image regression searches with the settings and the space of PRESET-minibatch.
std::vector<std::string> search_arguments(const PaperTable& table, const PaperCell& cell,
                                          const JobSources& sources, const std::string& picture);

// Gives the run `epochs` epochs, which are fewer than its settings have. A rate that falls in steps, or
// follows a 1cycle of fewer than six epochs, follows a cosine to zero instead. Image regression takes the
// settings of PRESET-minibatch, whose epochs have many steps.
void shorten(Job& job, Index epochs);

// Returns the pictures in DATA/SET, sorted by name; empty if there are none.
std::vector<std::string> pictures_in(const std::filesystem::path& data, const std::string& set);

}  // namespace stillpoint
